"""The one Jinja2 environment: what marketing writes runs here and can neither reach the program nor exhaust it.

Three fences. Only the tags, filters, tests and functions that are named here exist. Only plain data, macros and loops
have attributes, none of which begins with an underscore. And work is bounded: turns of loops and calls in a `Budget`,
the length of every text that is put together, the size of every number.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from jinja2 import StrictUndefined, Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import TemplateModule
from jinja2.exceptions import TemplateRuntimeError, UndefinedError
from jinja2.runtime import (
    BlockReference,
    Context,
    LoopContext,
    Macro,
    TemplateReference,
    Undefined,
    markup_join,
    str_join,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from messaging import filters
from messaging.names import NOTHING, Group, member

MAX_TEXT = 1_000_000
MAX_VALUE_TEXT = 100_000
MAX_RANGE = 1_000
MAX_WORK = 20_000
MAX_BITS = 256

KEPT_FILTERS = (
    "abs", "capitalize", "count", "d", "default", "e", "escape", "first", "float", "int", "last", "length", "lower",
    "striptags", "title", "trim", "truncate", "upper", "urlencode",
)  # fmt: skip
KEPT_TESTS = (
    "boolean", "defined", "divisibleby", "even", "false", "in", "number", "odd", "string", "true", "undefined",
)  # fmt: skip
_LOOKABLE = (LoopContext, TemplateReference, TemplateModule, BlockReference)
DATA_METHODS = ("items", "keys", "values")


class TooMuch(TemplateRuntimeError):
    """The template asks for more work, or a longer text or larger number, than any message needs."""


class MissingValue(UndefinedError):
    """A value that is not there was used. `name` is its dotted name."""

    def __init__(self, name: str, message: str | None = None) -> None:
        super().__init__(message)
        self.name = name


class Absent(StrictUndefined):
    """What a name without a value is: it may be asked whether it is defined, or given a default, and nothing else."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = UndefinedError
    ) -> None:
        # Jinja2 only ever calls `exc` with a message, so that a partial does for a class.
        named: Any = partial(MissingValue, name or "?") if exc is UndefinedError else exc
        super().__init__(hint, obj, name, named)

    def __abs__(self) -> Any:
        return str(self)

    @property
    def dotted_name(self) -> str:
        return self._undefined_name or "?"


_left: ContextVar[list[int] | None] = ContextVar("work left", default=None)


def _spend() -> None:
    left = _left.get()
    if left is not None:
        left[0] -= 1
        if left[0] < 0:
            raise TooMuch(f"more than {MAX_WORK:,} turns of loops and calls")


def _checked(value: Any) -> Any:
    if isinstance(value, str | list | tuple):
        if len(value) > MAX_VALUE_TEXT:
            raise TooMuch(f"a text of more than {MAX_VALUE_TEXT:,} characters")
    elif isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise TooMuch("a number with too many digits")
    return value


def add(left: Any, right: Any) -> Any:
    """`+`, bounded."""
    return _checked(left + right)


def multiply(left: Any, right: Any) -> Any:
    """`*` of numbers; a text or list cannot be repeated."""
    if isinstance(left, str | list | tuple) or isinstance(right, str | list | tuple):
        raise TypeError("only numbers can be multiplied")
    return _checked(left * right)


def modulo(left: Any, right: Any) -> Any:
    """`%` of numbers; it does not format texts."""
    if isinstance(left, str):
        raise TypeError("only numbers can be divided")
    return left % right


def power(left: Any, right: Any) -> Any:
    """`**` of numbers whose result stays small."""
    whole = isinstance(left, int) and isinstance(right, int)
    if whole and (abs(right) > MAX_BITS or left.bit_length() * right > MAX_BITS):
        raise TooMuch("a number with too many digits")
    return left**right


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": add, "-": operator.sub, "*": multiply, "/": operator.truediv, "//": operator.floordiv, "%": modulo,
    "**": power,
}  # fmt: skip


def _range(*arguments: int) -> range:
    numbers = range(*arguments)
    if abs(numbers.stop - numbers.start) > MAX_RANGE * abs(numbers.step):
        raise TooMuch(f"a range of more than {MAX_RANGE:,}")
    return numbers


