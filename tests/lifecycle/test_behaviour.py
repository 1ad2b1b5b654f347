"""What customers do under a behaviour file: shares, delays, and what is left of them for whoever is under way."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean, median
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant

from lifecycle.behaviour import Conduct
from lifecycle.behaviour_checks import check
from lifecycle.doing import Delay, Doing, draw
from lifecycle.facts import Milestones
from lifecycle.language.behaviour import Behaviour
from lifecycle.language.faults import Faults
from lifecycle.language.map import Map
from lifecycle.language.source import read
from lifecycle.language.validate import validate
from lifecycle.plan import Plan
from lifecycle.simulated import Sent

MAP = """\
time_zone: Europe/Paris
milestones:
  purchase: {properties: {revenue: number}, also: [Order Completed]}
  first_use: {}
  activated: {}
  again: {when: milestones.purchase.count >= 2}
attributes: {plan: {one_of: [free, pro]}, seats: {type: number}}
topics: {tips: {channels: [email]}}
stages: {adopter: {for: nothing}}
"""

START = Instant.from_utc(2026, 3, 2, 9)
DAY = 86_400.0

delays = st.one_of(
    st.integers(1, 90).map(lambda days: f"{days} days"),
    st.tuples(st.integers(0, 30), st.integers(31, 90)).map(lambda ends: f"{ends[0]} days to {ends[1]} days"),
)
shares = st.floats(0, 1, exclude_max=True)


def a_map() -> Map:
    source = read("map.yaml", MAP, Faults())
    assert source is not None
    found = validate(Map, source, Faults())
    assert found is not None
    return found


def written(text: str) -> tuple[Behaviour | None, list[str]]:
    """A behaviour file, and what is wrong with it."""
    faults = Faults()
    source = read("b.yaml", text, faults)
    found = validate(Behaviour, source, faults) if source else None
    if found:
        check(found, a_map(), faults)
    return found, [str(fault) for fault in faults]


def conduct(text: str, interest: Mapping[str, Literal["first", "all"]] | None = None) -> Conduct:
    """The behaviour, in a world whose one playbook listens to these."""
    found, wrong = written(text)
    assert found is not None
    assert not wrong
    return Conduct(found, a_map(), [Plan("p", "adopter", None, {}, "UTC", interest=interest or {})])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("milestones: {purchase: {rate: 1.4}}", "b.yaml:1:31: not-a-percentage `1.4` is no share of customers"),
        ("milestones: {purchase: {rate: 35}}", "did you mean `35%`?"),
        ("milestones: {purchase: {rate: -0.1}}", "lies between 0 (nobody) and 1 (everybody)"),
        ("milestones: {purchase: {rate: yes}}", "`yes` is no share"),
        ("milestones:\n  purchase: {rate: 1, after: -2 days}", "b.yaml:2:30: not-a-time `-2 days`: nothing"),
        ("milestones: {purchase: {rate: 1, after: soon}}", "`soon` is not a length of time"),
        ("milestones: {purchase: {rate: 1, after: 1 hour to 2 hours to 3 hours}}", "more than two delays"),
        ("milestones:\n  purhase: {rate: 1}", "b.yaml:2:3: unknown-milestone the milestone `purhase` is not declared"),
        ("milestones: {purhase: {rate: 1}}", "did you mean `purchase`?"),
        ("milestones: {Order Completed: {rate: 1}}", "write `purchase`"),
        ("milestones: {again: {rate: 1}}", "`again` happens by itself, when milestones.purchase.count >= 2"),
        ("milestones: {message.bounced: {rate: 1}}", "is made by Milepost itself"),
        ("milestones: {first_use: {rate: 1, from: activated}}", "`activated` is no other milestone of this file"),
        ("milestones: {first_use: {rate: 1, from: activated}, activated: {rate: 1, from: first_use}}", "itself"),
        ("milestones: {message.opened: {rate: 1}, first_use: {rate: 1, from: message.opened}}", "to each"),
        ("milestones: {purchase: {rate: 1, with: {revenu: 4}}}", "`purchase` has no property `revenu`; did you mean"),
        ("milestones: {purchase: {rate: 1, with: {revenue: {much: 1}}}}", "`revenue` is a number"),
        ("customers: {plan: {gold: 1}}", "`gold` is not a value of `plan`"),
        ("customers: {plan: {free: -1}}", "`-1` is no weight for `free`"),
        ("customers: {plan: {free: 0}}", "no value here has any weight"),
        ("customers: {plna: free}", "there is no attribute `plna`; did you mean `plan`?"),
        ("customers: {time_zone: Mars/Base}", "`Mars/Base` is not a time zone"),
        ("consent: {tip: 40%}", "there is no topic `tip`; did you mean `tips`?"),
        ("milestone: {}", "`milestone` is not known here; did you mean `milestones`?"),
    ],
)  # fmt: skip
def test_every_mistake_is_told_at_its_place(text: str, says: str) -> None:
    assert any(says in wrong for wrong in written(text)[1]), written(text)[1]


def test_all_mistakes_are_told_at_once() -> None:
    _, wrong = written("milestones:\n  purchase: {rate: 2}\n  first_use: {rate: 1, after: -1 day}\nseed: x\n")
    assert [line.partition(" ")[0] for line in wrong] == ["b.yaml:2:20:", "b.yaml:3:31:", "b.yaml:4:7:"]


@given(delays, st.floats(0.001, 0.999))
def test_a_delay_and_its_share_are_each_others_inverse(text: str, share: float) -> None:
    delay = Delay.read(text)
    assert delay.passed(delay.at(share)) == pytest.approx(share, abs=1e-6)


@given(delays, st.floats(0.01, 1), shares, st.floats(0, 200))
def test_what_is_left_lies_ahead(text: str, rate: float, number: float, days: float) -> None:
    after = Doing("x", rate, Delay.read(text), "entry").after(number, days * DAY)
    assert after is None or after >= days * DAY


def test_whoever_was_watched_for_a_while_does_it_as_often_as_if_nobody_had_looked() -> None:
    """Those who have not done it by day 5 and are drawn again make the same crowd together with those who have."""
    doing = Doing("x", 0.6, Delay.read("4 days"), "entry")
    numbers = [draw(1, f"c{n}", "once") for n in range(20_000)]
    plain = [doing.after(number) for number in numbers]
    early = [at for at in plain if at is not None and at <= 5 * DAY]
    later = [doing.after(draw(2, f"c{n}", "again"), 5 * DAY) for n in range(20_000 - len(early))]
    done = [*early, *(at for at in later if at is not None)]
    assert len(done) == pytest.approx(12_000, rel=0.02)
    assert median(done) == pytest.approx(4 * DAY, rel=0.05)


def test_a_median_halves_those_who_do_it_and_a_range_bounds_them() -> None:
    made = conduct("milestones: {purchase: {rate: 50%, after: 2 days}, first_use: {rate: 1, after: 1 day to 3 days}}")
    bought: list[float] = []
    used: list[float] = []
    for number in range(4_000):
        for one in made.happenings(f"c{number}", START):
            after = (one.at - START).total("hours") / 24
            (bought if one.name == "purchase" else used).append(after)
    assert len(bought) == pytest.approx(2_000, rel=0.05)
    assert median(bought) == pytest.approx(2, rel=0.06)
    assert (min(used) >= 1, max(used) <= 3, len(used)) == (True, True, 4_000)
    assert mean(used) == pytest.approx(2, rel=0.02)


def test_a_milestone_follows_another_in_a_chain_and_never_without_it() -> None:
    made = conduct(
        "milestones: {activated: {rate: 1, after: 1 day, from: first_use}, first_use: {rate: 30%, after: 1 day}}"
    )
    for number in range(300):
        names = [one.name for one in made.happenings(f"c{number}", START)]
        assert names in ([], ["first_use", "activated"])


def test_repetitions_come_one_after_the_other() -> None:
    made = conduct("milestones: {purchase: {rate: 1, after: 1 day to 2 days, times: 3, with: {revenue: {5: 1, 9: 1}}}}")
    ats = [(one.at - START).total("hours") / 24 for one in made.happenings("c1", START)]
    assert len(ats) == 3
    assert all(1 <= later - before <= 2 for before, later in zip([0, *ats], ats, strict=False))
    known = {"purchase": Milestones(2, START.add(hours=30), START.add(hours=60))}
    (third,) = made.happenings("c1", START, START.add(hours=70), known)
    assert START.add(hours=84) <= third.at <= START.add(hours=108)


def test_a_milestone_that_is_added_changes_nothing_about_the_others() -> None:
    few = conduct("milestones: {purchase: {rate: 50%, after: 2 days}}").happenings("c7", START)
    more = conduct("milestones: {first_use: {rate: 1, after: 1 day}, purchase: {rate: 50%, after: 2 days}}").happenings(
        "c7", START
    )
    assert [one for one in more if one.name == "purchase"] == few


def test_attributes_and_consent_come_in_their_shares_and_types() -> None:
    made = conduct("customers: {seats: {3: 1, 12: 3}, plan: pro}\nconsent: {tips: 25%}\n")
    people = [made.person(f"c{n}").attributes for n in range(2_000)]
    assert {one["plan"] for one in people} == {"pro"}
    assert sum(one["seats"] == 12 for one in people) == pytest.approx(1_500, rel=0.05)
    assert sum(made.consent(f"c{n}")["tips"] for n in range(5_000)) == pytest.approx(1_250, rel=0.1)


@given(st.integers(0, 10_000))
def test_customers_come_within_the_hours_of_their_own_clock(number: int) -> None:
    made = conduct(
        'entries: {over: 5 days, hours: "08:00 to 20:00"}\ncustomers: {time_zone: {Europe/Paris: 1, Asia/Tokyo: 1}}\n'
    )
    midnight = Instant.from_utc(2026, 3, 1, 10)
    person = made.person(f"c{number}")
    comes = made.comes(person, midnight)
    local = comes.to_tz(person.zone(made.map))
    assert comes == midnight or 8 <= local.hour < 20
    assert midnight <= comes < midnight.add(hours=6 * 24)


def test_whoever_clicks_has_opened_and_an_sms_is_never_opened() -> None:
    text = (
        "milestones: {message.clicked: {rate: 50%, after: 1 hour, from: message.opened}, message.opened: {rate: 50%}}"
    )
    made = conduct(text, {"message.clicked": "all", "message.opened:letter": "all"})
    clicked = opened = 0
    for number in range(2_000):
        sent = Sent(f"c{number}", "j", "letter", 1, "email", START)
        names = {one.name for one in made.reacts(sent)}
        assert names in (set(), {"message.opened"}, {"message.opened", "message.clicked"})
        opened += bool(names)
        clicked += len(names) == 2
        assert "message.opened" not in {one.name for one in made.reacts(sent._replace(channel="sms"))}
    assert opened == pytest.approx(1_000, rel=0.1)
    assert clicked == pytest.approx(500, rel=0.12)


def test_what_no_playbook_listens_to_is_not_made_to_happen() -> None:
    text = "milestones: {message.opened: {rate: 1}, message.clicked: {rate: 1}}"
    made = conduct(text, {"message.clicked:letter": "first"})
    assert [one.name for one in made.reacts(Sent("c1", "j", "letter", 1, "email", START))] == ["message.clicked"]
