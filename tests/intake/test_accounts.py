"""Accounts: a customer belongs to the one that the last `group` call names; conditions and pauses go by it."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from activities.facts import person_of
from intake import pauses
from intake.reader import Unknown
from store import accounts, customers, events
from store import pauses as stored
from store.tables import Account, Pause
from tests.intake.conftest import Build
from tests.intake.house import START, House, day

PLAYBOOKS = {
    "welcome": "entry: {milestone: purchase}\nexit: [{if: account.leaving}]\ngoal: {milestone: delta, within: 5 days}\n"
    "steps: [{wait: 9 days}]\n",
    "gold": "entry: {milestone: alpha, if: account.tier == 'gold'}\nsteps: [{wait: 9 days}]\n",
}


def account(house: House, group: str = "acme") -> Account:
    found = house.read(lambda session: accounts.find(session, group))
    assert found is not None
    return found


def pause(house: House, target: str = "acme", **more: object) -> Pause:
    given = {"reason": "the contract is in dispute", "who": "test", "now": START, **more}
    return house.write(lambda session: pauses.start(session, scope="account", target=target, **given))  # type: ignore[arg-type]


def concerning(house: House, user: str) -> list[int | None]:
    run = house.journey(user)

    def read(session: Session) -> list[Pause]:
        return stored.concerning(
            session, journey_id=run.id, customer_id=run.customer_id, playbook=run.playbook, since=START
        )

    return [one.id for one in house.read(read)]


# --- belonging -------------------------------------------------------------------------------------------------------


def test_a_group_call_makes_the_account_and_attaches_the_customer(build: Build) -> None:
    house = build(PLAYBOOKS)
    outcome = house.group("acme", tier="gold", name="Acme")
    made = account(house)
    assert made.id.startswith("acc_")
    assert made.attributes == {"tier": "gold", "name": "Acme"}
    assert outcome["account"] == {"id": made.id, "changed": True}
    assert house.customer().account_id == made.id
    assert account(house, made.id).group_id == "acme"


def test_the_last_group_call_wins_and_traits_add_up_over_all_members(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.group("acme", tier="gold")
    house.group("acme", day(1), user="bo", seats=3)
    assert account(house).attributes == {"tier": "gold", "seats": 3}
    house.group("zenith", day(2))
    assert house.customer().account_id == account(house, "zenith").id
    assert house.customer("bo").account_id == account(house).id


def test_a_call_that_says_what_is_known_changes_nothing(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.group("acme", tier="gold")
    assert house.group("acme", day(1), tier="gold")["account"]["changed"] is False
    assert account(house).updated_at == START


def test_a_transaction_holds_one_account_at_most(build: Build) -> None:
    house = build(PLAYBOOKS)
    first = house.accept("acme", START, "group")
    second = house.accept("zenith", START, "group", user="bo")
    waiting = house.read(lambda session: events.next_pending(session, START, 9))
    assert house.write(lambda session: house.applier.apply_each(session, waiting, START)) is False
    assert [house.event(one).state for one in (first, second)] == ["applied", "pending"]
    house.apply(START)
    assert house.event(second).state == "applied"


# --- conditions ------------------------------------------------------------------------------------------------------


def test_conditions_see_the_account_and_its_declared_defaults(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.group("acme", name="Acme")
    assert house.track("alpha", day(1))["entered"] == []

    def facts(session: Session) -> object:
        found = customers.get(session, "ada")
        assert found is not None
        return person_of(session, found).facts(house.applier.map, START).account

    assert house.read(facts) == {"tier": "basic", "name": "Acme"}
    house.group("acme", day(2), user="bo", tier="gold")
    assert [one["playbook"] for one in house.track("alpha", day(3))["entered"]] == ["gold"]


def test_an_exit_by_the_account_is_looked_at_for_the_caller_at_once_and_for_others_at_their_next_event(
    build: Build,
) -> None:
    house = build(PLAYBOOKS)
    for user in ("ada", "bo"):
        house.group("acme", user=user)
        house.track("purchase", user=user)
    house.group("acme", day(1), leaving=True)
    assert house.journey("ada").exit_reason == "account.leaving"
    assert house.journey("bo").exit_at is None
    house.track("beta", day(2), user="bo")
    assert house.journey("bo").exit_reason == "account.leaving"


def test_a_visitors_account_comes_along_where_the_customer_has_none(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.group("acme", user="anon", tier="gold")
    house.alias("anon", day(1))
    assert house.customer().account_id == account(house).id
    assert [one["playbook"] for one in house.track("alpha", day(2))["entered"]] == ["gold"]


# --- pauses ----------------------------------------------------------------------------------------------------------


def test_a_pause_of_an_account_stops_the_clock_of_its_customers_and_nobody_elses(build: Build) -> None:
    house = build(PLAYBOOKS)
    for user, group in (("ada", "acme"), ("bo", "acme"), ("cy", "zenith")):
        house.group(group, user=user)
        house.track("purchase", user=user)
    house.track("purchase", user="dee")
    made = pause(house)
    assert (made.scope, made.target, made.policy) == ("account", account(house).id, "freeze")
    assert [concerning(house, user) for user in ("ada", "bo", "cy", "dee")] == [[made.id], [made.id], [], []]


def test_an_account_is_paused_by_the_products_id_or_by_ours_and_must_be_there(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.group("acme")
    assert pause(house).target == pause(house, account(house).id).target == account(house).id
    with pytest.raises(Unknown, match="no account `zenith`"):
        pause(house, "zenith")


def test_time_frozen_for_the_account_widens_the_window_of_a_goal(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.group("acme")
    house.track("purchase")
    made = pause(house, now=day(1))
    assert made.id is not None
    number = made.id
    house.write(lambda session: pauses.end(session, number, reason="over", who="test", now=day(4)))
    house.track("delta", day(7))
    assert house.journey().exit_outcome == "goal"


def test_who_leaves_the_account_is_not_concerned_by_its_pause_any_more(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.group("acme")
    house.track("purchase")
    pause(house)
    house.group("zenith", day(1))
    assert concerning(house, "ada") == []
