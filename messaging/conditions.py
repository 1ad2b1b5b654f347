"""Conditions: Jinja2 expressions over a customer's facts.

Jinja2's parser reads them, so its grammar is the language. What it reads is checked against the few kinds of expression
that conditions have and then turned into nested functions of `Facts`. Nothing else can be expressed, and no context
is made for each evaluation: a condition takes a microsecond or two, and the simulator asks millions.
A test holds these functions to what Jinja2's own sandbox says of the same expressions and facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import Token, TokenStream
from jinja2.parser import Parser

from lifecycle.criteria import Criterion
from lifecycle.facts import ConditionError, Demand, Facts, Outcome, Verdict
from messaging.criteria import criterion_of
from messaging.demands import demands_of, never_missing
from messaging.expressions import Builder, Missing
from messaging.readers import Read
from messaging.sandbox import Sandbox

MAX_LENGTH = 2_000

_SANDBOX: Final = Sandbox()
_OTHER_WORDS = {
    "=": "write `==` to compare", "&": "write `and`", "&&": "write `and`", "|": "write `or`", "||": "write `or`",
    "!": "write `not`", "AND": "write `and`", "OR": "write `or`", "NOT": "write `not`", "===": "write `==`",
    "<>": "write `!=`", "between": "write `10 <= event.amount <= 20`",
}  # fmt: skip


class JinjaConditions:
    """The language of conditions, as `lifecycle.facts.Conditions` describes it."""

    def names(self, expression: str) -> tuple[str, ...]:
        return _compiled(expression)[1]

    def evaluate(self, expression: str, facts: Facts) -> Verdict:
        try:
            value = _compiled(expression)[0](facts)
        except Missing as missing:
            return Verdict(None, missing.names or (expression,))
        # Most conditions come to one of these, and making a Verdict costs as much as evaluating.
        return _TRUE if value is True else _FALSE if value is False else Verdict(value)

    def demands(self, expression: str, outcome: Outcome = "true") -> tuple[Demand, ...]:
        return _demands(expression, outcome)

    def never_missing(self, expression: str) -> bool:
        _compiled(expression)
        return never_missing(_parsed(expression))

    def criterion(self, expression: str) -> Criterion:
        self.names(expression)  # what no condition may say is said so first
        return criterion_of(expression, _parsed(expression))


_TRUE, _FALSE = Verdict(True), Verdict(False)


@lru_cache(maxsize=4096)
def _compiled(expression: str) -> tuple[Read, tuple[str, ...]]:
    if len(expression) > MAX_LENGTH:
        raise ConditionError(f"a condition has at most {MAX_LENGTH:,} characters", MAX_LENGTH)
    try:
        builder = Builder(expression, _SANDBOX)
        read = builder.build(_parsed(expression))
    except RecursionError:
        raise ConditionError("this condition is nested too deeply") from None
    return read, tuple(builder.found)


@lru_cache(maxsize=4096)
def _demands(expression: str, outcome: Outcome) -> tuple[Demand, ...]:
    _compiled(expression)  # what no condition may say is said so first
    return demands_of(_parsed(expression), outcome)


def _parsed(expression: str) -> nodes.Expr:
    if not expression.strip():
        raise ConditionError("there is no condition here")
    offsets: list[int] = []
    try:
        parser = Parser(_SANDBOX, expression, state="variable")
        parser.stream = TokenStream(_tokens(expression, offsets), None, None)
        tree = parser.parse_expression()
    except TemplateSyntaxError as error:
        place = re.search(r"unexpected char .* at (\d+)$", error.message or "")
        offset = int(place[1]) if place else offsets[-1] if offsets else 0
        rest = expression[offset:]
        if not rest.strip():
            raise ConditionError("the condition stops too early; something is missing at its end", offset) from None
        raise ConditionError(f"this cannot be read from `{_shown(rest)}` on{_hint(rest)}", offset) from None
    except ValueError:
        raise ConditionError("there is a number here with too many digits") from None
    if not parser.stream.eos:
        rest = expression[offsets[-1] :]
        raise ConditionError(f"the condition should end before `{_shown(rest)}`{_hint(rest)}", offsets[-1])
    return tree


def _tokens(expression: str, offsets: list[int]) -> Iterator[Token]:
    """Jinja2's tokens; `offsets` gets the place of each that was drawn, because Jinja2 knows lines only."""
    offset = 0
    raw = []
    for line, kind, text in _SANDBOX.lexer.tokeniter(expression, None, None, "variable"):
        # The lexer drops the newline at the very end of what it reads and nothing else.
        raw.append((offset, line, kind, text))
        offset += len(text)
    for offset, line, kind, text in raw:
        for token in _SANDBOX.lexer.wrap(iter([(line, kind, text)])):
            offsets.append(offset)
            yield token
    offsets.append(len(expression))


def _shown(rest: str) -> str:
    return rest if len(rest) <= 24 else f"{rest[:21]}..."


def _hint(rest: str) -> str:
    word = re.match(r"\w+|[^\w\s]+", rest.lstrip())
    hint = _OTHER_WORDS.get(word[0]) if word else None
    return f"; {hint}" if hint else ""
