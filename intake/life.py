"""A customer's life in words: one list of all that happened to them, the newest first, a page at a time.

Every text here is for people, and none of it is markup. Instants stay instants, for whoever shows them knows in which
zone. A page is a fixed number of queries, whatever the customer went through.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sqlalchemy.orm import Session
from whenever import Instant

from intake.explain.answer import because
from intake.reader import Position
from lifecycle.life import Place, Told, bound, page
from lifecycle.lines import instant_of
from lifecycle.step_words import CHANNELS, by
from lifecycle.timeline import Line
from store import life
from store.tables import Audit, Consent, ConsentRequest, Customer, Event, Milestone, Pause, Suppression, Task

PAGE = 50

Kind = Literal[
    "milestone", "change", "message", "wait", "decision", "step", "journey", "refused", "deferred", "task", "pause",
    "consent", "suppression", "act", "note",
]  # fmt: skip

_SCOPES = {"everything": "everything", "playbook": "the playbook", "channel": "the channel", "account": "the account",
           "segment": "the segment"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a provider told of a message, or what it did to a playbook: `what` in a word, and since when."""

    what: str
    at: Instant
    times: int = 1
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class NotEntered:
    """A playbook that a milestone did not enter, and why."""

    playbook: str
    because: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a life. `says` is what happened, in a few words, and `why` the reason in plain ones.

    `until` is the instant that it looks ahead to. `who` did it, where a person did. `values` are names with values.
    `message`, `journey`, `playbook` and `step` say where more of it stands; `asks` is what to ask `explain` about it.
    """

    at: Instant
    kind: Kind
    says: str
    why: str | None = None
    until: Instant | None = None
    who: str | None = None
    state: str | None = None
    message: str | None = None
    journey: str | None = None
    playbook: str | None = None
    step: str | None = None
    asks: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    reactions: tuple[Reaction, ...] = ()
    not_entered: tuple[NotEntered, ...] = ()
    entered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, the newest first, and the word for where the next page begins; None at the end."""

    entries: list[Entry]
    after: str | None


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose life: the customer, the rows that were merged into them, their journeys' playbooks, the keyed hashes of
    their addresses as channel and hash, and the segments that they are in.
    """

    customer: Customer
    merged: Sequence[Customer] = ()
    playbooks: Collection[str] = ()
    marks: Collection[tuple[str, str]] = ()
    segments: Collection[str] = ()

    @property
    def ids(self) -> list[str]:
        return [self.customer.id, *(one.id for one in self.merged)]


def read(
    session: Session, whose: Whose, positions: Iterable[Position] = (), after: str | None = None, limit: int = PAGE
) -> Page:
    """A page of a life. `positions` are those of open journeys, which know what must have happened since it was stored.

    `after` is the word that the page before gave; the first page without one, or with one that means nothing.
    """
    place, most = Place.read(after) if after else None, limit + 1
    customer = whose.customer.id
    names = [one.user_id for one in (whose.customer, *whose.merged)]
    account = whose.customer.account_id
    wide = {
        "channel": list(CHANNELS), "playbook": whose.playbooks, "segment": whose.segments,
        "account": [account] if account else [],
    }  # fmt: skip
    since, addresses = whose.customer.created_at, [mark for _, mark in whose.marks]
    ranks = iter(range(20))

    def rest(rank: int) -> tuple[int, Any, int]:
        return rank, bound(place, rank), most

    kinds: list[Sequence[Told[Any]]] = [
        _coming(positions, next(ranks), place),
        life.acts(session, customer, [*whose.ids, *names], *rest(next(ranks))),
        life.tasks(session, customer, *rest(next(ranks))),
        life.messages(session, customer, *rest(next(ranks))),
        life.steps(session, customer, *rest(next(ranks))),
        life.pauses(session, wide, since, *rest(next(ranks)), ended=True),
        life.pauses(session, wide, since, *rest(next(ranks)), ended=False),
        life.suppressed(session, addresses, *rest(next(ranks)), lifted=True),
        life.suppressed(session, addresses, *rest(next(ranks)), lifted=False),
        life.consents(session, customer, *rest(next(ranks))),
        life.requests(session, customer, *rest(next(ranks))),
        life.changes(session, whose.ids, *rest(next(ranks))),
        life.milestones(session, customer, *rest(next(ranks))),
    ]
    told, behind = page(kinds, limit)
    rows = [one.row for one in told]
    around = _Around(
        life.news_of(session, [row.id for row in rows if isinstance(row, life.Sent)]),
        life.outcomes(session, [row.event_id for row in rows if isinstance(row, Milestone)]),
    )
    return Page([around.entry(one) for one in told], behind.written() if behind else None)


def _coming(positions: Iterable[Position], rank: int, place: Place | None) -> list[Told[Any]]:
    """Lines of open journeys that nobody has stored yet: what they say has come, and a worker is at it."""
    if place is not None and place.rank != rank:
        positions = ()  # they are the newest there is: all were told
    lines = [(one, line) for one in positions for line in one.lines[one.stored :]]
    told = [Told(Place(line.at, rank, f"{one.journey.id}/{line.seq}"), _step(one, line)) for one, line in lines]
    told.sort(key=lambda one: (one.place.at, one.row.journey_id, one.row.seq), reverse=True)
    if place is None:
        return told
    return [one for one in told if one.place.at < place.at or (one.place.at == place.at and one.place.key < place.key)]


def of_line(position: Position, line: Line) -> Entry:
    """A line of a journey that is still to come, in words."""
    row = _step(position, line)
    entry = _of_journey(row.at, row)
    return replace(entry, says=_TO_COME[line.what]) if line.what in _TO_COME else entry


_TO_COME = {"finished": "comes to its last step", "exited": "ends"}
"""The words of lines that are told otherwise while they are still to come."""


def _step(position: Position, line: Line) -> life.Step:
    journey = position.journey
    return life.Step(
        line.at, journey.id, line.seq, line.what, line.step, line.channel, line.template, line.to, line.reason,
        journey.playbook,
    )  # fmt: skip


@dataclass(slots=True)
class _Around:
    """What belongs to the rows of a page and is read together."""

    news: Mapping[str, Sequence[life.News]]
    outcomes: Mapping[int, Mapping[str, Any]]
    kinds: Mapping[type, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.kinds = {
            life.Sent: self._message, life.Step: _of_journey, Milestone: self._milestone, Event: self._change,
            Task: _task, Consent: _consent, ConsentRequest: _request, Suppression: _suppression, Audit: _act,
            Pause: _pause,
        }  # fmt: skip

    def entry(self, told: Told[Any]) -> Entry:
        entry: Entry = self.kinds[type(told.row)](told.place.at, told.row)
        return entry

    def _message(self, at: Instant, row: life.Sent) -> Entry:
        news = [Reaction(one.kind, one.first, one.times, one.detail) for one in self.news.get(row.id, ())]
        kind: Kind = "deferred" if row.state == "pending" else "message"
        return Entry(
            at, kind, row.subject or by(row.template, row.channel),
            because(row.reason) or None, until=row.not_before if row.state == "pending" else None, state=row.state,
            message=row.id, journey=row.journey_id, playbook=row.playbook, step=row.step, asks=row.id,
            values=(("template", row.template), ("channel", CHANNELS.get(row.channel, row.channel))),
            reactions=tuple(news),
        )  # fmt: skip

    def _milestone(self, at: Instant, row: Milestone) -> Entry:
        outcome = self.outcomes.get(row.event_id, {})
        return Entry(
            at, "milestone", row.name, values=_values(row.properties),
            not_entered=tuple(NotEntered(one["playbook"], one["because"]) for one in outcome.get("not_entered", ())),
            entered=tuple(one["playbook"] for one in outcome.get("entered", ())),
        )  # fmt: skip

    def _change(self, at: Instant, row: Event) -> Entry:
        if row.kind == "group":
            return Entry(
                at, "change", f"belongs to the account {row.name or ''}".rstrip(), values=_values(row.properties)
            )
        if row.previous_id:
            says = f"is the same person as {row.previous_id}"
            return Entry(at, "change", says, values=_values(row.properties))
        return Entry(at, "change", "was told to us", values=_values(row.properties))


def _of_journey(at: Instant, row: life.Step) -> Entry:
    kind, says, why, until = _in_words(row)
    asks = row.step if kind in ("refused", "deferred") and row.template else None
    return Entry(at, kind, says, why, until, journey=row.journey_id, playbook=row.playbook, step=row.step, asks=asks)


_ARMS = {"timed_out": "the time is over", "passed": "the date has passed", "else": "none of the conditions holds"}


def _in_words(row: life.Step) -> tuple[Kind, str, str | None, Instant | None]:
    """A line's kind, what it says, why, and the instant that it looks ahead to."""
    template, to = row.template or "", row.to or ""
    message = by(template, row.channel or "")
    line = Line(row.seq, row.at, 0, row.what, to=row.to)  # type: ignore[arg-type]
    match row.what:
        case "entered":
            return "journey", "entered the playbook", None, None
        case "sent":
            return "step", f"sends {message}", None, None
        case "deferred":
            return "deferred", f"{message} is put off", because(row.reason), instant_of(line)
        case "refused" if row.template:
            return "refused", f"{message} is not sent", because(row.reason), None
        case "refused":
            return "refused", f"no task for {to}", because(row.reason), None
        case "waiting" if row.to is None:
            return "wait", f"the wait at {row.step} is over", "a person skipped it", None
        case "waiting":
            what = f"waits {row.reason}, at most" if (row.reason or "").startswith("for ") else "waits"
            return "wait", what, "a pause was over" if row.reason == "resumed" else None, instant_of(line)
        case "milestone":
            return "decision", f"{to} came, and {row.step} goes on", None, None
        case "branch":
            return "decision", f"decided at {row.step}: {_ARMS.get(to, to)}", row.reason, None
        case "split":
            return "decision", f"takes the variant {to} of {row.step}", None, None
        case "task":
            return "step", f"task: {row.reason}", None, None
        case "set":
            return "step", f"sets {to}", row.reason, None
        case "recorded":
            return "step", f"records {to}", row.reason, None
        case "enrolled":
            return "step", f"enrols in {to}", row.reason, None
        case "moved":
            return "journey", f"goes on in version {to}", row.reason, None
        case "goal":
            return "journey", f"reached the goal: {to}", row.reason, None
        case "exited":
            return "journey", "ended", row.reason, None
        case "finished":
            return "journey", "came to its last step", row.reason, None
    return "step", f"{row.what} {to}".strip(), row.reason, None


