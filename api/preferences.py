"""The preference page: what a customer receives, by topic and channel, and a button that stops everything."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from api import pages
from api.fields import Handed
from api.pages import Form, Page, Visit
from api.parts import Parts
from api.problems import documented
from api.words import Words, name_of
from intake.consents import Proof, record
from lifecycle.consent import answer_for
from store import consents
from store.tables import Customer

router = APIRouter(tags=["pages"], default_response_class=HTMLResponse, responses=documented(413))


class Choice(NamedTuple):
    """One box of the page. `value` is its name in the form, `on` whether the customer is written to about it now."""

    topic: str
    channel: str
    value: str
    on: bool


@router.get("/preferences/{token}")
async def ask(token: str, parts: Handed) -> Response:
    """Show what the customer receives."""
    return await pages.looked_up(parts, "preferences", token, lambda session, visit: _page(session, parts, visit))


@router.post("/preferences/{token}")
async def choose(token: str, request: Request, parts: Handed) -> Response:
    """Save what the customer chose (`do=save`), or stop everything (`do=stop`)."""
    form = await pages.form_of(request)
    wanted = next(iter(form.get("do", ())), None)
    if wanted not in ("save", "stop"):
        return await pages.looked_up(
            parts, "preferences", token, lambda session, visit: _page(session, parts, visit, status=400)
        )
    now = parts.clock()

    def store(session: Session, visit: Visit) -> Page:
        words = visit.words
        proof = Proof("preference page", now, pages.ip_of(request), _version(parts, words))
        says = words.saved
        answers: list[tuple[str, str | None, bool]]
        if wanted == "stop":
            answers = [(topic, None, False) for topic in parts.map.topics]
            says = words.stopped_all.format(company=parts.map.company)
        else:
            changed = _changed(_choices(session, parts, visit.customer), form)
            answers = [(one.topic, one.channel, not one.on) for one in changed]
        became = {
            record(session, parts.map, visit.customer, topic, granted, proof, now, channel).state
            for topic, channel, granted in answers
        }
        return _page(session, parts, visit, [says, words.requested] if "requested" in became else [says])

    return await pages.carried_out(parts, "preferences", token, store)


def _choices(session: Session, parts: Parts, customer: Customer) -> list[Choice]:
    answers = consents.latest(session, customer.id)
    found = []
    for key, topic in parts.map.topics.items():
        for channel in topic.channels:
            said = answer_for(answers, key, channel)
            found.append(Choice(key, channel, f"{key}:{channel}", topic.consent == "opt_out" if said is None else said))
    return found


def _changed(choices: Sequence[Choice], form: Form) -> list[Choice]:
    """The boxes that the customer saw otherwise than they left them; what the page did not show stays as it is."""
    shown, on = set(form.get("shown", ())), set(form.get("on", ()))
    return [one for one in choices if one.value in shown and (one.value in on) is not one.on]


def _page(session: Session, parts: Parts, visit: Visit, sentences: Sequence[str] = (), status: int = 200) -> Page:
    words, choices = visit.words, _choices(session, parts, visit.customer)
    topics = [
        {
            "name": name_of(topic, key, words.language),
            "choices": [(one.value, words.channels[one.channel], one.on) for one in choices if one.topic == key],
        }
        for key, topic in parts.map.topics.items()
    ]
    values = {"intro": words.preferences_intro.format(company=parts.map.company), "topics": topics}
    return Page(words, words.preferences_heading, sentences, status=status, template="preferences.html", values=values)


def _version(parts: Parts, words: Words) -> str:
    """What the customer was shown, as a name that changes with the text: the proof of a consent keeps it."""
    names = [name_of(topic, key, words.language) for key, topic in parts.map.topics.items()]
    text = "\n".join([parts.map.company, words.preferences_intro, words.save_button, *names])
    return f"preferences-{words.language}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"
