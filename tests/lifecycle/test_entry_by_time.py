"""Playbooks that time enters: what the language takes, and whom a slot enters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from whenever import Instant

from lifecycle.applying import apply
from lifecycle.compiler import compile_playbook
from lifecycle.events import Event, OpenJourney, Person
from lifecycle.language.faults import Faults
from lifecycle.language.playbook import Playbook
from lifecycle.language.source import read
from lifecycle.language.validate import validate
from lifecycle.plan import Entry, Plan, unpack
from tests.lifecycle.strategies import compiled, small_project

NOW = Instant.from_utc(2026, 3, 2, 8)
HEAD = "playbook: p\nstage: stranger\nsteps: [{wait: 1 day}]\n"


def compile_entry(entry: str) -> tuple[Plan | None, list[str]]:
    project, faults = small_project(), Faults()
    assert project.map is not None
    source = read("p.yaml", (HEAD + f"entry: {entry}\n").encode(), faults)
    playbook = validate(Playbook, source, faults) if source else None
    if playbook is None:
        return None, [str(fault) for fault in faults]
    plan = compile_playbook(playbook, project.map, project.templates.infos, ["p"], project.conditions, faults)
    return plan, [str(fault) for fault in faults]


def plan_of(entry: str) -> Plan:
    plan, faults = compile_entry(entry)
    assert plan is not None, faults
    return plan


def test_a_schedule_is_an_entry() -> None:
    plan = plan_of('{schedule: "0 9 * * MON", if: customer.plan == "pro", spread: 1 hour}')
    assert plan.entry == Entry(
        condition='customer.plan == "pro"', reentry="each", schedule="0 9 * * MON", spread="1 hour"
    )
    assert unpack(plan.packed) == plan


def test_a_date_of_the_customer_is_an_entry() -> None:
    plan = plan_of('{date: 30 days before customer.renews_on, every: year, at: "09:00", reentry: never}')
    assert plan.entry == Entry(reentry="never", date="30 days before customer.renews_on", yearly=True, at="09:00")


def test_the_version_of_a_playbook_that_a_milestone_enters_is_what_it_was_before_time_could() -> None:
    """Else every playbook would be a new version once Milepost is upgraded."""
    authored = {"playbook": "random", "stage": "stranger", "entry": "purchase", "steps": [{"wait": "1 day"}]}
    assert compiled(authored).version == "7d2c9b08b0141234"


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ('{schedule: "0 9 * * MOON"}',
         "p.yaml:4:19: not-a-schedule `0 9 * * MOON` is not a schedule: the day of week cannot be read"),
        ("{schedule: daily}", "p.yaml:4:19: not-a-schedule `daily` is not a schedule; write minute, hour, day"),
        ('{schedule: "0 9 31 2 *"}', "p.yaml:4:19: never-comes `0 9 31 2 *` never comes: no such month has such a day"),
        ("{date: customer.renews}", "p.yaml:4:15: unknown-attribute unknown attribute `customer.renews`"),
        ("{date: customer.plan}",
         "p.yaml:4:15: not-a-date `customer.plan` is a text, and only a date can enrol"),
        ("{date: day 3}", "p.yaml:4:15: not-a-date `day 3` is no date of a customer; write for example"),
        ("{date: 2026-12-24}", "p.yaml:4:15: not-a-date `2026-12-24` is no date of a customer"),
        ("{date: customer.renews_on, every: month}",
         "p.yaml:4:42: wrong-value `month` does not fit here: write `year`"),
        ('{date: "customer.renews_on 09:00", at: "10:00"}',
         "p.yaml:4:47: twice the clock time stands in `date` already"),
        ("{date: customer.renews_on, spread: 2 days}",
         "p.yaml:4:43: spread-too-long `2 days` is too long to spread over; at most `24 hours`"),
        ('{schedule: "0 * * * *", spread: 2 hours}',
         "p.yaml:4:40: spread-too-long the next time of `0 * * * *` comes before `2 hours` are over"),
        ('{schedule: "0 9 * * *", per: order}', "p.yaml:4:32: other-entry `per` belongs to an entry by milestone"),
        ('{schedule: "0 9 * * *", at: "09:00"}', "p.yaml:4:32: other-entry `at` belongs to an entry by date"),
        ("{milestone: purchase, spread: 1 hour}",
         "p.yaml:4:30: other-entry `spread` belongs to an entry by schedule or date"),
        ('{milestone: purchase, schedule: "0 9 * * *"}',
         "p.yaml:4:30: one-of `milestone` and `schedule` are two entries; write one of them"),
        ("{reentry: never}", "p.yaml:4:8: missing-key an entry names a `milestone`, `segment`, `schedule` or `date`"),
        ('{schedule: "0 9 * * *", if: event.amount > 3}', "unknown-property unknown property `event.amount`"),
    ],
)  # fmt: skip
def test_each_mistake_is_reported_at_its_place(entry: str, fault: str) -> None:
    plan, found = compile_entry(entry)
    assert plan is None
    assert len(found) == 1
    assert fault in found[0]


# --- entering ------------------------------------------------------------------------------------------------------


def come_due(
    plan: Plan,
    attributes: dict[str, Any] | None = None,
    *,
    been: tuple[str, ...] = (),
    open: bool = False,
    at: Instant = NOW,
) -> Any:
    project = small_project()
    assert project.map is not None
    event = Event(7, "due", plan.playbook, at, {"slot": "2026-03-02T09:00"}, received=NOW)
    inside = [OpenJourney("p.before", plan, NOW)] if open else []
    person = Person("cus_1", attributes or {})
    return apply(event, person, inside, {"p": set(been)}, [plan], project.map, project.conditions, NOW)


WEEKLY = '{schedule: "0 9 * * MON"}'


def test_a_slot_enters_whoever_passes_the_condition() -> None:
    plan = plan_of('{schedule: "0 9 * * MON", if: customer.plan == "pro"}')
    (entered,) = come_due(plan, {"plan": "pro"}).entered
    assert (entered.key, entered.event) == ("2026-03-02T09:00", {"slot": "2026-03-02T09:00", "name": "p"})
    assert come_due(plan, {"plan": "free"}).not_entered == [("p", 'the entry asks for: customer.plan == "pro"')]


def test_a_slot_is_no_milestone() -> None:
    done = come_due(plan_of(WEEKLY))
    assert (done.milestones, done.person.history) == ([], {})


def test_a_customer_enters_once_for_each_slot() -> None:
    plan = plan_of(WEEKLY)
    assert len(come_due(plan, been=("2026-02-23T09:00",), open=True).entered) == 1
    assert come_due(plan, been=("2026-02-23T09:00", "2026-03-02T09:00")).not_entered == [
        ("p", "the customer has been in it for 2026-03-02T09:00 before")
    ]


def test_reentry_may_be_had_otherwise() -> None:
    never = plan_of('{schedule: "0 9 * * MON", reentry: never}')
    assert come_due(never, been=("",)).not_entered == [("p", "the customer has been in it before")]
    after = plan_of('{schedule: "0 9 * * MON", reentry: after_exit}')
    assert come_due(after, open=True).not_entered == [("p", "the customer is in it now")]
    restart = come_due(plan_of('{schedule: "0 9 * * MON", reentry: restart}'), open=True)
    assert len(restart.entered) == 1
    assert [wake.name for wake in restart.wakes] == ["restarted"]


def test_a_slot_that_came_more_than_a_day_ago_enters_nobody() -> None:
    late = come_due(plan_of(WEEKLY), at=NOW.subtract(hours=25))
    assert not late.entered


def test_a_slot_enters_the_playbook_that_it_names_and_only_while_time_enters_it() -> None:
    other = replace(plan_of(WEEKLY), playbook="other")
    assert not come_due(plan_of("purchase")).entered
    assert [one.plan.playbook for one in come_due(other).entered] == ["other"]
