"""What people do to one customer: addresses suppressed and lifted by hand, notes, consents that are changed."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy.orm import Session

from intake import consents, erasing, exporting, notes, reader, suppressing
from intake.asking import Conflict
from intake.pauses import Impossible
from lifecycle.suppression import BY_HAND, SAID_NO, STOPPED
from messaging import addresses
from store import customers, erasures, suppressions
from store.tables import Audit, Consent, Suppression
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.intake.post import KEY, run

ADA = ("ada@example.com", "+33612345678")


@pytest.fixture
def house(build: Build) -> House:
    house = build({"welcome": "entry: {milestone: purchase}\nsteps: [{wait: 3 days}]\n"})
    house.identify(email=ADA[0], phone=ADA[1], consent={"news": True})
    return house


def suppress(house: House, channel: Any = "email", **more: Any) -> None:
    given = {"scope": "all", "reason": "another reads it", "who": "test", "secret": KEY, "now": day(1), **more}
    house.write(lambda session: suppressing.suppress(session, "ada", channel, **given))


def lift(house: House, channel: Any = "email", **more: Any) -> list[str]:
    given = {"reason": "works again", "who": "test", "secret": KEY, "now": day(2), **more}
    return house.write(lambda session: suppressing.lift(session, "ada", channel, **given))


def lying(house: House) -> list[tuple[str, str, str, bool]]:
    found = house.read(lambda session: suppressing.of_customer(session, reader.find_customer(session, "ada"), KEY))
    return [(one.channel, one.reason, one.scope, one.liftable) for one in found]


def told(house: House, reason: str, scope: str = "all", channel: str = "email") -> None:
    """A suppression that somebody else made."""
    address = ADA[0] if channel == "email" else ADA[1]
    mark = addresses.fingerprint(KEY, channel, address)
    row = Suppression(channel=channel, address=mark, reason=reason, scope=scope, at=START, made_by="provider")
    house.write(lambda session: suppressions.add(session, row))


def log(house: House) -> list[tuple[str, str, str | None]]:
    return [(act.who, act.what, act.reason) for act in house.rows(Audit)]


def test_a_suppression_by_hand_says_who_and_why_and_is_undone_by_its_cause(house: House) -> None:
    told(house, "bounced")
    suppress(house, scope="marketing")
    assert lying(house) == [("email", "bounced", "all", True), ("email", BY_HAND, "marketing", True)]
    assert lift(house, cause=BY_HAND) == [BY_HAND]
    assert lying(house) == [("email", "bounced", "all", True)]
    assert lift(house) == ["bounced"]
    assert lying(house) == []
    assert log(house) == [
        ("test", "suppress", "another reads it"), ("test", "lift", "works again"), ("test", "lift", "works again"),
    ]  # fmt: skip
    assert ADA[0] not in str([(row.address, row.reason) for row in house.rows(Suppression)])


def test_wider_than_before_is_a_suppression_of_its_own_and_the_same_again_none(house: House) -> None:
    suppress(house, "sms", scope="marketing")
    with pytest.raises(Conflict, match="by hand already"):
        suppress(house, "sms", scope="marketing")
    suppress(house, "sms")
    with pytest.raises(Conflict, match="by hand already"):
        suppress(house, "sms", scope="marketing")
    assert [row.scope for row in house.rows(Suppression)] == ["marketing", "all"]
    assert lift(house, "sms") == [BY_HAND]
    assert lying(house) == []


@pytest.mark.parametrize(("cause", "sentence"), [(STOPPED, "START of theirs"), (SAID_NO, "a yes of theirs")])
def test_what_the_customer_asked_for_is_not_for_us_to_lift(house: House, cause: str, sentence: str) -> None:
    told(house, cause, channel="sms")
    assert lying(house) == [("sms", cause, "all", False)]
    with pytest.raises(Conflict, match=sentence):
        lift(house, "sms")
    suppress(house, "sms")
    assert lift(house, "sms") == [BY_HAND]
    assert lying(house) == [("sms", cause, "all", False)]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"channel": "fax"}, "email or sms"),
        ({"scope": "some"}, "marketing or all"),
        ({"reason": " "}, "say why"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(house: House, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Impossible, match=sentence):
        suppress(house, **given)
    house.identify(user="bo")
    with pytest.raises(Impossible, match="no phone number"):
        house.write(
            lambda session: suppressing.lift(session, "bo", "sms", reason="r", who="test", secret=KEY, now=START)
        )
    with pytest.raises(Conflict, match="nothing suppresses this e-mail address because of `bounced`"):
        lift(house, cause="bounced")
    assert (log(house), house.rows(Suppression)) == ([], [])


def test_the_same_request_twice_is_one_act_and_another_one_with_its_key_a_conflict(house: House) -> None:
    suppress(house, key="k1")
    suppress(house, key="k1", now=day(3))
    with pytest.raises(Conflict, match="another request"):
        suppress(house, key="k1", scope="marketing")
    assert lift(house, key="k2") == lift(house, key="k2") == [BY_HAND]
    with pytest.raises(Conflict, match="another request"):
        lift(house, key="k2", cause="bounced")
    assert [what for _, what, _ in log(house)] == ["suppress", "lift"]


# --- notes -----------------------------------------------------------------------------------------------------------


def note(house: House, text: str = "rings at six", **more: Any) -> str:
    return house.write(lambda session: notes.add(session, "ada", text, **{"who": "test", "now": day(1), **more}))


def test_a_note_is_in_the_audit_log_and_the_export_and_goes_with_the_person(house: House) -> None:
    assert note(house, "  her boss is Bo  ") == house.customer().id
    exported = house.read(lambda session: exporting.export(session, "ada", day(1), KEY))
    (shown,) = [one for one in exported["audit"] if one["what"] == "note"]
    assert (shown["reason"], shown["who"]) == ("her boss is Bo", "test")
    house.write(lambda session: erasing.erase(session, "ada", reason="asked", who="test", now=day(2), key=KEY))
    assert house.project.map is not None
    forgetter = erasing.Forgetter(house.database, None, house.project.map, KEY)
    for one in house.write(partial(erasures.take, now=day(2), limit=10)):
        run(forgetter.forget(one, day(2)))
    assert [(act.what, act.reason) for act in house.rows(Audit)] == [("note", None), ("erase", "asked")]
    with pytest.raises(Conflict, match="erased"):
        house.write(lambda session: notes.add(session, shown["target"], "more", who="test", now=day(3)))


def test_a_note_says_something_and_once_for_a_key(house: House) -> None:
    for text in (" ", "x" * 2001):
        with pytest.raises(Impossible):
            note(house, text)
    note(house, key="k1")
    note(house, key="k1")
    with pytest.raises(Conflict, match="another note"):
        note(house, "else", key="k1")
    assert log(house) == [("test", "note", "rings at six")]


# --- consents --------------------------------------------------------------------------------------------------------


def change(house: House, granted: bool, **more: Any) -> consents.Recorded:
    assert house.project.map is not None
    map_, proof = house.project.map, consents.Proof("phone", day(1))

    def store(session: Session) -> consents.Recorded:
        ada = customers.lock(session, house.customer().id)
        assert ada is not None
        given = {"reason": "told us by phone", "who": "test", **more}
        return consents.change(session, map_, ada, "news", granted, proof, day(1), **given)

    return house.write(store)


def test_a_consent_that_a_person_changes_has_a_reason_and_is_changed_once_for_a_key(house: House) -> None:
    assert change(house, granted=False, key="k1").state == "withdrawn"
    assert change(house, granted=False, key="k1").state == "withdrawn"
    with pytest.raises(Conflict, match="another request"):
        change(house, granted=True, key="k1")
    assert [row.granted for row in house.rows(Consent)] == [True, False]
    (act,) = house.rows(Audit)
    assert (act.what, act.reason, (act.data or {})["answer"]) == ("consent", "told us by phone", "no")
