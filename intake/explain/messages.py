"""Why a message was or was not sent: as it was decided, or as it would be decided now."""

from __future__ import annotations

from sqlalchemy.orm import Session
from whenever import Instant

from activities.facts import facts_of
from intake import reader
from intake.explain.answer import Explained, Explainer, Since, because
from intake.reader import Position, Unknown
from lifecycle import policies
from lifecycle.consent import CONFIRM_WITHIN
from lifecycle.language.faults import did_you_mean
from lifecycle.language.template import Channel, TemplateInfo
from lifecycle.ledger import message_id
from lifecycle.plan import Plan, Send, Target
from lifecycle.policies import Check, Lying
from messaging.render import RenderError
from store import consents, deliveries, messages, pauses
from store.tables import Customer, Journey, Message

_BECAME = {
    "sending": "it is being handed over at this moment, or the worker that did so has died",
    "accepted": "the provider has it",
    "delivered": "it was delivered",
    "bounced": "it came back",
    "dropped": "the provider took it and did not send it",
    "undelivered": "it could not be delivered",
    "lost": "the provider surely does not have it, and the journey has gone on",
}
GIVEN = dict.fromkeys(("unsubscribe_url", "preferences_url", "confirm_url"), "https://example.com/link")
"""What stands for links that are made only when a message is."""

_WOULD = {"send": "it would be sent now", "refuse": "it would not be sent", "defer": "it would be put off"}


def of_message(session: Session, explainer: Explainer, customer: Customer, name: str, now: Instant) -> Explained:
    """Explain a message by its id, by its step, or by its template. Raises Unknown.

    The outcome is the state of a message that was decided (`lifecycle.ledger`), else `would_send`, `would_refuse` or
    `would_defer`; `not_coming` where no journey of the customer comes to it any more.
    """
    stored = messages.of_customer(session, customer.id)
    found = [one for one in stored if one.id.startswith(name)] if len(name) >= 6 else []
    if len(found) == 1:
        return decided(session, explainer, customer, found[0])
    meant = _sending(reader.of_customer(session, customer, now), name)
    if meant is not None:
        position, step = meant
        earlier = [one for one in stored if (one.journey_id, one.step) == (position.journey.id, step)]
        if earlier:
            return decided(session, explainer, customer, earlier[-1])
        return _undecided(session, explainer, customer, position, step, now)
    info = _template(explainer, name)
    if info is None:
        known = [*(one.id for one in stored), *(template for template, _ in explainer.templates)]
        hint = did_you_mean(name, known)
        raise Unknown(f"`{name}` is no message, step or template" + (f"; {hint}" if hint else ""))
    absent = Check("journey", "none", False, "a journey of the customer sends this")
    asked = explainer.asker.asked(session, info, customer, now)
    checks = (absent, *_with_requests(session, explainer, customer, info, policies.explain(asked), now))
    decision = policies.decide(asked)
    link, why = ("apart from that", "") if decision.outcome == "send" else ("and", f" ({because(decision.reason)})")
    says = f"no journey of the customer sends it, {link} {_WOULD[decision.outcome]}{why}"
    return Explained(_about(info.name, info.channel), "not_coming", says, checks)


def _sending(positions: list[Position], name: str) -> tuple[Position, str] | None:
    """The journey and step that a name means: of several the one that is open, else the latest."""
    found = [
        (position, step)
        for position in positions
        for step, one in position.plan.steps.items()
        if isinstance(one, Send) and name in (step, one.template)
    ]
    return max(found, key=lambda one: (one[0].journey.status != "ended", one[0].journey.entered_at), default=None)


def _template(explainer: Explainer, name: str) -> TemplateInfo | None:
    return explainer.templates.get((name, "email")) or explainer.templates.get((name, "sms"))


def _about(template: str, channel: str) -> str:
    return f"{template} by {'SMS' if channel == 'sms' else 'e-mail'}"


# --- decided -------------------------------------------------------------------------------------------------------


def decided(session: Session, explainer: Explainer, customer: Customer, message: Message) -> Explained:
    """Explain a message that was decided, as it is stored."""
    checks = [Check(**check) for check in (message.decision or {}).get("checks", ())]
    why = because(message.reason)
    if message.reason and all(check.passed for check in checks):
        # What stopped it came after the checks: its text could not be made, or the provider did not take it.
        code, _, says = why.partition(": ")
        checks.append(Check(code, message.reason, False, f"it stopped because {says}" if says else code))
    zone = explainer.zone(customer)
    says = _BECAME.get(message.state, "it was not sent")
    if message.state == "pending":
        until = f" until {reader.local(message.not_before, zone)}" if message.not_before else ""
        says = f"it is put off{until}"
    elif message.state == "unknown":
        says = "nobody can tell yet whether the provider has it"
    says += f" ({why})" if why else ""
    about, since = _about(message.template, message.channel), tuple(_since(session, message))
    return Explained(about, message.state, says, tuple(checks), since, journey=message.journey_id)


