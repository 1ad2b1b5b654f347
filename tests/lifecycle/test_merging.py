"""Two records of one person become one: nothing is lost, no no is forgotten, nobody goes through a playbook twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant

from lifecycle import merging
from lifecycle.applying import apply
from lifecycle.consent import answer_for
from lifecycle.events import Event, Joined, OpenJourney, Person
from lifecycle.facts import Milestones
from lifecycle.merging import joined, leaving, noes, refusal, renamed
from lifecycle.wakes import missed
from messaging.conditions import JinjaConditions
from tests.lifecycle.strategies import START, compiled, small_project

MAP = small_project().map
assert MAP is not None

_days = st.integers(0, 40)
_names = st.sampled_from(["purchase", "alpha", "beta"])


def day(days: float) -> Instant:
    return START.add(hours=24 * days)


@dataclass(frozen=True)
class Run:
    id: str
    playbook: str
    key: str
    per_value: str | None
    entered_at: Instant
    open: bool = True


@dataclass(frozen=True)
class Said:
    topic: str
    channel: str | None
    granted: bool
    at: Instant


@st.composite
def people(draw: st.DrawFn, id: str) -> Person:
    history = {}
    for name in draw(st.sets(_names)):
        first, span = draw(_days), draw(_days)
        history[name] = Milestones(draw(st.integers(1, 5)), day(first), day(first + span))
    attributes = draw(st.dictionaries(st.sampled_from(["plan", "email", "score"]), st.none() | st.text(max_size=3)))
    account = draw(st.dictionaries(st.just("tier"), st.text(max_size=3)))
    return Person(id, attributes, draw(st.sampled_from([None, "stranger", "customer", "gone"])), history, account)


@st.composite
def runs(draw: st.DrawFn, side: str) -> list[Run]:
    """What one record can have: one journey a playbook and key, and of them one open one a value of `per`."""
    found: list[Run] = []
    for number in range(draw(st.integers(0, 6))):
        playbook, per = draw(st.sampled_from(["welcome", "other"])), draw(st.sampled_from([None, "q1", "q2"]))
        again = draw(st.booleans())
        key = f"{per or ''}#{number}" if again else per or ""
        inside = any((one.playbook, one.per_value) == (playbook, per) and one.open for one in found)
        if not any((one.playbook, one.key) == (playbook, key) for one in found):
            going = not inside and draw(st.booleans())
            found.append(Run(f"{playbook}.{side}{number}", playbook, key, per, day(draw(_days)), going))
    return found


answers = st.lists(
    st.builds(Said, st.just("news"), st.sampled_from([None, "email", "sms"]), st.booleans(), _days.map(day)),
    max_size=8,
)


# --- the person ------------------------------------------------------------------------------------------------------


@given(people("cus_1"), people("cus_2"))
def test_every_milestone_of_either_is_counted(customer: Person, visitor: Person) -> None:
    assert MAP is not None
    both = joined(customer, visitor, MAP).person.history
    for name in customer.history.keys() | visitor.history.keys():
        had = [one.history[name] for one in (customer, visitor) if name in one.history]
        assert both[name].count == sum(one.count for one in had)
        assert both[name].first == min(one.first for one in had if one.first)
        assert both[name].last == max(one.last for one in had if one.last)


@given(people("cus_1"), people("cus_2"), people("cus_3"))
def test_it_does_not_matter_in_which_order_three_are_merged(one: Person, two: Person, three: Person) -> None:
    assert MAP is not None
    left = joined(joined(one, two, MAP).person, three, MAP).person
    right = joined(one, joined(two, three, MAP).person, MAP).person
    assert (left.id, left.attributes, left.history, left.account) == (
        right.id, right.attributes, right.history, right.account,
    )  # fmt: skip
    assert MAP.order.get(left.stage or "", -1) == MAP.order.get(right.stage or "", -1)


def test_the_customers_own_attributes_win_and_the_further_stage_counts() -> None:
    assert MAP is not None
    customer = Person("cus_1", {"plan": "pro", "email": None}, "stranger")
    visitor = Person("cus_2", {"plan": "free", "email": "ada@example.com"}, "customer", account={"tier": "gold"})
    person = joined(customer, visitor, MAP).person
    assert (person.attributes, person.stage) == ({"plan": "pro", "email": "ada@example.com"}, "customer")
    assert person.account == {"tier": "gold"}


def test_what_is_new_to_either_is_named_for_conditions_to_be_looked_at() -> None:
    assert MAP is not None
    customer = Person("cus_1", {"plan": "pro", "score": 3}, history={"alpha": Milestones(1, START, START)})
    visitor = Person("cus_2", {"plan": "free", "score": 3})
    assert joined(customer, visitor, MAP).touched == {"customer.plan", "milestones.alpha"}


def test_a_browser_takes_nobody_along_who_is_known_or_left_another_address() -> None:
    ada = Person("cus_1", {"email": "ada@example.com"})
    assert refusal("identify", ada, Person("cus_2"), known=False) is None
    assert refusal("identify", ada, Person("cus_2", {"email": "ADA@example.com"}), known=False) is None
    assert "another email" in str(refusal("identify", ada, Person("cus_2", {"email": "bo@example.com"}), known=False))
    assert "customer's own" in str(refusal("identify", ada, Person("cus_2"), known=True))
    assert refusal("alias", ada, Person("cus_2", {"email": "bo@example.com"}), known=True) is None


# --- journeys --------------------------------------------------------------------------------------------------------


@given(runs("a"), runs("b"))
def test_of_each_playbook_and_occurrence_one_open_journey_stays_the_oldest(ours: list[Run], theirs: list[Run]) -> None:
    going = [one for one in (*ours, *theirs) if one.open]
    gone = leaving(going)
    stay = [one for one in going if one.id not in gone]
    assert {(one.playbook, one.per_value) for one in stay} == {(one.playbook, one.per_value) for one in going}
    assert len({(one.playbook, one.per_value) for one in stay}) == len(stay)
    for one in stay:
        rivals = [other for other in going if (other.playbook, other.per_value) == (one.playbook, one.per_value)]
        assert one.entered_at == min(other.entered_at for other in rivals)


@given(runs("a"), runs("b"), runs("c"))
def test_keys_never_meet_and_what_anybody_was_in_is_still_known(a: list[Run], b: list[Run], c: list[Run]) -> None:
    ours = list(a)
    for theirs in (b, c):
        new = renamed(ours, theirs)
        ours += [Run(one.id, one.playbook, new.get(one.id, one.key), one.per_value, one.entered_at) for one in theirs]
    assert len({(one.playbook, one.key) for one in ours}) == len(ours)
    assert {(one.playbook, one.key) for one in (*a, *b, *c)} <= {(one.playbook, one.key) for one in ours}


# --- consent ---------------------------------------------------------------------------------------------------------


def _one_record(said: list[Said], channel: str) -> bool | None:
    """What counts where one record takes in all answers, by the rule of every door: a yes that was said before a no
    that is known is no yes.
    """
    kept: list[Said] = []
    for one in said:
        later = [no for no in kept if not no.granted and no.channel in (None, channel) and no.at > one.at]
        if one.channel in (None, channel) and not (one.granted and later):
            kept.append(one)
    return answer_for(kept, "news", channel)


@given(answers)
def test_the_two_agree_to_what_one_would_have_agreed_to(said: list[Said]) -> None:
    more = [Said(no.topic, no.channel, False, no.at) for no in noes(said)]
    for channel in ("email", "sms"):
        now = answer_for([*said, *more], "news", channel)
        assert bool(now) is bool(_one_record(said, channel))


@given(answers)
def test_a_no_that_nobody_took_back_later_is_never_lost(said: list[Said]) -> None:
    more = [Said(no.topic, no.channel, False, no.at) for no in noes(said)]
    for channel in ("email", "sms"):
        about = [one for one in said if one.channel in (None, channel)]
        noes_said = [one.at for one in about if not one.granted]
        yeses = [one.at for one in about if one.granted]
        if noes_said and max(noes_said) > max(yeses, default=Instant.MIN):
            assert answer_for([*said, *more], "news", channel) is False


@given(answers)
def test_saying_the_noes_again_settles_it(said: list[Said]) -> None:
    more = [Said(no.topic, no.channel, False, no.at) for no in noes(said)]
    assert noes([*said, *more]) == []


# --- what journeys have missed ---------------------------------------------------------------------------------------


def _open(steps: list[Any], **more: Any) -> OpenJourney:
    authored = {"playbook": "quiet", "stage": "stranger", "entry": {"milestone": "purchase"}, "steps": steps, **more}
    return OpenJourney("quiet.1", compiled(authored), START)


def _missed(journey: OpenJourney, name: str) -> list[tuple[str, str]]:
    assert MAP is not None
    happened = Event(7, "track", name, START)
    wakes = missed(happened, Person("cus_1"), journey, MAP, JinjaConditions(), START)
    return [(one.kind, one.name) for one in wakes]


def test_a_wait_from_the_entry_on_hears_what_the_other_reached_and_one_that_asks_for_a_new_one_does_not() -> None:
    wait = {"milestone": "beta"}
    journey = _open([{"wait_for": wait, "timeout": "9 days"}])
    assert _missed(journey, "beta") == [("milestone", "beta")]
    assert _missed(journey, "beta") == []  # the first one counts
    assert _missed(_open([{"wait_for": {**wait, "since": "step"}, "timeout": "9 days"}]), "beta") == []
    assert _missed(_open([{"wait_for": wait, "timeout": "9 days"}]), "alpha") == []


def test_a_goal_and_an_exit_that_the_other_reached_end_the_journey() -> None:
    steps = [{"wait": "9 days"}]
    assert _missed(_open(steps, goal={"milestone": "beta"}), "beta") == [("exit", "beta")]
    assert _missed(_open(steps, exit=["omega"]), "omega") == [("exit", "omega")]


def test_what_was_true_of_the_visitor_already_does_not_happen_anew() -> None:
    assert MAP is not None

    def derived(ours: int, theirs: int) -> list[str]:
        assert MAP is not None
        customer, visitor = (
            Person(f"cus_{n}", history={"alpha": Milestones(n, START, START)} if n else {}) for n in (ours, theirs)
        )
        one: Joined = merging.joined(customer, visitor, MAP)
        event = Event(9, "alias", "", START)
        return apply(event, customer, [], {}, [], MAP, JinjaConditions(), START, joined=one).milestones

    assert derived(1, 1) == ["twice"]
    assert derived(0, 2) == []
    assert derived(2, 1) == []
