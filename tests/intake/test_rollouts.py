"""Applies and those inside, without Temporal: who takes which version, who is asked, and what a plan says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from whenever import Instant, TimeDelta

import wiring
from intake import mover, pauses, planning, rollouts
from intake.asking import Conflict
from intake.reader import Unknown
from intake.rollouts import Impossible, Wanted
from lifecycle.plan import Plan
from lifecycle.shares import drawn
from store import audit, customers, events, inbox, playbooks
from store import rollouts as stored
from store.tables import Journey, JourneyInbox, JourneyMove, Rollout, table_of
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.lifecycle.strategies import compiled

OLD = {"welcome": "entry: {milestone: purchase}\nsteps: [{wait: 10 days}, {send: mail/one}]\n"}
CUSTOMERS = 40


def version(*steps: Mapping[str, Any]) -> Plan:
    entry = {"milestone": "purchase"}
    return compiled({"playbook": "welcome", "stage": "stranger", "entry": entry, "steps": [*steps]})


NEW = version({"wait": "4 days"}, {"send": "mail/one"})
GONE = version({"send": "mail/one"}, {"send": "mail/two"})


@pytest.fixture
def house(build: Build) -> House:
    """Forty customers are inside, the first since day 0, and one more each hour."""
    house = build(OLD)

    def enter(session: Session) -> None:
        for number in range(CUSTOMERS):
            at = START.add(hours=number)
            events.accept(session, [events.Arrival("test", f"in-{number}", f"customer-{number}", "track", at, at,
                                                   "purchase")])  # fmt: skip
            house.applier.apply_each(session, events.next_pending(session, at, 1), at)

    house.write(enter)
    return house


def begin(house: House, in_flight: Any = "follow", plan: Plan | None = NEW, days: float = 5, **more: Any) -> Rollout:
    wanted = Wanted("welcome", in_flight, plan, "", **more)
    return house.write(lambda session: rollouts.begin(session, wanted, "test", day(days)))


def carry_out(house: House, row: Rollout, days: float = 5) -> None:
    while house.write(lambda session: mover.carry_out(session, row.id or 0, day(days))):
        pass


def of(house: House, row: Rollout) -> Rollout:
    found = house.read(lambda session: stored.get(session, row.id or 0))
    assert found is not None
    return found


def entered(house: House, user: str, days: float = 6) -> str:
    """The version that somebody who enters now takes."""
    (made,) = house.track("purchase", day(days), user)["entered"]
    return house.read(lambda session: session.scalars(select(Journey)
                      .where(table_of(Journey).c.id == made["journey"])).one().version)  # fmt: skip


def answered(house: House, row: Rollout, days: float = 5) -> None:
    """Everybody who was asked has moved, as their activities store it."""

    def answer(session: Session) -> None:
        moves = session.scalars(select(JourneyMove).where(table_of(JourneyMove).c.state == "asked")).all()
        for one in moves:
            stored.answer(session, one.journey_id, row.id or 0, "moved", day(days))
            session.execute(
                table_of(Journey)
                .update()
                .where(table_of(Journey).c.id == one.journey_id)
                .values(version=row.to_version)
            )

    house.write(answer)


# --- what is published ---------------------------------------------------------------------------------------------


def test_a_file_that_changed_changes_nothing_for_new_journeys_before_it_is_applied(house: House) -> None:
    changed = replace(house.project, plans={"welcome": NEW}, sources={"welcome": "changed"})
    assert house.write(lambda session: wiring.publish(session, changed, day(5))) == ["welcome"]
    assert entered(house, "bo") != NEW.version
    begin(house, "pin")
    assert entered(house, "cy") == NEW.version
    assert house.write(lambda session: wiring.publish(session, changed, day(6))) == []


def test_a_file_that_is_gone_lets_people_in_until_that_is_applied(house: House) -> None:
    gone = replace(house.project, plans={}, sources={})
    assert house.write(lambda session: wiring.publish(session, gone, day(5))) == ["welcome"]
    assert house.track("purchase", day(5), "bo")["entered"]
    begin(house, "pin", None)
    assert not house.track("purchase", day(6), "cy")["entered"]


def test_a_start_of_dev_pins_a_new_version_and_leaves_one_alone_that_was_rolled_back(house: House) -> None:
    before = house.read(playbooks.active)["welcome"]
    changed = replace(house.project, plans={"welcome": NEW}, sources={"welcome": "changed"})

    def start(session: Session) -> list[str]:
        return wiring.pin(session, changed, wiring.publish(session, changed, day(5)), "test", day(5))

    assert house.write(start) == []
    assert house.read(playbooks.active)["welcome"] == NEW.version
    carry_out(house, house.read(lambda session: stored.of_playbook(session, "welcome"))[0])
    begin(house, "pin", None, 6, version=before)
    assert house.write(start) == ["welcome"]
    assert house.read(playbooks.active)["welcome"] == before


# --- applies -------------------------------------------------------------------------------------------------------


def test_one_apply_at_a_time_and_the_second_changes_nothing(house: House) -> None:
    row = begin(house, "follow")
    with pytest.raises(Conflict, match=f"apply {row.id} of welcome is under way"):
        begin(house, "pin", GONE)
    assert house.read(playbooks.active) == {"welcome": NEW.version}
    assert house.read(lambda session: playbooks.get(session, GONE.version)) is None
    (act,) = house.read(lambda session: audit.about(session, "welcome"))
    assert (act.what, act.who, (act.data or {})["to"]) == ("apply", "test", NEW.version)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Wanted("welcome", "follow", version="zzz"), "there is no version `zzz` of welcome"),
        (Wanted("nobody", "pin"), "there is no playbook `nobody`"),
        (Wanted("welcome", "pin", NEW, percent=0), "a share is from 1 to 100 percent"),
        (Wanted("welcome", "pin", NEW, continue_after=TimeDelta(hours=1)), "goes with"),
        (Wanted("welcome", "follow"), "no version to follow to"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence_and_changes_nothing(house: House, wanted: Wanted, says: str) -> None:
    before = house.read(playbooks.active)
    with pytest.raises((Unknown, Impossible), match=says):
        house.write(lambda session: rollouts.begin(session, wanted, "test", day(5)))
    assert house.read(playbooks.active) == before
    assert house.read(lambda session: stored.of_playbook(session, "welcome")) == []


def test_everybody_is_asked_once_whoever_goes_on_with_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mover, "WINDOW", 15)
    monkeypatch.setattr(mover, "PAGE", 10)
    row = begin(house)
    carry_out(house, row)
    assert house.read(lambda session: stored.counts(session, row.id or 0)) == {"asked": 15}  # and no more for now
    carry_out(house, row)
    for _ in range(3):
        answered(house, row)
        carry_out(house, row)
    assert house.read(lambda session: stored.counts(session, row.id or 0)) == {"moved": CUSTOMERS}
    assert of(house, row).state == "done"
    told = house.read(lambda session: session.scalars(select(JourneyInbox)).all())
    assert sorted(one.journey_id for one in told) == sorted({one.journey_id for one in told})
    assert {(one.kind, one.name) for one in told} == {("move", str(row.id))}


def test_who_does_not_answer_holds_nobody_up_but_the_apply_is_not_done(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mover, "WINDOW", 15)
    row = begin(house)
    carry_out(house, row)
    carry_out(house, row, 5.01)
    carry_out(house, row, 5.02)
    assert house.read(lambda session: stored.counts(session, row.id or 0)) == {"asked": CUSTOMERS}
    assert of(house, row).state == "running"


def test_whoever_enters_while_it_begins_is_found_by_one_more_look_and_nobody_else(house: House) -> None:
    row = begin(house)
    carry_out(house, row)
    stays = house.read(lambda session: session.scalars(select(JourneyMove)).first())
    assert stays is not None
    house.write(lambda session: stored.answer(session, stays.journey_id, row.id or 0, "left", day(5)))
    answered(house, row)
    carry_out(house, row)
    assert of(house, row).state == "done"
    old = of(house, row).from_version or ""
    house.track("purchase", day(5), "late")  # as if its transaction had read which version is taken before the apply
    house.write(lambda session: session.execute(table_of(Journey).update()
                .where(table_of(Journey).c.entered_at == day(5)).values(version=old)))  # fmt: skip
    assert house.read(lambda session: stored.to_carry_out(session, day(5) - mover.GRACE)) == []
    assert house.read(lambda session: stored.to_carry_out(session, day(5))) == [row.id]
    carry_out(house, row)
    assert house.read(lambda session: stored.counts(session, row.id or 0)) == {
        "moved": CUSTOMERS - 1, "left": 1, "asked": 1
    }  # fmt: skip
    assert house.read(lambda session: stored.to_carry_out(session, day(6))) == []


def test_with_exit_everybody_is_stamped_and_told(house: House) -> None:
    row = begin(house, "exit")
    carry_out(house, row)
    every = house.read(lambda session: session.scalars(select(Journey)).all())
    assert {(one.exit_outcome, one.exit_reason) for one in every} == {("exited", mover.REPLACED)}
    assert house.read(lambda session: [one.kind for one in inbox.undelivered_of(session, every[0].id)]) == ["exit"]
    assert (of(house, row).state, house.read(lambda session: stored.counts(session, row.id or 0))) == (
        "done", {"ended": CUSTOMERS},
    )  # fmt: skip


def test_an_apply_that_is_stopped_asks_nobody_else(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mover, "WINDOW", 5)
    row = begin(house)
    carry_out(house, row)
    house.write(lambda session: rollouts.stop(session, "welcome", "wrong", "test", day(5)))
    carry_out(house, row, 6)
    assert house.read(lambda session: stored.counts(session, row.id or 0)) == {"asked": 5}
    begin(house, "pin", GONE)
    with pytest.raises(Conflict, match="no version of welcome is being tried"):
        house.write(lambda session: rollouts.go_on(session, "welcome", None, "test", day(5)))


# --- shares --------------------------------------------------------------------------------------------------------


def test_a_share_takes_the_new_version_and_grows_without_letting_anybody_go(house: House) -> None:
    row = begin(house, "follow", percent=30, continue_after=TimeDelta(hours=24))
    names = [f"new-{number}" for number in range(30)]
    took = {name: entered(house, name) for name in names}
    ids = {one.user_id: one.id for one in house.read(lambda session: [customer(session, name) for name in names])}
    assert {name: drawn(ids[name], NEW.version) < 30 for name in names} == {
        name: version == NEW.version for name, version in took.items()
    }
    assert 1 < sum(version == NEW.version for version in took.values()) < 20
    carry_out(house, row)
    asked = house.read(lambda session: stored.counts(session, row.id or 0))["asked"]
    assert 1 < asked < 30
    carry_out(house, row, 5.9)
    assert of(house, row).state == "canary"
    carry_out(house, row, 6)
    answered(house, row)
    carry_out(house, row, 6)
    assert (of(house, row).state, of(house, row).percent) == ("done", 100)
    assert entered(house, "last", 7) == NEW.version
    acts = house.read(lambda session: [one.what for one in audit.about(session, "welcome")])
    assert acts == ["apply", "apply continued"]


def test_a_share_does_not_go_on_by_itself_while_the_playbook_is_halted(house: House) -> None:
    row = begin(house, "pin", percent=30, continue_after=TimeDelta(hours=24))
    made = house.write(lambda session: pauses.start(
        session, scope="playbook", target="welcome", reason="3 % bounced", who="milepost", now=day(5.5)))  # fmt: skip
    carry_out(house, row, 8)
    assert of(house, row).state == "canary"
    house.write(lambda session: pauses.end(session, made.id or 0, reason="mended", who="test", now=day(9)))
    carry_out(house, row, 9)
    assert of(house, row).state == "done"


def test_a_share_that_is_stopped_is_taken_by_nobody_any_more(house: House) -> None:
    begin(house, "pin", percent=99)
    house.write(lambda session: rollouts.stop(session, "welcome", None, "test", day(5)))
    assert {entered(house, f"new-{number}") for number in range(5)} == {house.read(playbooks.active)["welcome"]}


def customer(session: Session, name: str) -> Any:
    return customers.get(session, name)


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        ({"wait-10-dys": "wait-4-days"}, "no step of any version of welcome called `wait-10-dys`; did you mean"),
        ({"wait-10-days": "nowhere"}, "no step of the new version of welcome called `nowhere`"),
    ],
)
def test_nobody_is_moved_from_or_to_a_step_that_does_not_exist(
    house: House, targets: dict[str, str], says: str
) -> None:
    before = house.read(playbooks.active)
    with pytest.raises(Impossible, match=says):
        begin(house, "follow", targets=targets)
    assert (house.read(playbooks.active), house.rows(Rollout)) == (before, [])


def test_nobody_follows_from_a_step_that_is_gone_before_somebody_says_where_to() -> None:
    gone = [("wait-4-days", 1_200), ("hello", 30), ("wait-4-days", 4)]  # of two old versions
    says = "1,234 customers are at `wait-4-days`, `hello`, which the new version of welcome does not have"
    with pytest.raises(Impossible, match=says):
        rollouts.check_gone("welcome", "follow", gone)
    with pytest.raises(Impossible, match="1 customer is at `hello`"):
        rollouts.check_gone("welcome", "follow", [("hello", 1)])
    rollouts.check_gone("welcome", "pin", gone)
    rollouts.check_gone("welcome", "follow", [])


# --- plans ---------------------------------------------------------------------------------------------------------


def plan(house: House, to: Plan | None, now: Instant, **targets: str) -> planning.Change:
    def read(session: Session) -> planning.Change:
        found = planning.change(session, "welcome", to, "")
        planning.count(session, found, targets, now)
        return found

    return house.read(read)


def test_a_plan_counts_those_inside_with_their_old_and_new_times(house: House) -> None:
    found = plan(house, NEW, day(5))
    (here,) = found.here
    assert (here.step, here.to, here.customers, found.inside) == ("wait-10-days", "wait-4-days", CUSTOMERS, CUSTOMERS)
    assert here.pin.span == (day(10), day(10).add(hours=20), day(10).add(hours=39))
    # Who entered within the first day has waited for four days.
    assert here.follow.at_once == 25
    assert here.follow.span == (day(4).add(hours=25), day(4).add(hours=32), day(4).add(hours=39))
    assert found.steps.changed == [("wait-10-days", "wait-4-days")]


def test_a_plan_moves_those_on_whose_time_has_come_since_anybody_stored_where_they_stand(house: House) -> None:
    (here, later) = sorted(plan(house, NEW, day(10.5)).here, key=lambda one: one.step)
    assert (here.step, here.customers) == ("one", 13)
    assert (here.pin.span, here.pin.open_) == (None, 13)  # the worker is at it
    assert (later.step, later.customers) == ("wait-10-days", CUSTOMERS - 13)


def test_a_plan_says_what_to_write_where_a_step_is_gone(house: House) -> None:
    found = plan(house, GONE, day(5))
    (here,) = found.ambiguities
    assert (here.step, here.to, here.meant) == ("wait-10-days", None, "one")
    told = plan(house, GONE, day(5), **{"wait-10-days": "two"})
    assert told.ambiguities == []
    assert told.here[0].follow.at_once == CUSTOMERS


def test_a_plan_knows_of_a_pause_that_nobody_has_met(house: House) -> None:
    house.write(lambda session: pauses.start(
        session, scope="playbook", target="welcome", policy="freeze", reason="r", who="test", now=day(3)))  # fmt: skip
    (here,) = plan(house, NEW, day(20)).here
    assert (here.step, here.customers, here.pin.open_, here.follow.open_) == ("wait-10-days", CUSTOMERS, 40, 40)


def test_how_many_queries_a_plan_takes_does_not_depend_on_how_many_are_inside(house: House) -> None:
    from sqlalchemy import event as listened

    asked: list[str] = []
    engine = house.database._read_engine
    listened.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    plan(house, NEW, day(5))
    assert len([one for one in asked if one.lstrip().startswith("SELECT")]) < 12
