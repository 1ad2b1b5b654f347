"""Pauses: what they would hold, who is held and why, and what their end would do. One row pauses a million journeys.

Customers and accounts are paused and let go by whoever may act; playbooks, segments, channels and everything by whoever
may steer. So each scope has routes of its own, and none of them ends a pause of another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, cast

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.orm import Session
from whenever import Instant

from console.acts import Act, Field, Option, carried_out, end_of, named, reason_of, shown
from console.faults import Missing
from console.forms import Posted, Sent
from console.pages import address, done, page, parts_of
from console.visitors import Acting, Seeing, Steering, Visitor
from intake import consequences, pauses, reader
from intake.asking import Conflict
from intake.pauses import DEFAULTS, Handling, Impossible, Scope
from store import accounts, held, holds
from store import pauses as stored
from store.tables import Pause

router = APIRouter()

ROWS = 50
"""Rows of a page."""

STEERED: dict[str, str] = {"playbook": "playbooks", "segment": "segments", "channel": "channels"}
ACTED: dict[str, str] = {"customer": "customers", "account": "accounts", "journey": "journeys"}
"""The rooms of scopes, by who may pause them."""

CHANNELS = {"email": "e-mail", "sms": "SMS"}

SPREADS = (100, 500, 2000)
"""Paces of which it is told how long they take."""

Number = Annotated[int, Path(ge=1, le=2**53)]


class Subject(NamedTuple):
    """What is to be paused: its scope, the name under which it is stored and the one that people know, and its page."""

    scope: Scope
    target: str
    called: str
    back: tuple[str, ...]


# --- beginning -------------------------------------------------------------------------------------------------------


@router.get("/customers/{id}/pause")
async def customer_pause(request: Request, visitor: Acting, id: str) -> Response:
    """Before a customer is paused."""
    return await _before(request, visitor, "customer", id)


@router.post("/customers/{id}/pause")
async def pause_customer(request: Request, visitor: Acting, form: Sent, id: str) -> Response:
    """Pause all journeys of a customer."""
    return await _begin(request, visitor, form, "customer", id)


@router.get("/accounts/{id}/pause")
async def account_pause(request: Request, visitor: Acting, id: str) -> Response:
    """Before an account is paused."""
    return await _before(request, visitor, "account", id)


@router.post("/accounts/{id}/pause")
async def pause_account(request: Request, visitor: Acting, form: Sent, id: str) -> Response:
    """Pause all customers of an account."""
    return await _begin(request, visitor, form, "account", id)


@router.get("/playbooks/{name}/pause")
async def playbook_pause(request: Request, visitor: Steering, name: str) -> Response:
    """Before a playbook is paused."""
    return await _before(request, visitor, "playbook", name)


@router.post("/playbooks/{name}/pause")
async def pause_playbook(request: Request, visitor: Steering, form: Sent, name: str) -> Response:
    """Pause a playbook."""
    return await _begin(request, visitor, form, "playbook", name)


@router.get("/segments/{name}/pause")
async def segment_pause(request: Request, visitor: Steering, name: str) -> Response:
    """Before a segment is paused."""
    return await _before(request, visitor, "segment", name)


@router.post("/segments/{name}/pause")
async def pause_segment(request: Request, visitor: Steering, form: Sent, name: str) -> Response:
    """Pause whoever is in a segment."""
    return await _begin(request, visitor, form, "segment", name)


@router.get("/channels/{name}/pause")
async def channel_pause(request: Request, visitor: Steering, name: str) -> Response:
    """Before a channel is paused."""
    return await _before(request, visitor, "channel", name)


@router.post("/channels/{name}/pause")
async def pause_channel(request: Request, visitor: Steering, form: Sent, name: str) -> Response:
    """Pause all messages by a channel."""
    return await _begin(request, visitor, form, "channel", name)


@router.get("/everything/pause")
async def everything_pause(request: Request, visitor: Steering) -> Response:
    """Before everything is paused."""
    return await _before(request, visitor, "everything", "")


@router.post("/everything/pause")
async def pause_everything(request: Request, visitor: Steering, form: Sent) -> Response:
    """Pause everything."""
    return await _begin(request, visitor, form, "everything", "")


async def _before(request: Request, visitor: Visitor, scope: Scope, name: str) -> Response:
    return shown(request, visitor, await _beginning(request, visitor, scope, name))


async def _begin(request: Request, visitor: Visitor, form: Posted, scope: Scope, name: str) -> Response:
    parts = parts_of(request).api

    async def begin() -> Response:
        now, reason, ends_at = parts.clock(), reason_of(form), end_of(form, visitor)

        def store(session: Session) -> tuple[Subject, Pause]:
            made = pauses.start(
                session,
                scope=scope,
                target=named(name),
                reason=reason,
                who=visitor.who,
                now=now,
                policy=cast("Any", form.text("policy") or None),
                ends_at=ends_at,
                include_transactional=form.on("transactional"),
                key=form.key,
                segments=parts.map.segments,
            )
            return _subject(session, scope, made.target, parts.map.segments), made

        subject, made = await parts.database.write(store)
        undo = address(request, *_resume_place(made))
        says = f"{_upper(_what(subject))} {'are' if scope == 'account' else 'is'} paused."
        return done(request, address(request, *subject.back), says, undo=undo)

    return await carried_out(request, visitor, form, begin, lambda: _beginning(request, visitor, scope, name))


async def _beginning(request: Request, visitor: Visitor, scope: Scope, name: str) -> Act:
    """The page before a pause: how many journeys it would concern, and what is asked."""
    parts = parts_of(request).api

    def look(session: Session) -> tuple[Subject, consequences.Concerned, list[Pause]]:
        subject = _subject(session, scope, named(name), parts.map.segments)
        concerned = consequences.start_of(session, scope, subject.target, parts.applier.plan)
        return subject, concerned, stored.active_on(session, scope, subject.target)

    subject, concerned, lying = await parts.database.read(look)
    says = [
        consequences.beginning(concerned, scope),
        "Milestones are recorded all the same, and goals and exits still end journeys.",
        "What a provider has already is not called back.",
    ]
    if lying:
        says.append(f"It is paused already ({lying[-1].reason}); one pause more holds until both are ended.")
    return Act(
        f"Pause {_what(subject)}",
        says,
        address(request, *_place(subject), "pause"),
        address(request, *subject.back),
        "Pause",
        pause_fields(visitor, scope),
        harsh=scope == "everything",
    )


def pause_fields(visitor: Visitor, scope: Scope) -> Sequence[Field]:
    """What a pause asks besides its reason."""
    policy = Field(
        "policy", "What becomes of waits meanwhile?", "choice", DEFAULTS[scope],
        (
            Option("freeze", "The clock stands", "What remains of each wait remains when it is resumed."),
            Option("continue", "Time runs on", "What comes due meanwhile waits, and is sent or skipped at the end."),
        ),
    )  # fmt: skip
    zone = visitor.zone.rpartition("/")[2].replace("_", " ")
    until = Field("until", "Until when?", "time", hint=f"By the clock of {zone}. Empty: until somebody resumes it.")
    transactional = Field(
        "transactional", "Hold receipts and other transactional messages too", "box",
        hint="Without this only marketing is held.",
    )  # fmt: skip
    if scope == "channel":
        return (until, transactional)
    return (policy, until) if scope == "journey" else (policy, until, transactional)


# --- ending ----------------------------------------------------------------------------------------------------------


@router.get("/customers/{id}/resume")
async def customer_resume(request: Request, visitor: Acting, id: str) -> Response:
    """Before a customer goes on."""
    return shown(request, visitor, await _ending(request, "customer", id))


@router.post("/customers/{id}/resume")
async def resume_customer(request: Request, visitor: Acting, form: Sent, id: str) -> Response:
    """Let a customer go on."""
    return await _end(request, visitor, form, "customer", id)


@router.get("/accounts/{id}/resume")
async def account_resume(request: Request, visitor: Acting, id: str) -> Response:
    """Before an account goes on."""
    return shown(request, visitor, await _ending(request, "account", id))


@router.post("/accounts/{id}/resume")
async def resume_account(request: Request, visitor: Acting, form: Sent, id: str) -> Response:
    """Let the customers of an account go on."""
    return await _end(request, visitor, form, "account", id)


@router.get("/pauses/{number}/resume")
async def group_resume(request: Request, visitor: Steering, number: Number) -> Response:
    """Before those go on whom a playbook, a segment, a channel or everything held."""
    found = await _steered(request, number)
    return shown(request, visitor, await _ending(request, cast("Scope", found.scope), found.target, number))


@router.post("/pauses/{number}/resume")
async def resume_group(request: Request, visitor: Steering, form: Sent, number: Number) -> Response:
    """Let those go on whom a pause of a playbook, a segment, a channel or everything held."""
    found = await _steered(request, number)
    return await _end(request, visitor, form, cast("Scope", found.scope), found.target, number)


async def _steered(request: Request, number: int) -> Pause:
    """A pause that whoever may steer may end; that of a person is ended on that person's page."""
    found = await parts_of(request).api.database.read(lambda session: stored.get(session, number))
    if found is None or found.scope in ACTED:
        raise Missing("There is no pause of this number for a playbook, a segment, a channel or everything.")
    return found


