"""Many simulated customers: what is counted, and that parts add up to the whole."""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant

from lifecycle.behaviour import Conduct
from lifecycle.cohort import Cohort, Days, Tally, busiest_week, data_of, median
from lifecycle.language.behaviour import Behaviour
from project import Project, load
from tests.intake.house import PROJECT
from tests.lifecycle.asking import local
from tests.lifecycle.strategies import compiled, world

ROOT = PROJECT.parent.parent
START = Instant.from_utc(2026, 1, 5, 9)

BEHAVIOUR: dict[str, Any] = {
    "seed": 3,
    "entries": {"hours": "08:00 to 22:00"},
    "customers": {"time_zone": {"Europe/Paris": 3, "America/New_York": 1}},
    "consent": {"text_tips": "50%"},
    "milestones": {
        "purchase": {"rate": 1, "with": {"revenue": {"49": 9, "900": 1}}},
        "first_use": {"rate": "70%", "after": "2 days", "from": "purchase"},
        "activated": {"rate": "60%", "after": "9 days", "from": "first_use"},
        "purchase_refunded": {"rate": "5%", "after": "10 days"},
        "message.clicked": {"rate": "30%", "after": "4 hours"},
    },
}


@pytest.fixture(scope="module")
def shipped() -> Project:
    return load(ROOT)


def cohort(project: Project, holdout: float = 0.0, **more: Any) -> Cohort:
    assert project.map is not None
    plan = replace(project.plans["first-90-days"], holdout=holdout)
    there = replace(project.world("first-90-days"), plans=[plan])
    behaviour = Behaviour.model_validate(BEHAVIOUR | more)
    return Cohort(there, plan, Conduct(behaviour, project.map, [plan]), START, 95)


def test_the_result_is_the_same_however_the_cohort_is_divided(shipped: Project) -> None:
    whole = cohort(shipped)
    parts = Tally()
    for numbers in (range(20, 60), range(20)):
        parts.add(pickle.loads(pickle.dumps(whole)).live(numbers))
    assert parts == whole.live(range(60))
    assert whole.live(range(60)) != cohort(shipped, seed=4).live(range(60))


def test_what_is_counted_is_what_the_timelines_tell(shipped: Project) -> None:
    made = cohort(shipped)
    data = data_of(made.live(range(80)), made, 3)
    lines = [line for n in range(80) for journey in made.life(f"cus_{n}").journeys for line in journey.lines]
    what = Counter(line.what for line in lines)
    assert sum(data["messages"].values()) == what["sent"]
    assert sum(sum(row[c] for c in ("email", "sms")) for row in data["by_day"]) == what["sent"]
    assert data["by_day"][0]["date"] == "2026-01-05"
    assert sum(row["messages"] for row in data["refused"]) == what["refused"]
    assert (sum(data["tasks"].values()), data["goal"]["reached"]) == (what["task"], what["goal"])
    assert data["goal"]["share"] == round(what["goal"] / 80, 4)
    assert sum(data["ends"].values()) == data["customers"] == 80
    assert data["ends"]["finished"] > 60
    assert sum(data["week"]["customers"].values()) == 80
    assert data["week"]["most"] <= 6


def test_with_strict_consent_only_those_are_written_to_who_agree(shipped: Project) -> None:
    made = cohort(shipped)
    made.world = replace(made.world, strict_consent=True)
    tally = made.live(range(60))
    agree = sum(made.conduct.consent(f"cus_{number}")["text_tips"] for number in range(60))
    assert 20 < agree < 40
    assert tally.steps["one-month"] + tally.steps["one-month-by-email"] == tally.steps["invitation"]
    assert 0 < tally.steps["one-month"] <= agree
    assert tally.steps["welcome"] == 60  # an e-mail of a topic that needs no yes


def test_the_holdout_is_counted_and_not_messaged(shipped: Project) -> None:
    made = cohort(shipped, holdout=50.0)
    data = data_of(made.live(range(200)), made, 3)
    assert 60 < data["holdout"] < 140
    assert data["by_step"]["welcome"] == data["entered"] - data["holdout"]


def test_clicks_lead_where_the_playbook_listens_for_them(shipped: Project) -> None:
    sure = {**BEHAVIOUR["milestones"], "message.clicked": {"rate": 1, "after": "4 hours"}}
    made = cohort(shipped, milestones=sure, consent={})
    tally = made.live(range(40))
    assert tally.steps["open-hours-today"] == tally.steps["invitation"] > 30
    without = {name: one for name, one in sure.items() if name != "message.clicked"}
    assert cohort(shipped, milestones=without, consent={}).live(range(40)).steps["open-hours-today"] == 0


def test_what_quiet_hours_put_off_is_counted_with_the_time_at_which_it_goes() -> None:
    """Whoever buys at night is written to by SMS when the hours begin, everybody of a zone in the same minute."""
    plan = compiled(
        {
            "playbook": "texts",
            "stage": "customer",
            "entry": "purchase",
            "steps": [{"send": "text/one", "expires": "1 day"}],
        }
    )
    there = world(plan)
    paris = Behaviour.model_validate({"customers": {"time_zone": "Europe/Paris"}})
    made = Cohort(there, plan, Conduct(paris, there.map, [plan]), local("2026-01-05T20:00"), 3)
    data = data_of(made.live(range(100)), made, 1)
    quiet = data["quiet_hours"]
    assert quiet["busiest"] == {"at": "2026-01-06T09:00:00+01:00", "messages": quiet["deferred"]}
    assert 40 < quiet["deferred"] < 70  # thirteen hours of the twenty-four are quiet
    assert data["messages"] == {"sms": 100}


def test_without_the_entry_milestone_in_the_file_everybody_enters_where_they_come(shipped: Project) -> None:
    made = cohort(shipped, milestones={}, entries={"over": "10 days"})
    tally = made.live(range(30))
    assert tally.not_entered == {"not known: event.revenue": 30}
    plan = compiled({"playbook": "plain", "stage": "customer", "entry": "purchase", "steps": [{"send": "mail/one"}]})
    there = world(plan)
    days = Cohort(
        there, plan, Conduct(Behaviour.model_validate({"entries": {"over": "10 days"}}), there.map, [plan]), START, 12
    )
    sent = days.live(range(500)).sent
    assert sum(sent.values()) == 500
    assert all(30 < count < 70 for (day, _), count in sent.items() if 0 < day < 10)


def test_days_are_those_of_the_zone_and_hold_through_a_change_of_the_clocks() -> None:
    days = Days(Instant.from_utc(2026, 3, 28, 9), 3, "Europe/Paris")
    assert [date.format_iso() for date in days.dates] == ["2026-03-28", "2026-03-29", "2026-03-30"]
    for number, text in (
        (0, "2026-03-28T23:59"),
        (1, "2026-03-29T00:00"),
        (1, "2026-03-29T23:59"),
        (2, "2026-03-30T00:00"),
    ):
        assert days.of(local(text, "Europe/Paris").timestamp()) == number
    assert days.end == local("2026-03-30T23:59:59", "Europe/Paris")


@given(st.lists(st.integers(0, 30 * 86_400), max_size=25))
def test_the_busiest_week_is_what_looking_at_every_week_finds(seconds: list[int]) -> None:
    every = [sum(first <= one < first + 7 * 86_400 for one in seconds) for first in seconds]
    assert busiest_week(list(seconds)) == max(every, default=0)


def test_the_median_of_counted_days() -> None:
    assert median(Counter({0: 1, 3: 1, 9: 1})) == 3
    assert median(Counter()) is None