def _join(parts: Iterable[str]) -> str:
    kept = list(parts)
    if sum(map(len, kept)) > MAX_TEXT:
        raise TooMuch(f"a text of more than {MAX_TEXT:,} characters")
    return "".join(kept)


class _BoundedCode(CodeGenerator):
    """Puts `turns` around what is looped over, and a bounded join in place of `~`."""

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802
        node.iter = nodes.Call(nodes.EnvironmentAttribute("turns"), [node.iter], [], None, None, lineno=node.lineno)
        super().visit_For(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write(f"environment.concatenated({bool(frame.eval_ctx.autoescape)}, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment. `sources` are the shared layouts, by the name under which templates ask for them.

    There is no loader behind it but this mapping, so no file can be reached from a template.
    """

    code_generator_class = _BoundedCode
    concat = staticmethod(_join)
    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, sources: Mapping[str, str] | None = None) -> None:
        super().__init__(
            undefined=Absent,
            autoescape=_is_markup,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=-1,
            auto_reload=False,
            loader=filters.Layouts(sources or {}),
        )
        self.binop_table = dict(BINARY)
        self.globals = {"range": _range}
        own = {"date": filters.date, "money": filters.money, "join": filters.join, "round": filters.round_}
        self.filters = {name: self.filters[name] for name in KEPT_FILTERS} | own
        self.tests = {name: self.tests[name] for name in KEPT_TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        found = self._member(obj, attribute)
        if found is not NOTHING:
            return found
        if isinstance(obj, Group | Mapping) and attribute in DATA_METHODS:
            return getattr(obj.data if isinstance(obj, Group) else obj, attribute)
        if isinstance(obj, _LOOKABLE):
            return super().getattr(obj, attribute)
        return self._absent(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        found = self._member(obj, argument)
        return self._absent(obj, argument) if found is NOTHING else found

    def _member(self, obj: Any, key: Any) -> Any:
        return obj.find(key) if isinstance(obj, Group) else member(obj, key)

    def _absent(self, obj: Any, key: Any) -> Undefined:
        if isinstance(obj, Group):
            return self.undefined(name=f"{obj.path}.{key}")
        if isinstance(obj, Absent):
            return self.undefined(name=f"{obj.dotted_name}.{key}")
        if isinstance(obj, Mapping | list | tuple):
            return self.undefined(name=str(key))
        return self.unsafe_undefined(obj, str(key))

    def is_safe_callable(self, obj: Any) -> bool:
        if isinstance(obj, Macro | LoopContext | BlockReference) or obj in (_range, self.turns):
            return True
        owner = getattr(obj, "__self__", None)
        return isinstance(owner, Mapping | LoopContext) and not obj.__name__.startswith("_")

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        _spend()
        return super().call(context, obj, *args, **kwargs)

    def get_template(self, name: Any, parent: str | None = None, globals: Any = None) -> Template:
        _spend()
        return super().get_template(name, parent, globals)

    def turns(self, values: Iterable[Any]) -> Iterator[Any]:
        """`values`, each of which costs one piece of work."""
        for value in values:
            _spend()
            yield value

    def concatenated(self, escape: bool, parts: tuple[Any, ...]) -> str:
        """What `a ~ b` comes to, bounded."""
        if sum(len(part) for part in parts if isinstance(part, str)) > MAX_VALUE_TEXT:
            raise TooMuch(f"a text of more than {MAX_VALUE_TEXT:,} characters")
        return markup_join(parts) if escape else str_join(parts)

    def compiled(self, source: str | nodes.Template, name: str) -> Template:
        """A template that can be rendered; texts in it are escaped where `name` ends as markup does."""
        return Template.from_code(self, self.compile(source, name), self.make_globals(None))

    def rendered(self, template: Template, names: Mapping[str, Any]) -> str:
        """The text that a template comes to. Raises MissingValue, TooMuch, SecurityError and what filters raise."""
        token = _left.set([MAX_WORK])
        try:
            context = template.new_context(dict(names))
            return _join(template.root_render_func(context))
        except RecursionError:
            raise TooMuch("a template that uses itself without an end") from None
        finally:
            _left.reset(token)


def _is_markup(name: str | None) -> bool:
    return name is not None and name.endswith((".mjml", ".html"))
