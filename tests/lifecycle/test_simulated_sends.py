"""Caps, quiet hours, priority and consent in a simulated life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from whenever import Instant

from lifecycle.events import Person
from lifecycle.language.map import Map
from lifecycle.policies import Reach
from lifecycle.simulated import Happening, World
from lifecycle.simulator import Life
from tests.lifecycle.asking import local
from tests.lifecycle.strategies import compiled, small_project

MORNING, EVENING = local("2026-03-03T10:00"), local("2026-03-03T21:30")
DAY = 24


def playbook(name: str, entry: str, *steps: Mapping[str, Any], priority: int = 5) -> dict[str, Any]:
    entering = {"milestone": entry, "reentry": "after_exit"}
    return {"playbook": name, "stage": "customer", "priority": priority, "entry": entering, "steps": list(steps)}


MAILS = playbook("mails", "purchase", {"send": "mail/one"}, {"send": "mail/two", "expires": "9 days"})
URGENT = playbook("urgent", "beta", {"send": "mail/one"}, priority=1)
TEXT = playbook("texts", "purchase", {"send": "text/one", "expires": "3 days"})
RECEIPTS = playbook("receipts", "gamma", {"send": "mail/receipt"})


def lived(
    *authored: dict[str, Any],
    happenings: list[Happening] | None = None,
    caps: list[dict[str, Any]] | None = None,
    hours: dict[str, str] | None = None,
    traits: dict[str, Any] | None = None,
    consent: dict[str, bool] | None = None,
    **world: Any,
) -> list[tuple[str, str, Instant, str | None]]:
    """What became of each message of a life, playbook by playbook; of one put off, until when."""
    project = small_project()
    assert project.map is not None
    map = Map.model_validate(
        {**project.map.model_dump(by_alias=True, exclude={"caps", "hours"}), "caps": caps or [], "hours": hours or {}}
    )
    plans = [compiled(one) for one in authored]
    there = World(map, plans, project.templates.infos, project.conditions)
    life = Life(replace(there, **world), Person("cus_1", {"first_name": "Ada", **(traits or {})}), consent)
    life.run(happenings or [Happening(MORNING, "milestone", "purchase")], MORNING.add(hours=400 * DAY))
    told = sorted((line for journey in life.journeys for line in journey.lines), key=lambda line: line.at)
    return [
        (line.what, line.template or "", Instant.parse_iso(line.to) if line.what == "deferred" and line.to else line.at,
         line.reason)
        for line in told if line.template
    ]  # fmt: skip


def test_what_a_cap_has_no_room_for_goes_when_there_is_room() -> None:
    caps = [{"channel": "email", "at_most": 1, "every": "2 days"}]
    then = MORNING.add(hours=2 * DAY)
    assert lived(MAILS, caps=caps) == [
        ("sent", "mail/one", MORNING, None),
        ("deferred", "mail/two", then, "frequency-cap"),
        ("sent", "mail/two", then, None),
    ]


def test_a_cap_is_over_all_playbooks_and_transactional_mail_does_not_count() -> None:
    caps = [{"channel": "email", "at_most": 1, "every": "2 days"}]
    happenings = [
        Happening(MORNING, "milestone", "gamma"),
        Happening(MORNING, "milestone", "beta"),
        Happening(MORNING.add(hours=DAY), "milestone", "gamma"),
        Happening(MORNING.add(hours=DAY), "milestone", "beta"),
    ]
    assert lived(URGENT, RECEIPTS, happenings=happenings, caps=caps) == [
        ("sent", "mail/receipt", MORNING, None),
        ("sent", "mail/one", MORNING, None),
        ("sent", "mail/receipt", MORNING.add(hours=DAY), None),
        ("deferred", "mail/one", MORNING.add(hours=2 * DAY), "frequency-cap"),
        ("sent", "mail/one", MORNING.add(hours=2 * DAY), None),
    ]


def test_of_two_messages_that_a_cap_put_off_the_one_of_the_more_important_playbook_goes_first() -> None:
    """Though the other comes due in the same moment, and its journey began before."""
    caps = [{"channel": "email", "at_most": 1, "every": "2 days"}]
    happenings = [
        Happening(MORNING, "milestone", "purchase"),
        Happening(MORNING.add(hours=DAY), "milestone", "beta"),
    ]
    then, later = MORNING.add(hours=2 * DAY), MORNING.add(hours=4 * DAY)
    assert lived(MAILS, URGENT, happenings=happenings, caps=caps) == [
        ("sent", "mail/one", MORNING, None),
        ("deferred", "mail/two", then, "frequency-cap"),
        ("deferred", "mail/one", then, "frequency-cap"),
        ("deferred", "mail/two", then.add(minutes=1), "priority"),
        ("sent", "mail/one", then, None),
        ("deferred", "mail/two", later, "frequency-cap"),
        ("sent", "mail/two", later, None),
    ]


def test_nobody_waits_for_a_message_whose_journey_is_over() -> None:
    caps = [{"channel": "email", "at_most": 1, "every": "2 days"}]
    happenings = [
        Happening(MORNING, "milestone", "purchase"),
        Happening(MORNING.add(hours=DAY), "milestone", "beta"),
        Happening(MORNING.add(hours=DAY + 1), "milestone", "omega"),
    ]
    told = lived(MAILS, {**URGENT, "exit": ["omega"]}, happenings=happenings, caps=caps)
    assert told[-1] == ("sent", "mail/two", MORNING.add(hours=2 * DAY), None)
    assert "priority" not in [reason for *_, reason in told]


def test_an_sms_in_the_evening_goes_in_the_morning() -> None:
    then = local("2026-03-04T09:00")
    night = [Happening(EVENING, "milestone", "purchase")]
    assert lived(TEXT, happenings=night) == [
        ("deferred", "text/one", then, "quiet-hours"),
        ("sent", "text/one", then, None),
    ]


def test_hours_are_those_of_the_persons_zone_country_and_region_as_they_are_known_at_that_time() -> None:
    texan = {"time_zone": "America/Chicago", "country": "US", "region": "TX"}
    sunday = local("2026-03-01T08:30", "America/Chicago")
    then = local("2026-03-01T12:00", "America/Chicago")
    assert lived(TEXT, happenings=[Happening(sunday, "milestone", "purchase")], traits=texan)[-1][2] == then
    before = sunday.subtract(hours=20)
    moved = [
        Happening(before, "milestone", "purchase"),
        Happening(before, "set", properties={"region": "CA"}),
        Happening(sunday, "milestone", "purchase"),
    ]
    assert [(what, at) for what, _, at, _ in lived(TEXT, happenings=moved, traits=texan)] == [
        ("sent", before),
        ("sent", sunday),
    ]


def test_where_somebody_is_can_be_told_by_the_world() -> None:
    afternoon = [Happening(local("2026-03-03T13:00"), "milestone", "purchase")]
    told = lived(TEXT, happenings=afternoon, reach=lambda person: Reach(("Asia/Tokyo",)))
    assert told[-1] == ("sent", "text/one", local("2026-03-04T09:00", "Asia/Tokyo"), None)


def test_email_keeps_the_hours_that_the_map_declares() -> None:
    then = local("2026-03-04T08:00")
    told = lived(MAILS, happenings=[Happening(EVENING, "milestone", "purchase")], hours={"email": "08:00 to 21:00"})
    assert told[:2] == [("deferred", "mail/one", then, "quiet-hours"), ("sent", "mail/one", then, None)]


def test_what_is_put_off_beyond_its_time_expires() -> None:
    caps = [{"at_most": 1, "every": "7 days"}]
    two = playbook("mails", "purchase", {"send": "mail/one"}, {"send": "mail/two", "expires": "1 day"})
    assert lived(two, caps=caps) == [
        ("sent", "mail/one", MORNING, None),
        ("deferred", "mail/two", MORNING.add(hours=DAY), "frequency-cap"),
        ("refused", "mail/two", MORNING.add(hours=DAY), "expired"),
    ]


def test_consent_may_be_for_one_channel() -> None:
    traits = {"email": "ada@example.com", "phone": "+33612345678"}
    for consent, wanted in (
        ({"news": True}, ["sent", "sent"]),
        ({"news": True, "news:sms": False}, ["sent", "refused"]),
        ({"news:sms": True}, ["refused", "sent"]),
        ({}, ["refused", "refused"]),
    ):
        both = playbook("both", "purchase", {"send": "mail/one"}, {"send": "text/one"})
        told = lived(both, consent=consent, traits=traits, strict_consent=True)
        assert [what for what, *_ in told] == wanted
