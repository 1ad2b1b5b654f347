"""What all acts share: a page that says what will happen and asks why, and what was sent from it.

An act is two steps. GET shows it, POST does it. What cannot be done is said on the page, with the form still filled in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from fastapi import Request, Response
from whenever import Instant

from api.fields import storable
from api.problems import sentence
from console.faults import Missing
from console.forms import Posted
from console.pages import page
from console.visitors import Visitor
from intake.asking import Conflict
from intake.consents import NotRecorded
from intake.pauses import Impossible
from intake.reader import Next
from lifecycle.rights import Right
from lifecycle.segment import FIRST, LAST
from lifecycle.values import instant

LONGEST = 200
"""Characters of a reason."""


@dataclass(frozen=True, slots=True)
class Option:
    """One of several answers, and what it means."""

    value: str
    label: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that an act asks for besides the reason; `value` is what stands in it."""

    name: str
    label: str
    kind: Literal["text", "area", "number", "time", "choice", "select", "box", "hidden"] = "text"
    value: str = ""
    options: Sequence[Option] = ()
    hint: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """A page that asks for confirmation. `says` are the sentences of what will happen; `action` is where the form is
    sent, `back` where one goes who thinks better of it. `facts` are shown as a list, and below them what `comes` next
    in a journey, whose customer's clocks are those of `zone_of`.
    """

    title: str
    says: Sequence[str]
    action: str
    back: str
    button: str
    fields: Sequence[Field] = ()
    facts: Sequence[tuple[str, str]] = ()
    comes: Next | None = None
    zone_of: str | None = None
    reason: str = ""
    harsh: bool = False
    asks_why: bool = True
    wrong: str = field(default="")

    def filled(self, form: Posted | None) -> Act:
        """With what was sent before."""
        if form is None:
            return self
        fields = tuple(one if one.kind == "hidden" else replace(one, value=form.text(one.name)) for one in self.fields)
        return replace(self, fields=fields, reason=form.text("reason"))


def shown(request: Request, visitor: Visitor, act: Act, status: int = 200) -> Response:
    """The page of an act."""
    return page(request, "acts/act.html", visitor, title=act.title, status=status, act=act)


async def carried_out(
    request: Request,
    visitor: Visitor,
    form: Posted,
    do: Callable[[], Awaitable[Response]],
    act: Callable[[], Awaitable[Act]],
) -> Response:
    """What `do` answers; where it cannot be done, the page of the act again, with the sentence and the form as sent."""
    try:
        return await do()
    except (Impossible, NotRecorded) as error:
        says, status = sentence(error), 422
    except Conflict as error:
        says, status = sentence(error), 409
    return shown(request, visitor, replace((await act()).filled(form), wrong=says), status)


def reason_of(form: Posted) -> str:
    """Why; Impossible where nobody says so."""
    return text_of(form, "reason", "say why: the reason is kept in the audit log")


def text_of(form: Posted, name: str, empty: str, longest: int = LONGEST) -> str:
    """A text that every database stores; Impossible with `empty` where there is none."""
    given = form.text(name)
    if not given:
        raise Impossible(empty)
    if len(given) > longest:
        raise Impossible(f"this is too long: {longest} characters at most, and these are {len(given)}")
    try:
        return storable(given)
    except ValueError:
        raise Impossible("this holds a character that cannot be stored") from None


def named(text: str) -> str:
    """A name of an address; Missing for one that nothing can have."""
    try:
        return storable(text)
    except ValueError:
        raise Missing("There is nothing of this name.") from None


def end_of(form: Posted, visitor: Visitor) -> Instant | None:
    """When something is to end by itself, as the clocks of the visitor show it; None where nothing is given."""
    given = form.text("until")
    if not given:
        return None
    try:
        found = instant(given, visitor.zone, "00:00")
    except ValueError:
        raise Impossible(f"`{given[:40]}` is not a time; write for example 2026-03-02T10:00") from None
    if not FIRST <= found < LAST:
        raise Impossible("the year of the end must lie between 1970 and 2199")
    return found


def undo_of(what: str, target: str, data: Mapping[str, Any] | None) -> tuple[tuple[str, ...], Right] | None:
    """The place of the page that does the opposite of an act of the audit log, for `address(request, *place)`, and the
    right that it needs; None where nothing undoes it. Whether there is still anything to undo, that page says.
    """
    known = data or {}
    rooms = {"journey": "journeys", "customer": "customers", "account": "accounts"}
    if what == "pause":
        scope = str(known.get("scope", "journey"))
        if scope in rooms:
            return (rooms[scope], target, "resume"), "act"
        return (("pauses", str(known["pause"]), "resume"), "steer") if "pause" in known else None
    opposite = {"suppress": "lift", "lift": "suppress", "consent": "consent"}.get(what)
    return (("customers", target, opposite), "act") if opposite else None