async def _ending(request: Request, scope: Scope, name: str, number: int | None = None) -> Act:
    parts = parts_of(request).api

    def look(session: Session) -> tuple[Subject, list[tuple[Pause, consequences.Foreseen]]]:
        subject = _subject(session, scope, named(name), parts.map.segments, gone=True)
        found = _lying(session, subject, number)
        return subject, [(one, consequences.end_of(session, one)) for one in found]

    subject, found = await parts.database.read(look)
    what = _what(subject)
    says, several = [], len(found) > 1
    for one, foreseen in found:
        since = f"Paused by {one.made_by}: {one.reason}. "
        says.append(since + consequences.ending(foreseen))
    fields: list[Field] = []
    if several:
        options = tuple(Option(str(one.id), f"{one.reason} ({one.made_by})") for one, _ in found)
        fields.append(Field("pause", "Which pause ends?", "choice", options[0].value, options))
    else:
        fields.append(Field("pause", "", "hidden", str(found[0][0].id)))
    most = max((foreseen.held for _, foreseen in found), default=0)
    runs_on = any(one.policy == "continue" for one, _ in found)
    fields += _handling(most, spread=scope != "customer", skips=runs_on)
    back = address(request, *(("pauses", str(number)) if number is not None else subject.back))
    action = address(request, *(("pauses", str(number)) if number is not None else _place(subject)), "resume")
    return Act(f"Resume {what}", says, action, back, "Resume", fields)


