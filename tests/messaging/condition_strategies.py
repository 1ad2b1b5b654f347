"""Random conditions and facts for the tests that hold our reading of conditions to Jinja2's."""

from __future__ import annotations

from hypothesis import strategies as st
from whenever import Instant

from lifecycle.facts import Facts, Milestones

NOW = Instant.from_utc(2026, 3, 2, 9)

VALUES = st.one_of(
    st.integers(-5, 5),
    st.floats(-10, 10).map(lambda number: round(number, 2)),
    st.sampled_from(["", "pro", "free", "7", "-2.5", " Pro "]),
    st.booleans(),
)
_FEW = st.dictionaries(st.sampled_from(["a", "b"]), VALUES)


def _instants() -> st.SearchStrategy[Instant]:
    return st.integers(-40 * 86400, 86400).map(lambda seconds: NOW.add(seconds=seconds))


FACTS = st.builds(
    Facts,
    now=st.just(NOW),
    customer=_FEW,
    event=st.fixed_dictionaries(
        {},
        optional={
            "a": VALUES,
            "order": _FEW,
            "lines": st.lists(_FEW, max_size=2),
        },
    ),
    reached=st.none() | _FEW,
    milestones=st.dictionaries(
        st.sampled_from(["purchase", "message.opened"]),
        st.builds(Milestones, st.integers(0, 3), _instants(), _instants()) | st.just(Milestones()),
    ),
    messages=st.dictionaries(st.just("reminder"), st.sampled_from(["accepted", "refused"])),
    stage=st.none() | st.just("adopter"),
    health=st.none() | st.floats(0, 100),
)

NAMES = st.sampled_from(
    [
        "customer.a", "customer.b", "customer['a']", "event.a", "event.order.a", "event.lines[0].b", "reached.a",
        "milestones.purchase.count", "milestones.purchase.first", "milestones.purchase.last",
        "milestones.purchase.days_since", "milestones.message.opened.count", "milestones['message.opened'].last",
        "messages.reminder.state", "messages.other.state", "stage", "health", "account.a",
    ]
)  # fmt: skip
CONSTANTS = VALUES.map(lambda value: str(value).lower() if isinstance(value, bool) else repr(value))
# Never empty: there Python asks no item, so that Jinja2 does not notice a missing value, and we do.
LISTS = st.lists(CONSTANTS, min_size=1, max_size=3).map(lambda items: f"[{', '.join(items)}]")


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def shaped(form: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.tuples(*parts).map(lambda given: form.format(*given))

    compare = st.sampled_from(["==", "!=", ">", ">=", "<", "<="])
    arithmetic = st.sampled_from(["+", "-", "*", "/", "//", "%"])
    filters = st.sampled_from(["lower", "upper", "trim", "length", "int", "float", "abs", "round", "round(1)"])
    tests = st.sampled_from(["number", "string", "boolean", "even", "odd", "not number"])
    return st.one_of(
        shaped("({} {} {})", inner, compare, inner),
        shaped("({} {} {} {} {})", inner, compare, inner, compare, inner),
        shaped("({} {} {})", inner, arithmetic, inner),
        shaped("({} and {})", inner, inner),
        shaped("({} or {})", inner, inner),
        shaped("(not {})", inner),
        shaped("(-{})", inner),
        shaped("({} if {} else {})", inner, inner, inner),
        shaped("({} in {})", inner, LISTS),
        shaped("({} not in {})", inner, inner),
        shaped("({} is defined)", NAMES | st.just("reached")),
        shaped("({} is not defined)", NAMES),
        shaped("({} is {})", inner, tests),
        shaped("({}|{})", inner, filters),
        shaped("({}|default({}))", inner, inner),
        shaped("({}|default({}, true))", inner, inner),
    )


EXPRESSIONS = st.recursive(NAMES | CONSTANTS, _grown, max_leaves=8)