def _since(session: Session, message: Message) -> list[Since]:
    told: list[Since] = []
    if message.claimed_at and message.attempt:
        told.append(Since(message.claimed_at, f"decided for the last time, attempt {message.attempt}"))
    if message.accepted_at:
        told.append(Since(message.accepted_at, f"accepted by {message.sender or 'the provider'}"))
    told += [
        Since(one.at, one.kind + (f" ({one.detail})" if one.detail else ""))
        for one in deliveries.of_message(session, message.id)
    ]
    return sorted(told, key=lambda one: one.at)


# --- not decided yet -----------------------------------------------------------------------------------------------


def _undecided(
    session: Session, explainer: Explainer, customer: Customer, position: Position, step: str, now: Instant
) -> Explained:
    plan, journey, send = position.plan, position.journey, position.plan.steps[step]
    assert isinstance(send, Send)
    about = _about(send.template, send.channel)
    info = explainer.templates.get((send.template, send.channel))
    if info is None:
        raise Unknown(f"the template `{send.template}` is not in the project any more")
    going = position.word not in ("ended", "holdout")
    here = Check("journey", position.next.why if going else f"{position.word}, {position.next.why}", going,
                 "the journey is under way")  # fmt: skip
    if not going:
        return Explained(
            about, "not_coming", f"it will not be sent: the journey {position.next.why}", (here,), journey=journey.id
        )
    if not _reaches(plan, position.state.step, step):
        way = Check("way", f"stands at `{position.state.step}`", False, "the journey still comes to this step")
        return Explained(
            about, "not_coming", "it will not be sent: the journey went another way", (here, way), journey=journey.id
        )
    asked = explainer.asker.asked(
        session,
        info,
        customer,
        now,
        journey=journey,
        plan=plan,
        message=message_id(journey.id, step, position.state.occurrences.get(step, 1)),
        expires=position.state.expires if position.state.step == step else None,
        pauses=_lying(session, journey, send.channel, now),
    )
    decision = policies.decide(asked)
    checks = [here, *_with_requests(session, explainer, customer, info, policies.explain(asked), now)]
    outcome, reason = decision.outcome, decision.reason
    if outcome != "refuse":
        checks.append(_text(session, explainer, customer, position, info, now))
        if not checks[-1].passed:
            outcome, reason = "refuse", checks[-1].saw
    until = f" until {reader.local(decision.until, explainer.zone(customer))}" if decision.until else ""
    says = _WOULD[outcome] + (until if outcome == "defer" else "") + (f" ({because(reason)})" if reason else "")
    return Explained(about, f"would_{outcome}", f"it has not come to it yet; {says}", tuple(checks), journey=journey.id)


def _reaches(plan: Plan, start: Target, step: str) -> bool:
    """Whether a journey that stands at `start` may still come to `step`."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        here = ahead.pop()
        if here == step:
            return True
        if here is not None and here not in seen:
            seen.add(here)
            ahead.extend(plan.targets(here))
    return False


def _lying(session: Session, journey: Journey, channel: Channel, now: Instant) -> list[Lying]:
    found = pauses.concerning(
        session,
        journey_id=journey.id,
        customer_id=journey.customer_id,
        playbook=journey.playbook,
        channels=[channel],
        since=now,
    )
    return [Lying(one.scope, one.reason, one.ends_at, bool(one.transactional)) for one in found if one.ended_at is None]


def _with_requests(
    session: Session,
    explainer: Explainer,
    customer: Customer,
    info: TemplateInfo,
    checks: tuple[Check, ...],
    now: Instant,
) -> list[Check]:
    """The checks, with a word about a confirmation that is still missing where that is why there is no consent."""
    asked = [one for one in consents.requests(session, customer.id) if one.topic == info.topic and not one.confirmed_at]
    if not asked:
        return list(checks)
    on = reader.local(asked[-1].at, explainer.zone(customer))
    link = "the link in the mail works no more" if now > asked[-1].at + CONFIRM_WITHIN else "not confirmed yet"
    return [
        check._replace(saw=f"{check.saw}: asked for it on {on}, {link}")
        if check.check == "no-consent" and not check.passed
        else check
        for check in checks
    ]


def _text(
    session: Session, explainer: Explainer, customer: Customer, position: Position, info: TemplateInfo, now: Instant
) -> Check:
    """Whether the message can be written with what is known of the customer now."""
    entry = position.plan.entry.milestone if position.plan.entry else None
    facts = facts_of(session, position.journey, customer, position.state, explainer.map, entry, now)
    given = {"postal_address": explainer.map.postal_address or "", "company": explainer.map.company, **GIVEN}
    says = "the text can be made with what is known of the customer"
    try:
        explainer.renderer.render(info.name, info.channel, customer.language, facts, given)
    except RenderError as error:
        return Check("text", error.reason, False, says)
    return Check("text", "complete", True, says)