def _handling(most: int, *, spread: bool, skips: bool) -> list[Field]:
    """What the end of a pause asks: what becomes of what came due, and at which pace."""
    options = [Option("send", "Let all go on at once", "What has come due is decided upon again, and sent.")]
    if spread:
        options.append(Option("spread", "Let them go on bit by bit", "So many a minute, the longest held first."))
    if skips:
        options.append(Option("skip", "Skip what came due meanwhile", "Messages that are due now are not sent."))
    fields = [Field("handling", "What becomes of what came due?", "choice", "send", tuple(options))]
    if spread:
        paces = "; ".join(f"{pace:,} a minute: {consequences.takes(most, pace)}" for pace in SPREADS)
        hint = f"For the {most:,} that stand now. {paces}." if most > 1 else "For going on bit by bit."
        fields.append(Field("spread", "How many journeys a minute?", "number", hint=hint))
    return fields


async def _end(
    request: Request, visitor: Visitor, form: Posted, scope: Scope, name: str, number: int | None = None
) -> Response:
    parts = parts_of(request).api

    async def end() -> Response:
        now, reason = parts.clock(), reason_of(form)
        handling, spread = how(form)

        def store(session: Session) -> tuple[Subject, Pause]:
            subject = _subject(session, scope, named(name), parts.map.segments, gone=True)
            meant = _meant(_lying(session, subject, number), form)
            ended = pauses.end(
                session, meant, reason=reason, who=visitor.who, now=now, handling=handling, spread=spread, key=form.key
            )
            return subject, ended

        subject, ended = await parts.database.write(store)
        place = ("pauses", str(ended.id)) if number is not None else subject.back
        says = f"The pause of {_what(subject)} has ended; whom it held goes on within seconds."
        if spread:
            says = f"The pause of {_what(subject)} has ended; {spread:,} journeys a minute go on."
        undo = address(request, *_place(subject), "pause")
        return done(request, address(request, *place), says, undo=undo)

    return await carried_out(request, visitor, form, end, lambda: _ending(request, scope, name, number))


def how(form: Posted) -> tuple[Handling, int | None]:
    """What is to become of what came due, and the pace; Impossible for what is neither."""
    handling, spread = form.text("handling", "send"), form.text("spread")
    if handling != "spread":
        return cast("Handling", handling), None
    if not (spread.isascii() and spread.isdigit() and 1 <= int(spread[:9]) <= 1_000_000):
        raise Impossible("say how many journeys a minute go on: a number from 1 to 1,000,000")
    return "send", int(spread)


def _lying(session: Session, subject: Subject, number: int | None) -> list[Pause]:
    """The pauses of this very target that hold now: the one of this number, else all of them."""
    found = stored.active_on(session, subject.scope, subject.target)
    found = [one for one in found if number in (None, one.id)]
    if not found:
        raise Conflict(f"no pause of {_what(subject)} holds now: it has ended, or there was none")
    return found


def _meant(found: Sequence[Pause], form: Posted) -> int:
    given = form.text("pause")
    for one in found:
        if one.id is not None and str(one.id) == given:
            return one.id
    raise Conflict("this pause has ended meanwhile, or belongs to something else")


# --- looking ---------------------------------------------------------------------------------------------------------


