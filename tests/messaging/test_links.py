"""Links name one message for one purpose, and nobody else can make one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.links import PATHS, Kind, Links

LINKS = Links("https://milepost.example.com/app/", "a secret of 32 characters or more")
MESSAGE = "0123456789abcdef01234567"
KINDS: list[Kind] = list(PATHS)


def link(kind: Kind, message: str = MESSAGE, links: Links = LINKS) -> str:
    made: str = getattr(links, kind)(message)
    return made


def token(kind: Kind, links: Links = LINKS) -> str:
    return link(kind, links=links).rpartition("/")[2]


@pytest.mark.parametrize(
    ("kind", "path"), [("unsubscribe", "u"), ("preferences", "preferences"), ("confirm", "confirm")]
)
def test_a_link_leads_below_the_public_address_and_back_to_its_message(kind: Kind, path: str) -> None:
    made = link(kind)
    assert made.startswith(f"https://milepost.example.com/app/{path}/")
    assert made.isascii()
    assert len(made) < 150
    assert LINKS.read(kind, made.rpartition("/")[2]) == MESSAGE


def test_a_link_is_the_same_at_every_attempt() -> None:
    assert link("unsubscribe") == link("unsubscribe")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_a_link_for_one_purpose_is_none_for_another(kind: Kind, other: Kind) -> None:
    assert (LINKS.read(other, token(kind)) == MESSAGE) is (kind == other)


def test_a_link_of_another_key_is_none() -> None:
    assert LINKS.read("unsubscribe", token("unsubscribe", Links("https://example.com", "another key"))) is None


@given(st.data())
def test_a_link_in_which_anything_was_changed_is_none(data: st.DataObject) -> None:
    whole = token("unsubscribe")
    at = data.draw(st.integers(0, len(whole) - 1))
    put = data.draw(st.text(max_size=2))
    changed = whole[:at] + put + whole[at + 1 :]
    assert LINKS.read("unsubscribe", changed) == (MESSAGE if changed == whole else None)


@pytest.mark.parametrize("sign", ["\x80", " ", "%", "=", "\n"])
def test_a_sign_that_base_64_passes_over_makes_another_link(sign: str) -> None:
    whole = token("unsubscribe")
    assert LINKS.read("unsubscribe", f"{whole[:60]}{sign}{whole[60:]}") is None


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert LINKS.read("preferences", text) is None
