"""Why somebody was or was not sent a message, is or is not in a playbook (design.md, section 9)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session
from whenever import Instant

from activities.asking import Asker
from intake import consents, explain, rollouts
from intake.consents import Proof
from intake.explain import Explained, Explainer
from intake.reader import Unknown
from intake.rollouts import Wanted
from lifecycle.language.map import Topic
from lifecycle.ledger import message_id
from lifecycle.shares import drawn
from messaging.render import Renderer
from store import deliveries, journeys, pauses, playbooks
from store.tables import Customer, Delivery, Message, Pause
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.lifecycle.strategies import compiled

PLAYBOOKS = {
    "welcome": """entry: {milestone: purchase, if: event.revenue > 0}
exit: [omega]
steps:
  - wait: 1 day
  - id: ask
    branch:
      - if: customer.plan == 'pro'
        then: [{send: mail/two, id: two}]
      - else: [{send: mail/one, id: one}, {send: text/one, id: text}]
""",
    "quote": "entry: {milestone: alpha, per: amount, reentry: after_exit}\nsteps: [{send: mail/receipt}]\n",
    "called": "steps: [{wait: 9 days}]\n",
}


@pytest.fixture
def house(build: Build) -> House:
    built = build(PLAYBOOKS)
    built.identify(email="ada@example.com", consent=["news"])
    return built


def explainer(house: House) -> Explainer:
    project = house.project
    assert project.map is not None
    asker = Asker(project.map, b"key", house.applier.plan)
    return Explainer(project.map, project.conditions, Renderer(project.templates, project.map.language), asker)


def message(house: House, name: str, now: Instant = START) -> Explained:
    return house.read(lambda session: explain.of_message(session, explainer(house), house.customer(), name, now))


def entry(house: House, playbook: str, now: Instant = START) -> Explained:
    return house.read(lambda session: explain.of_playbook(session, explainer(house), house.customer(), playbook, now))


def failed(told: Explained) -> tuple[str, str] | None:
    """The check that was not passed, and what it saw: always the last one."""
    wrong = [check for check in told.checks if not check.passed]
    assert all(check is told.checks[-1] for check in wrong)
    return (wrong[0].check, wrong[0].saw) if wrong else None


def open_journey(house: House) -> str:
    journey = house.journey()
    house.write(lambda session: journeys.mark_started(session, journey.id, START))
    return journey.id


def add(house: House, journey: str, step: str, state: str, **more: Any) -> Message:
    identity = message_id(journey, step, 1)
    row = Message(
        id=identity, journey_id=journey, step=step, occurrence="1", customer_id=house.customer().id, channel="email",
        template="mail/one", state=state, due_at=day(1), **more,
    )  # fmt: skip
    house.write(lambda session: session.add(row))
    return row


# --- a message that was decided --------------------------------------------------------------------------------------


def test_a_message_is_explained_as_it_was_decided_with_what_became_of_it(house: House) -> None:
    house.track("purchase", revenue=49)
    check = {"check": "no-consent", "saw": "granted", "passed": True, "says": "the customer agrees to `news`"}
    row = add(
        house, open_journey(house), "one", "delivered", decision={"checks": [check]}, claimed_at=day(1), attempt=2,
        accepted_at=day(1).add(seconds=1), sender="sendgrid",
    )  # fmt: skip

    def deliver(session: Session) -> None:
        for kind, at in (("delivered", day(1).add(seconds=9)), ("opened", day(2))):
            deliveries.add(session, Delivery(message_id=row.id, kind=kind, at=at, received_at=at))

    house.write(deliver)
    for name in (row.id, row.id[:8], "one", "mail/one"):
        told = message(house, name, day(3))
        assert (told.named, told.outcome, told.says) == (
            f"mail/one by e-mail, in {row.journey_id}", "delivered", "it was delivered",
        )  # fmt: skip
        assert [tuple(one) for one in told.checks] == [tuple(check.values())]
        assert [one.what for one in told.since] == [
            "decided for the last time, attempt 2", "accepted by sendgrid", "delivered", "opened",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "reason", "says", "last"),
    [
        ("refused", "no-consent", "it was not sent (no-consent: the customer has not agreed to this topic)", None),
        (
            "rejected",
            "missing-value: customer.score",
            "it was not sent (missing-value: customer.score: a value that the template needs is not known)",
            "missing-value",
        ),
        (
            "pending",
            "quiet-hours",
            (
                "it is put off until 2026-03-04 09:00 "
                "(quiet-hours: it is not an hour at which this person may be messaged)"
            ),
            "quiet-hours",
        ),
        (
            "unknown",
            "no-answer",
            "nobody can tell yet whether the provider has it (no-answer: the provider did not answer, and may have it)",
            "no-answer",
        ),
    ],
)
def test_what_stopped_a_message_is_told_in_plain_words(
    house: House, state: str, reason: str, says: str, last: str | None
) -> None:
    house.track("purchase", revenue=49)
    good = {"check": "exited", "saw": "open", "passed": True, "says": "the journey has not been ended"}
    bad = {"check": "no-consent", "saw": "no answer", "passed": False, "says": "the customer agrees to `news`"}
    checks = [good, bad] if last is None else [good]
    until = Instant.from_utc(2026, 3, 4, 8)
    add(house, open_journey(house), "one", state, reason=reason, decision={"checks": checks}, not_before=until)
    told = message(house, "one")
    assert (told.outcome, told.says) == (state, says)
    wrong = failed(told)
    assert wrong is not None
    assert wrong[0] == (last or "no-consent")


# --- a message that was not decided yet ------------------------------------------------------------------------------


def test_a_message_that_is_still_ahead_is_decided_for_the_asking(house: House) -> None:
    house.track("purchase", revenue=49)
    open_journey(house)
    noon = Instant.from_utc(2026, 3, 2, 12)
    told = message(house, "mail/one", noon)
    assert (told.outcome, told.says) == ("would_send", "it has not come to it yet; it would be sent now")
    assert [one.check for one in told.checks[:3]] == ["journey", "erased", "exited"]
    assert told.checks[-1].check == "text"
    assert failed(told) is None
    house.identify(day(0.1), consent={"news": False})
    told = message(house, "mail/one", noon)
    assert (told.outcome, failed(told)) == ("would_refuse", ("no-consent", "withdrawn"))
    assert told.says.endswith("it would not be sent (no-consent: the customer has not agreed to this topic)")
    # Asking stores nothing.
    assert house.rows(Message) == []


def test_a_message_that_would_be_put_off_says_until_when(house: House) -> None:
    house.track("purchase", revenue=49)
    journey = open_journey(house)
    row = Pause(
        scope="playbook",
        target="welcome",
        policy="continue",
        reason="wrong price",
        started_at=START,
        made_by="cli:test",
    )
    house.write(lambda session: pauses.start(session, row))
    told = message(house, "one", Instant.from_utc(2026, 3, 2, 12))
    assert told.outcome == "would_defer"
    (lying,) = [check for check in told.checks if not check.passed]
    assert (lying.check, "wrong price" in lying.saw) == ("paused", True)
    assert journey == told.journey


def test_a_number_that_is_missing_is_seen_before_it_matters(house: House) -> None:
    house.track("purchase", revenue=49)
    open_journey(house)
    told = message(house, "text/one", Instant.from_utc(2026, 3, 2, 12))
    assert (told.outcome, failed(told)) == ("would_refuse", ("no-address", "none"))


def test_a_journey_that_is_over_or_went_another_way_does_not_come_to_its_message(house: House) -> None:
    house.track("purchase", revenue=49)
    journey = open_journey(house)
    state = house.journey().state
    assert state is not None
    at_two = {**state, "step": "two", "phase": "working", "occurrences": {"two": 1}}
    house.write(lambda session: journeys.store_state(session, journey, at_two, 9, None, "two"))
    told = message(house, "one")
    assert (told.outcome, failed(told)) == ("not_coming", ("way", "stands at `two`"))
    house.track("omega", day(0.2))
    house.end(journey, day(0.2))
    told = message(house, "one", day(1))
    assert (told.outcome, failed(told)) == ("not_coming", ("journey", "ended, ended: omega"))


def test_a_template_that_no_journey_sends_is_decided_all_the_same(house: House) -> None:
    told = message(house, "mail/one", Instant.from_utc(2026, 3, 2, 12))
    assert (told.outcome, told.checks[0].check, told.checks[0].passed) == ("not_coming", "journey", False)
    assert told.says == "no journey of the customer sends it, apart from that it would be sent now"


def test_a_confirmation_that_is_missing_is_said_where_consent_is(house: House) -> None:
    house.applier.map.topics["news"] = Topic(consent="double_opt_in", channels=["email", "sms"])
    house.identify(day(0.1), user="bo", email="bo@example.com")

    def ask(session: Session) -> None:
        consents.record(session, house.applier.map, "bo", "news", True, Proof("form", START), START)

    house.write(ask)
    bo = house.customer("bo")
    told = house.read(lambda session: explain.of_message(session, explainer(house), bo, "mail/one", day(1)))
    last = told.checks[-1]
    assert (last.check, last.saw) == ("no-consent", "no answer: asked for it on 2026-03-02 10:00, not confirmed yet")


def test_what_is_neither_message_nor_template_is_named(house: House) -> None:
    with pytest.raises(Unknown, match="`mail/onne` is no message, step or template; did you mean `mail/one`"):
        message(house, "mail/onne")


# --- a playbook ------------------------------------------------------------------------------------------------------


def test_a_milestone_that_never_happened_is_why(house: House) -> None:
    told = entry(house, "welcome")
    assert (told.outcome, failed(told)) == ("not_in_it", ("entry", "`purchase` never happened"))
    assert told.says == "ada is not in welcome: `purchase` never happened"


def test_who_was_enrolled_by_hand_reached_nothing(house: House) -> None:
    house.accept("welcome", START, kind="enrol")
    house.apply(START)
    (way,) = (one for one in entry(house, "welcome").checks if one.check == "entry")
    assert way == ("entry", "enrolled, though `purchase` never happened", True, "the customer was let in")


def test_a_condition_that_did_not_hold_is_shown_with_what_it_saw(house: House) -> None:
    house.track("purchase", revenue=0)
    told = entry(house, "welcome")
    assert (told.outcome, failed(told)) == ("not_in_it", ("condition", "event.revenue is 0"))
    assert told.checks[-1].says == "the entry's condition holds: event.revenue > 0"
    assert [one.check for one in told.checks] == ["active", "events", "entry", "in-time", "condition"]
    house.track("purchase", day(1))
    assert failed(entry(house, "welcome")) == ("condition", "event.revenue is not known")


def test_an_event_that_came_too_late_is_why(house: House) -> None:
    house.accept("purchase", day(0), revenue=5, received_at=day(3))
    house.apply(day(3))
    told = entry(house, "welcome", day(3))
    assert failed(told) == ("in-time", "came in 2026-03-05 10:00")


def test_a_milestone_without_the_property_that_names_the_journey_is_why(house: House) -> None:
    house.track("alpha")
    assert failed(entry(house, "quote")) == ("occurrence", "none")


def test_an_event_that_waits_to_be_applied_is_why(house: House) -> None:
    house.accept("purchase", START, revenue=5)
    assert failed(entry(house, "welcome")) == ("events", "1 not applied yet, or set aside")


def test_a_playbook_that_was_not_rolled_out_then_is_why(house: House) -> None:
    house.write(lambda session: playbooks.deactivate(session, "welcome"))
    assert failed(entry(house, "welcome")) == ("active", "it was taken out, and nobody enters it")
    house.track("purchase", revenue=5)
    version = house.project.plans["welcome"].version
    house.write(lambda session: playbooks.activate(session, "welcome", version, day(1)))
    assert failed(entry(house, "welcome")) == ("then", "not rolled out yet (2026-03-02 10:00)")


def test_a_condition_that_holds_only_now_is_no_explanation_of_then(build: Build) -> None:
    house = build({"welcome": "entry: {milestone: purchase, if: customer.plan == 'pro'}\nsteps: [{wait: 1 day}]\n"})
    house.track("purchase")
    house.identify(day(1), plan="pro")
    assert failed(entry(house, "welcome")) == (
        "then", "the entry asks for: customer.plan == 'pro' (2026-03-02 10:00)",
    )  # fmt: skip


def test_whoever_is_in_it_is_told_where_they_stand_and_what_holds_them(house: House) -> None:
    house.track("purchase", revenue=5)
    journey = open_journey(house)
    told = entry(house, "welcome")
    assert (told.outcome, told.says) == ("in_it", "ada is in welcome since 2026-03-02 10:00")
    assert told.checks[-2].saw == f"{journey}: waits until 2026-03-03 10:00"
    row = Pause(
        scope="playbook",
        target="welcome",
        policy="continue",
        reason="wrong price",
        started_at=START,
        made_by="cli:test",
    )
    house.write(lambda session: pauses.start(session, row))
    assert failed(entry(house, "welcome")) == ("paused", "playbook paused since 2026-03-02 10:00: wrong price")


def test_whoever_was_in_it_is_told_why_they_do_not_enter_again(house: House) -> None:
    house.track("purchase", revenue=5)
    journey = open_journey(house)
    house.track("omega", day(1))
    house.end(journey, day(1))
    told = entry(house, "welcome", day(2))
    assert (told.outcome, told.says) == (
        "was_in_it", "ada was in welcome from 2026-03-02 10:00 on; the journey ended: omega",
    )  # fmt: skip
    house.track("purchase", day(2), revenue=7)
    assert failed(entry(house, "welcome", day(2))) == (
        "reentry", "the customer has been in it before (2026-03-04 10:00)",
    )  # fmt: skip


def test_the_holdout_is_told_as_such(build: Build) -> None:
    house = build({"welcome": "entry: {milestone: purchase}\nholdout: 90%\nsteps: [{send: mail/one}]\n"})
    for number in range(30):
        house.track("purchase", user=f"user-{number}")
    held = next(one for number in range(30) for one in house.journeys(f"user-{number}") if one.status == "holdout")
    told = house.read(
        lambda session: explain.of_playbook(
            session, explainer(house), house.customer(_user(house, held.customer_id)), "welcome", START
        )
    )
    assert (told.outcome, failed(told)) == ("holdout", ("holdout", "in the holdout since 2026-03-02 10:00"))


def _user(house: House, customer: str) -> str:
    return next(f"user-{number}" for number in range(30) if house.customer(f"user-{number}").id == customer)


def test_a_playbook_that_others_enrol_in_says_so(house: House) -> None:
    assert failed(entry(house, "called")) == ("entry", "was never enrolled")


def test_a_playbook_that_never_ran_is_named(house: House) -> None:
    with pytest.raises(Unknown, match="no playbook `welcom` was ever rolled out; did you mean `welcome`"):
        entry(house, "welcom")


def test_who_is_in_a_share_is_explained_by_the_version_that_it_tries(house: House) -> None:
    entry = {"milestone": "beta"}
    tried = compiled({"playbook": "welcome", "stage": "stranger", "entry": entry, "steps": [{"wait": "1 day"}]})
    wanted = Wanted("welcome", "pin", tried, "", percent=50)
    house.write(lambda session: rollouts.begin(session, wanted, "test", START))
    active = house.read(playbooks.active)["welcome"]
    for number in range(20):
        house.identify(user=f"u{number}")
    drawn_for = {one.user_id: drawn(one.id, tried.version) < 50 for one in house.rows(Customer)}
    inside, outside = (next(name for name, one in drawn_for.items() if one is which) for which in (True, False))

    def told(user: str) -> Explained:
        return house.read(
            lambda session: explain.of_playbook(session, explainer(house), house.customer(user), "welcome", START)
        )

    assert tried.version in told(inside).checks[0].saw
    assert "a share that the customer is in" in told(inside).checks[0].saw
    assert failed(told(inside)) == ("entry", "`beta` never happened")
    assert told(outside).checks[0].saw == f"new journeys take version {active}"
    assert failed(told(outside)) == ("entry", "`purchase` never happened")
    house.track("beta", user=inside)
    house.write(lambda session: rollouts.stop(session, "welcome", None, "test", START))
    assert told(inside).outcome == "in_it"
    assert next(check for check in told(inside).checks if check.check == "entry").says == (
        "the customer reached `beta`, which enters it"
    )


# --- a customer ------------------------------------------------------------------------------------------------------


def test_a_customer_is_explained_by_what_their_journeys_wait_for(house: House) -> None:
    def told() -> Explained:
        return house.read(lambda session: explain.of_customer(session, explainer(house), house.customer(), START))

    assert (told().outcome, told().checks) == ("nothing_open", ())
    house.track("purchase", revenue=5)
    journey = open_journey(house)
    assert told().says == "ada is in 1 journey"
    (check,) = told().checks
    assert (check.check, check.saw, check.passed, check.says) == (
        journey, "waiting: waits until 2026-03-03 10:00", True, "comes next: decides at ask",
    )  # fmt: skip
