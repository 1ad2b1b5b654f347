"""What a segment asks, as a small tree that a database can be asked as well: the language between the two readings.

`messaging.criteria` makes one from a condition, `store.criteria` makes SQL of it. Both readings must come to the same.
A criterion is true, false or missing; as in a condition, the second half of an `and` or `or` is looked at only where
the first does not decide, and what is missing first makes the whole missing. A customer is in a segment where it is
true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scalar = str | int | float | bool
Relation = Literal["eq", "ne", "lt", "lteq", "gt", "gteq"]
Part = Literal["count", "first", "last", "days_since"]

MAX_NUMBER = 2**53 - 1
"""The largest number that a criterion may name: up to here whole numbers and fractions compare exactly everywhere."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the customer or of their account, of whatever type the product sent; else its default."""

    of: Literal["customer", "account"]
    name: str


@dataclass(frozen=True, slots=True)
class History:
    """How often a milestone happened, when first or last, or how many whole days ago."""

    milestone: str
    part: Part


@dataclass(frozen=True, slots=True)
class Stage:
    """The customer's stage."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value that stands in the condition itself."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Otherwise:
    """A value, or a fixed one where it is missing."""

    value: Known
    instead: Scalar


Known = Attribute | History | Stage
"""What is known of a customer, or missing."""

Value = Known | Fixed | Otherwise


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values. Numbers (and truths, which are 1 and 0) compare, texts compare, moments compare; what does not fit
    together is unlike, and in no order: that is missing.
    """

    left: Value
    relation: Relation
    right: Value


@dataclass(frozen=True, slots=True)
class Among:
    """Whether a value equals one of these."""

    value: Value
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Defined:
    """Whether there is a value. Never missing."""

    value: Known


@dataclass(frozen=True, slots=True)
class Full:
    """A value that stands alone: neither false, nor 0, nor empty."""

    value: Value


@dataclass(frozen=True, slots=True)
class Not:
    criterion: Criterion


@dataclass(frozen=True, slots=True)
class Both:
    first: Criterion
    second: Criterion


@dataclass(frozen=True, slots=True)
class Either:
    first: Criterion
    second: Criterion


Criterion = Compare | Among | Defined | Full | Not | Both | Either
