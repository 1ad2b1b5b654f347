"""What the decision before a send looks at, read from the database (lifecycle.policies decides).

The claim asks inside its transaction, under the customer's lock; `milepost explain` asks the same at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle import policies
from lifecycle.caps import YIELDING, reaches_back
from lifecycle.consent import answer_for
from lifecycle.language.map import Map
from lifecycle.language.template import Channel, TemplateInfo
from lifecycle.plan import Plan
from lifecycle.suppression import holds
from messaging import addresses
from store import consents, messages, suppressions
from store.tables import Consent, Customer, Journey


@dataclass(frozen=True, slots=True)
class Asker:
    """`secret` keys the hashes of suppressed addresses; `plan_of` gives the plan of a playbook version."""

    map: Map
    secret: bytes
    plan_of: Callable[[Session, str], Plan]

    def asked(
        self,
        session: Session,
        template: TemplateInfo,
        customer: Customer,
        now: Instant,
        *,
        journey: Journey | None = None,
        plan: Plan | None = None,
        message: str = "",
        expires: Instant | None = None,
        pauses: Sequence[policies.Lying] = (),
    ) -> policies.Asked:
        """All that is known about sending `template` to `customer` at `now`.

        `journey` and `plan` are those of the step that sends, `message` is its id; without them the question is what
        would become of a message that nobody has asked for yet.
        """
        channel, marketing = template.channel, template.purpose == "marketing"
        given = address_of(customer, channel)
        normal = addresses.normal(channel, given) if given else None
        counted = self._counted(session, customer, now) if marketing else []
        said = consents.latest(session, customer.id) if marketing else []
        return policies.Asked(
            template,
            self.map,
            now,
            "holdout" if journey and journey.arm == "holdout" else "journey",
            erased=customer.erased_at is not None,
            exited=journey is not None and journey.exit_at is not None,
            expires=expires,
            consent=answer_for(said, template.topic, channel) if marketing else None,
            address="known" if normal else "invalid" if given else "none",
            stage=customer.stage,
            suppression=self._suppression(session, channel, normal, _agreed_at(said, template.topic, channel)),
            reach=reach_of(customer, self.map) if marketing else None,
            counted=counted,
            rivals=self._rivals(session, customer, message, now) if self.map.caps and marketing else [],
            priority=plan.priority if plan else 5,
            journey=journey.id if journey else "",
            pauses=pauses,
        )

    def reaches(
        self, session: Session, template: TemplateInfo, customer: Customer
    ) -> tuple[Literal["known", "none", "invalid"], tuple[str, str] | None]:
        """Whether the customer has an address for a template's messages, and what suppresses it (`Asked`)."""
        given = address_of(customer, template.channel)
        normal = addresses.normal(template.channel, given) if given else None
        said = consents.latest(session, customer.id) if template.purpose == "marketing" else []
        agreed_at = _agreed_at(said, template.topic, template.channel)
        address: Literal["known", "none", "invalid"] = "known" if normal else "invalid" if given else "none"
        return address, self._suppression(session, template.channel, normal, agreed_at)

    def _suppression(
        self, session: Session, channel: Channel, normal: str | None, agreed_at: Instant | None
    ) -> tuple[str, str] | None:
        """The reason and scope of what suppresses an address; what holds for all messages goes first."""
        if normal is None:
            return None
        found = suppressions.active(session, channel, addresses.fingerprint(self.secret, channel, normal))
        lying = [row for row in found if holds(row.reason, row.at, agreed_at)]
        chosen = next((row for row in lying if row.scope == "all"), lying[0] if lying else None)
        return (chosen.reason, chosen.scope) if chosen else None

    def _counted(self, session: Session, customer: Customer, now: Instant) -> list[policies.Counted]:
        if not self.map.caps:
            return []
        found = messages.counted(session, customer.id, now - reaches_back(self.map.caps))
        return [policies.Counted(row.claimed_at, row.channel, row.topic) for row in found]

    def _rivals(self, session: Session, customer: Customer, message: str, now: Instant) -> list[policies.Rival]:
        waiting = messages.put_off(session, customer.id, message, now - YIELDING)
        return [
            policies.Rival(
                self.plan_of(session, row.version).priority, row.not_before, row.journey, row.channel, row.topic
            )
            for row in waiting
        ]


def _agreed_at(said: Iterable[Consent], topic: str | None, channel: Channel) -> Instant | None:
    """When a customer last said yes to a topic by a channel."""
    return max(
        (one.at for one in said if one.granted and one.topic == topic and one.channel in (None, channel)), default=None
    )


def address_of(customer: Customer, channel: str) -> str | None:
    """Where a customer can be reached by a channel, as it is stored."""
    return customer.email if channel == "email" else customer.phone


def reach_of(customer: Customer, map: Map) -> policies.Reach:
    """Where a person is, as far as the hours for messages go."""
    known = {**map.defaults(), **customer.attributes}
    country, region = known.get("country"), known.get("region")
    return addresses.reach_of(
        customer.phone,
        customer.time_zone,
        str(country) if country else None,
        str(region) if region else None,
        map.time_zone,
    )
