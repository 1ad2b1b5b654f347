"""Random customers, and random conditions of the kind that segments may have."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

TEXTS = st.sampled_from(["", "pro", "free", "Pro", "7", "2026-03-02", "é", "z", "Z", "😀", "\uffee", "%", 'quo"te'])
NUMBERS = st.one_of(
    st.integers(-3, 8),
    st.sampled_from([0.1, 0.30000000000000004, 2.5, -0.5, 1e300, 2**53 + 1, 2**70, 10**400, 0.0, -0.0]),
    st.floats(-10, 10).map(lambda number: round(number, 2)),
)
VALUES = st.one_of(
    TEXTS,
    NUMBERS,
    st.booleans(),
    st.none(),
    st.sampled_from([[], {}, [1], ["pro"], {"a": 1}]),
)
ATTRIBUTES = ("plan", "score", "closed", "country")
DEFAULTS = {"customer": {"plan": "free", "closed": False, "language": "en"}, "account": {"seats": 3}}
HOURS = st.one_of(
    st.integers(-2_000, 300),
    st.sampled_from([-48.0, -24.0, 0.0, -24.0 + 1 / 3_600_000_000, -48.0 - 1 / 3_600_000_000]),
)
MILESTONES = ("purchase", "activated", "message.opened")

CUSTOMERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "attributes": st.dictionaries(st.sampled_from(ATTRIBUTES), VALUES),
        "account": st.none() | st.dictionaries(st.sampled_from(["plan", "seats"]), VALUES),
        "email": st.none() | st.just("ada@example.com"),
        "language": st.none() | st.sampled_from(["de", ""]),
        "stage": st.none() | st.sampled_from(["adopter", "pro"]),
        "milestones": st.lists(st.tuples(st.sampled_from(MILESTONES), HOURS), max_size=5),
    }
)

_ATTRIBUTE = st.sampled_from(
    [f"customer.{name}" for name in (*ATTRIBUTES, "email", "language")] + ["account.plan", "account.seats"]
)
_COUNTED = st.sampled_from([f"milestones.{name}.{part}" for name in MILESTONES for part in ("count", "days_since")])
_MOMENT = st.sampled_from([f"milestones.{name}.{part}" for name in MILESTONES for part in ("first", "last")])
_NAME = _ATTRIBUTE | _COUNTED | st.just("stage")


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


_SAFE = st.one_of(
    TEXTS,
    st.integers(-3, 8),
    st.sampled_from([2**53 - 1, 0.1, 0.3, 0.30000000000000004, 2.5, -0.5]),
    st.booleans(),
)
_CONSTANT = _SAFE.map(_written)
_LIST = st.lists(_CONSTANT, max_size=3).map(lambda items: f"[{', '.join(items)}]")
_RELATION = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


def _formed(form: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda given: form.format(*given))


_ATTRIBUTE_OR_ELSE = _ATTRIBUTE | _formed("{}|default({})", _ATTRIBUTE, _CONSTANT)
_PLAIN = _COUNTED | st.just("stage") | _formed("{}|default({})", _COUNTED | st.just("stage"), _CONSTANT)
_ANY = _ATTRIBUTE_OR_ELSE | _PLAIN

_LEAVES = st.one_of(
    _formed("({} {} {})", _ANY, _RELATION, _CONSTANT),
    _formed("({} {} {})", _CONSTANT, _RELATION, _ANY),
    _formed("({} {} {})", _ANY, _RELATION, _PLAIN),
    _formed("({} {} {})", _PLAIN, _RELATION, _ANY),
    _formed("({} {} {})", _MOMENT, _RELATION, _MOMENT),
    _formed("({} {} {} {} {})", _CONSTANT, _RELATION, _ANY, _RELATION, _CONSTANT),
    _formed("({} {} {})", _ANY, st.sampled_from(["in", "not in"]), _LIST),
    _formed("({} {})", _NAME | _MOMENT, st.sampled_from(["is defined", "is not defined", "is undefined"])),
    _ANY,
)
CONDITIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        _formed("({} and {})", inner, inner), _formed("({} or {})", inner, inner), _formed("(not {})", inner)
    ),
    max_leaves=6,
)
