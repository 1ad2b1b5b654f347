"""What templates can do to a value beyond Jinja2's own filters: dates, money, bounded forms of `join` and `round`."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from jinja2 import BaseLoader, Environment, TemplateNotFound, Undefined, pass_context
from jinja2.runtime import Context
from markupsafe import escape
from whenever import Date, Instant, ZonedDateTime

MAX_JOINED = 1_000
_PATTERN = re.compile(r"(?:%-?[aAbBdHIjmMpSyY%]|[^%])*")
_DIRECTIVE = re.compile(r"%(-?)([a-zA-Z%])")
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹"}
# Thousands and decimals by language; the currency stands last in these and first in all others.
_WRITTEN = {
    "de": ".,", "es": ".,", "it": ".,", "nl": ".,", "pt": ".,", "da": ".,", "tr": ".,", "id": ".,",
    "fr": " ,", "sv": " ,", "nb": " ,", "fi": " ,", "pl": " ,", "cs": " ,", "ru": " ,", "uk": " ,",
}  # fmt: skip


class Layouts(BaseLoader):
    """Finds shared layouts among the texts that were read, and nowhere else."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        if template not in self.sources:
            raise TemplateNotFound(template)
        return self.sources[template], None, None


@pass_context
def date(context: Context, value: Any, pattern: str = "") -> str:
    """A day, in the customer's time zone: `5 January 2026`, or as `pattern` says (`%d.%m.%Y %H:%M`)."""
    found = _moment(_present(value), context)
    if not _PATTERN.fullmatch(pattern) or len(pattern) > 60:
        raise ValueError("`date` takes a pattern of %d %m %Y %H %M and their like")
    if not pattern:
        pattern = "%-d %B %Y" if _language(context) == "en" else "%Y-%m-%d"
    return _DIRECTIVE.sub(lambda part: _written(found, part[2], bool(part[1])), pattern)


def _written(found: dt.date, directive: str, short: bool) -> str:
    text = found.strftime(f"%{directive}")
    return (text.lstrip("0") or "0") if short else text


def _moment(value: Any, context: Context) -> dt.date:
    if isinstance(value, str):
        for kind in (Date, Instant, ZonedDateTime):
            try:
                value = kind.parse_iso(value)
                break
            except ValueError:
                continue
    if isinstance(value, Instant):
        customer = context.get("customer")
        zone = customer.member("time_zone") if customer is not None else None
        value = value.to_tz(zone) if isinstance(zone, str) else value.to_tz("UTC")
    if isinstance(value, Date | ZonedDateTime):
        value = value.to_stdlib()
    if isinstance(value, dt.date):
        return value
    raise ValueError("this is not a date")


def _present(value: Any) -> Any:
    """`value`; where it is missing, the error that names it and not one about its kind."""
    if isinstance(value, Undefined):
        str(value)
    return value


def _language(context: Context) -> str:
    return str(context.get("language") or "en").partition("-")[0].lower()


@pass_context
def money(context: Context, value: Any, currency: str = "") -> str:
    """An amount as the message's language writes it: `€1,234.50`, in German `1.234,50 €`."""
    if isinstance(_present(value), bool):
        raise TypeError("this is not an amount")
    try:
        amount = Decimal(str(value)).quantize(Decimal(1) if currency == "JPY" else Decimal("0.01"))
    except InvalidOperation:
        raise ValueError("this is not an amount") from None
    text, sign = f"{abs(amount):,}", _SIGNS.get(currency.upper(), currency)
    minus = "-" if amount < 0 else ""
    marks = _WRITTEN.get(_language(context))
    if marks:
        text = text.translate({ord(","): marks[0], ord("."): marks[1]})
        return f"{minus}{text} {sign}".rstrip()
    return f"{minus}{sign}{' ' if len(sign) > 1 else ''}{text}"


@pass_context
def join(context: Context, values: Iterable[Any], between: str = "") -> str:
    """The values in a row, at most a thousand of them."""
    parts: list[Any] = []
    for value in values:
        parts.append(value if isinstance(value, str) else str(value))
        if len(parts) > MAX_JOINED:
            raise ValueError(f"`join` takes at most {MAX_JOINED:,} values")
    if sum(map(len, parts)) + len(between) * len(parts) > 100_000:
        raise ValueError("`join` would give too long a text")
    return escape(between).join(parts) if context.eval_ctx.autoescape else str(between).join(parts)


def round_(value: Any, digits: int = 0) -> float | int:
    """A number rounded to `digits` places, and a whole number where that is 0."""
    if isinstance(_present(value), bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        raise TypeError("only numbers can be rounded")
    if not 0 <= digits <= 9:
        raise ValueError("`round` takes 0 to 9 places")
    return round(float(value), digits) if digits else round(value)