def _task(at: Instant, row: Task) -> Entry:
    values = (("for", row.assignee),) if row.assignee else ()
    return Entry(at, "task", row.title, until=row.due_at, state=row.state, journey=row.journey_id, values=values)


def _consent(at: Instant, row: Consent) -> Entry:
    answer = "agreed to" if row.granted else "said no to"
    says = f"{answer} {by(row.topic, row.channel) if row.channel else row.topic}"
    return Entry(at, "consent", says, values=(("told by", row.source),))


def _request(at: Instant, row: ConsentRequest) -> Entry:
    state = "confirmed" if row.confirmed_at else "not confirmed yet"
    return Entry(at, "consent", f"asked for {row.topic}", state=state, values=(("told by", row.source),))


def _suppression(at: Instant, row: Suppression) -> Entry:
    reach = "every message" if row.scope == "all" else "marketing"
    where = "the e-mail address" if row.channel == "email" else "the phone number"
    if row.lifted_at == at:
        return Entry(at, "suppression", f"{where} is no longer suppressed", values=(("was", row.reason),))
    return Entry(
        at, "suppression", f"{where} is suppressed for {reach}", row.reason, who=row.made_by, message=row.message_id
    )


def _act(at: Instant, row: Audit) -> Entry:
    kind: Kind = "note" if row.what == "note" else "pause" if row.what in ("pause", "resume") else "act"
    journey = row.target if "." in row.target and "@" not in row.target else None
    data = {name: value for name, value in (row.data or {}).items() if name not in ("key", "pause", "event")}
    if kind == "note":
        return Entry(at, kind, row.reason or "", who=row.who, journey=journey)
    return Entry(
        at, kind, _ACTS.get(row.what, row.what), row.reason, who=row.who, journey=journey, values=_values(data)
    )


_ACTS = {
    "pause": "paused", "resume": "resumed", "skip": "skipped", "exit": "ended by hand", "enrol": "enrolled by hand",
    "consent": "changed consent", "resend": "sent again", "suppress": "suppressed",
    "list saved": "saved a list about them as CSV",
}  # fmt: skip


def _pause(at: Instant, row: Pause) -> Entry:
    what = f"{_SCOPES.get(row.scope, row.scope)} {CHANNELS.get(row.target, row.target)}".strip()
    if row.ended_at == at:
        return Entry(at, "pause", f"the pause of {what} ended")
    says = f"{what} is paused"
    clock = "the clock stands" if row.policy == "freeze" else "time runs on"
    return Entry(at, "pause", says, row.reason, row.ends_at, row.made_by, values=(("clock", clock),))


_LONGEST, _MOST = 200, 12
"""Characters of a value, and how many values, that are shown of what a product sent."""


def _values(given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), shown(value)) for name, value in list(given.items())[:_MOST])


def shown(value: Any) -> str:
    """A value of an attribute or a property as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    text = str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " …"
