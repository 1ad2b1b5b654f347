"""Values in the types that the map declares: what is read in one way only is converted, everything else is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lifecycle.values import NotOfItsType, converted, guessed, instant, typed

ONE_WAY = [
    ("number", 49, 49), ("number", 4.5, 4.5), ("number", " 49 ", 49), ("number", "007", 7), ("number", "-4.50", -4.5),
    ("number", "1e3", 1000.0), ("number", ".5", 0.5),
    ("boolean", True, True), ("boolean", "Yes", True), ("boolean", "false", False),
    ("date", "2026-12-24", "2026-12-24"), ("date", "20261224", "2026-12-24"),
    ("date", "2026-12-24T23:30:00Z", "2026-12-24T23:30:00Z"),
    ("text", "007", "007"), ("text", 7, "7"), ("text", "", ""),
]  # fmt: skip
NOT_OF_IT = [
    ("number", "much"), ("number", "4,5"), ("number", "1,234"), ("number", "inf"), ("number", "nan"), ("number", True),
    ("number", "9" * 400), ("number", [1]), ("number", ""), ("number", "1_000"), ("number", "٣"),
    ("boolean", 1), ("boolean", "1"), ("boolean", "perhaps"), ("boolean", {}),
    ("date", "24/12/2026"), ("date", "2026-02-30"), ("date", 20261224), ("date", "2026-12-24T10:00"),
    ("text", 4.5), ("text", True), ("text", ["a"]), ("text", {"a": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("type", "value", "becomes"), ONE_WAY)
def test_what_can_be_read_in_one_way_only_is_converted(type: str, value: Any, becomes: Any) -> None:
    found = typed("it", value, type)
    assert (found, found.__class__) == (becomes, becomes.__class__)
    assert typed("it", found, type) == found


@pytest.mark.parametrize(("type", "value"), NOT_OF_IT)
def test_everything_else_is_refused_and_never_quoted(type: str, value: Any) -> None:
    with pytest.raises(NotOfItsType, match="`it` is") as refused:
        typed("it", value, type)
    assert not value or str(value) not in str(refused.value)


@pytest.mark.parametrize("type", ["number", "boolean", "date", "text"])
def test_nothing_is_of_every_type(type: str) -> None:
    assert typed("it", None, type) is None


def test_what_is_not_declared_stays_as_it_came() -> None:
    assert converted({"a": "1", "b": "1"}, {"a": "number"}) == {"a": 1, "b": "1"}


def test_texts_of_no_type_are_what_they_look_like_and_codes_stay_texts() -> None:
    texts = ["49", "4.5", "true", "007", "1e5", "yes", "9" * 20]
    assert [guessed(text) for text in texts] == [49, 4.5, True, "007", "1e5", "yes", "9" * 20]


def test_a_time_without_an_offset_is_by_the_clocks_of_the_zone() -> None:
    for text in ("2026-03-02T10:00:00+01:00", "2026-03-02 10:00", "2026-03-02T10:00:00"):
        assert instant(text, "Europe/Paris").format_iso() == "2026-03-02T09:00:00Z"
    assert instant("2026-03-02", "Europe/Paris").format_iso() == "2026-03-01T23:00:00Z"
    for wrong in ("02/03/2026", "2026-02-30", "", "10:00"):
        with pytest.raises(ValueError, match=r"."):
            instant(wrong, "Europe/Paris")