@router.get("/pauses")
async def listing(
    request: Request,
    visitor: Seeing,
    ended: bool = False,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """The pauses that hold, or with `ended` those that have ended, the latest first."""

    def look(session: Session) -> tuple[list[Pause], dict[int, int], dict[tuple[str, str], held.Named]]:
        found = stored.page(session, ended=ended, before=before, limit=ROWS + 1)
        numbers = [one.id for one in found if one.id is not None]
        return found, holds.counts(session, numbers), held.named(session, [(one.scope, one.target) for one in found])

    found, counts, names = await parts_of(request).api.database.read(look)
    more = found[ROWS - 1].id if len(found) > ROWS else None
    return page(
        request, "acts/pauses.html", visitor, title="Pauses", pauses=found[:ROWS], counts=counts, names=names,
        ended=ended, before=before, more=more, channels=CHANNELS,
    )  # fmt: skip


@router.get("/pauses/{number}")
async def one_pause(request: Request, visitor: Seeing, number: Number, since: str = "", journey: str = "") -> Response:
    """A pause, what its end would do, and the journeys that it holds, the longest held first."""
    after = _after(since, journey)
    parts = parts_of(request).api

    def look(session: Session) -> Any:
        found = stored.get(session, number)
        if found is None:
            raise Missing("There is no pause of this number.")
        rows = held.page(session, number, after, ROWS + 1)
        about = [(found.scope, found.target), *(("journey", one.journey) for one in rows)]
        return found, consequences.end_of(session, found), rows, held.named(session, about)

    found, foreseen, rows, names = await parts.database.read(look)
    name = names[found.scope, found.target]
    ways = [("Sending at once", consequences.ending(foreseen))]
    if found.policy == "continue":
        ways.append(("Skipping", consequences.ending(foreseen, "skip")))
    if foreseen.held > 1 and found.scope not in ("customer", "journey"):
        ways += [(f"{pace:,} a minute", f"That takes {consequences.takes(foreseen.held, pace)}.") for pace in SPREADS]
    acted = found.scope in ACTED
    return page(
        request, "acts/pause.html", visitor, title=f"The pause of {_name(found, name)}", pause=found, name=name,
        foreseen=foreseen, ways=ways if found.ended_at is None and foreseen.held else (), rows=rows[:ROWS], names=names,
        last=rows[ROWS - 1] if len(rows) > ROWS else None, others=_others(foreseen.others),
        resume=address(request, *_resume_place(found)), may_resume=visitor.may("act" if acted else "steer"),
    )  # fmt: skip


def _others(found: Sequence[Pause]) -> list[tuple[int, str]]:
    """Other pauses by their number and in a few words; whom they are about is on their own pages."""
    return [(one.id or 0, f"{one.scope}: {one.reason}") for one in found]


def _after(since: str, journey: str) -> tuple[Instant, str] | None:
    if not since:
        return None
    try:
        return Instant.parse_iso(since), named(journey)
    except ValueError:
        raise Missing("This page of the list cannot be read; begin at the first one.") from None


# --- names -----------------------------------------------------------------------------------------------------------


def _subject(session: Session, scope: Scope, name: str, segments: Any, *, gone: bool = False) -> Subject:
    """What a name of an address means; with `gone` also a playbook or segment that is not declared any more."""
    if scope == "customer":
        customer = reader.find_customer(session, name)
        return Subject(scope, customer.id, held.called(customer), ("customers", customer.id))
    if scope == "account":
        account = accounts.find(session, name)
        if account is None:
            raise reader.Unknown("there is no such account")
        return Subject(scope, account.id, account.group_id, ("accounts", account.id))
    target = name if gone else pauses.resolved(session, scope, name, segments)[1]
    if scope == "everything":
        return Subject(scope, "", "everything", ("pauses",))
    back = ("pauses",) if scope == "channel" else (STEERED[scope], target)
    return Subject(scope, target, target, back)


def _place(subject: Subject) -> tuple[str, ...]:
    if subject.scope == "everything":
        return ("everything",)
    return ({**STEERED, **ACTED}[subject.scope], subject.target)


def _resume_place(pause: Pause) -> tuple[str, ...]:
    """Where a pause is ended."""
    if pause.scope in ACTED:
        return (ACTED[pause.scope], pause.target, "resume")
    return ("pauses", str(pause.id), "resume")


def _what(subject: Subject) -> str:
    match subject.scope:
        case "customer":
            return subject.called
        case "account":
            return f"all customers of {subject.called}"
        case "segment":
            return f"whoever is in {subject.called}"
        case "channel":
            return CHANNELS[subject.target]
        case "everything":
            return "everything"
        case _:
            return f"the playbook {subject.called}"


def _name(pause: Pause, name: held.Named) -> str:
    if pause.scope in ("customer", "journey"):
        return name.text
    return _what(Subject(cast("Scope", pause.scope), pause.target, name.text, ()))


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
