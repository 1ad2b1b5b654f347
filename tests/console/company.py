"""A company whose customers have lived through a hundred days, for whatever looks at pages: a database of its own.

`furnish` fills an empty, migrated database through the real code (tests/console/engine.py). The time is `NOW` then, for
the console too; a database that is filled once may be copied.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from whenever import Instant

import project
import wiring
from intake import callbacks, erasing, pauses, rollouts, segmenting
from intake.commands import Commands
from intake.consents import Proof, record
from intake.enrolling import enrol
from intake.erasing import Forgetter
from lifecycle.enrolment import arm_of
from lifecycle.plan import Plan
from store import callbacks as posts
from store import customers, erasures, events, journeys, tasks
from store.database import Database
from store.tables import Callback, Customer, Message, table_of
from tests.console.engine import Engine
from tests.console.people import PEOPLE, Happens, Person, buys, plain

ROOT = Path(__file__).parents[2]
START = Instant.from_utc(2026, 1, 5, 9)
DAYS = 99
NOW = START.add(hours=24 * DAYS)
SECRET = "a secret of 32 characters or more"
OUTSIDE = wiring.Outside("https://larkspur.example.com", SECRET)

SUPPORT, MARKETING = "sam@example.com", "mara@example.com"

CROWD = 16


def day(days: float) -> Instant:
    """An instant of the story, to the second."""
    return START.add(seconds=round(days * 86400))


def people(crowd: int = CROWD) -> list[Person]:
    """Everybody, with `crowd` more who are not special, so that playbooks have somebody on each step."""
    return [*PEOPLE, *map(_somebody, range(crowd))]


FIRST = (
    "Anouk Boris Clara Dario Edda Faris Gwen Henk Imani Juno Karim Lucia Magnus Nell Oskar Paolo Rania Sven Tomas Uma"
)
LAST = "Alder Birch Cedar Elder Hazel Juniper Larch Maple Rowan Willow"


def _somebody(number: int) -> Person:
    chance = random.Random(number)
    bought = chance.uniform(1, 97)
    happens = [*plain(bought - 1, "visited", "signed_up"), buys(bought, chance.choice((29, 49, 99)))]
    at = bought
    for milestone, likely in (("first_use", 0.8), ("invited_teammate", 0.3), ("activated", 0.6)):
        at += chance.uniform(1, 8)
        if chance.random() < likely:
            happens += plain(at, milestone)
    if chance.random() < 0.5:
        happens.append(buys(at + chance.uniform(5, 20)))
        if chance.random() < 0.4:
            happens.append((at + chance.uniform(28, 45), "upgraded", {"plan": "business"}))
    if chance.random() < 0.25:
        happens.append((at + chance.uniform(3, 30), "review_left", {"rating": chance.choice((3, 4, 5))}))
    happens.sort(key=lambda one: one[0])
    return Person(
        f"user-{number:02d}", FIRST.split()[number % 20], LAST.split()[number // 2 % 10], happens,
        phone=f"+336123457{number:02d}", agrees=("offers", "text_tips") if chance.random() < 0.7 else (),
    )  # fmt: skip


async def furnish(url: str, crowd: int = CROWD) -> None:
    """Fill the empty, migrated database at `url` with the company as it is at `NOW`."""
    with closing(Database(url)) as database:
        story = Story(database)
        try:
            await story.live(people(crowd))
        finally:
            story.engine.close()


@dataclass
class Story:
    """Lets the days of a company pass. Two playbooks were changed on the way: one replaced, one tried on a share."""

    database: Database
    engine: Engine = field(init=False)
    answered: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        shipped = project.load(ROOT)
        with tempfile.TemporaryDirectory() as folder:
            self.edited = project.load(_edited(Path(folder)))
        self.engine = Engine(shipped, self.database, START, OUTSIDE)
        assert shipped.map is not None
        self.map = shipped.map

    async def live(self, everybody: Sequence[Person]) -> None:
        """Publish, let everybody come, and let all happen that happens to them up to `NOW`."""
        first = project.Project(**{**vars(self.engine.project), **_exchanged(self.engine.project, self.edited)})
        await self.database.write(lambda session: wiring.publish(session, first, START))
        for person, identity in zip(everybody, _identities(everybody, first.plans["upsell-offer"]), strict=True):
            await self.database.write(partial(_arrive, identity=identity, person=person))
        calendar: list[Any] = [(at, person, what) for person in everybody for at, *what in person.happens if at < DAYS]
        calendar += [(at, None, what) for at, *what in _COMPANY]
        for at, person, (what, properties) in sorted(calendar, key=lambda one: one[0]):
            await self._pass(day(at))
            await self._happen(person, what, properties)
            await self.engine.catch_up()
            if what == "resume":
                await self.engine.wake()
        await self._pass(NOW)
        # As the worker does from time to time: who is in a segment by the mere passing of time.
        await asyncio.to_thread(
            segmenting.sweep_segments, self.database, self.map, self.engine.engine.applier.conditions, NOW
        )
        await self.engine.catch_up()

    async def _pass(self, until: Instant) -> None:
        """Let time pass, half a day at most at once, and customers answer what they are sent."""
        while True:
            at = min(until, self.engine.now.add(hours=12))
            await self.engine.go_to(at)
            await self._answers()
            if at == until:
                return

    async def _happen(self, person: Person | None, what: str, given: Mapping[str, Any]) -> None:
        now, write = self.engine.now, self.database.write
        if person is None:
            await write(partial(getattr(self, f"_{what}"), **given))
        elif what == "told":
            await self._told(person, given["what"], given["of"])
        elif what == "consent":
            for topic, granted in given.items():
                proof = Proof("preference page", now)
                await write(partial(record, map=self.map, customer=person.id, topic=topic, granted=granted, proof=proof,
                                    now=now))  # fmt: skip
        elif what == "act":
            await self._act(person, **given)
        elif what == "fail":
            number = await write(partial(_accept, arrival=_arrival(person, "purchase", now, given)))
            await write(lambda session: events.set_aside(session, number, "OperationalError: disk I/O error"))
        else:
            await write(partial(_accept, arrival=_arrival(person, what, now, given)))

    # --- what people of the company do -----------------------------------------------------------------------------

    async def _act(self, person: Person, what: str, reason: str = "", playbook: str = "") -> None:
        now = self.engine.now
        customer = await self.database.read(lambda session: customers.get(session, person.id))
        assert customer is not None
        if what == "enrol":
            await self.database.write(
                lambda session: enrol(
                    session, customer.id, playbook, source="console", reason=reason, who=SUPPORT, now=now, key=None
                )
            )
        elif what == "pause":
            await self.database.write(
                lambda session: pauses.start(
                    session, scope="customer", target=customer.id, reason=reason, who=SUPPORT, now=now
                )
            )
        elif what == "task":
            (task, *_) = await self.database.read(lambda session: tasks.of_customer(session, customer.id))
            await self.database.write(lambda session: tasks.mark_done(session, task.id, now))
        elif what in ("end", "hold"):
            running = await self.database.read(lambda session: journeys.under_way(session, customer.id))
            (journey,) = [one for one in running if one.playbook == playbook]
            commands = Commands(self.database, SUPPORT, now)
            if what == "end":
                await commands.exit(self.engine.client, journey.id, reason)
            else:
                await commands.pause(self.engine.client, journey.id, "freeze", reason)
        else:
            assert what == "erase"
            await self._erase(person, reason, now)

    async def _erase(self, person: Person, reason: str, now: Instant) -> None:
        key = SECRET.encode()
        await self.database.write(
            lambda session: erasing.erase(session, person.id, reason=reason, who=SUPPORT, now=now, key=key)
        )
        forgetter = Forgetter(self.database, self.engine.client, self.map, key)
        for one in await self.database.write(lambda session: erasures.take(session, now, 10)):
            if one.provider == erasures.OURS:
                await forgetter.forget(one, now)

    def _pause(self, session: Session, scope: str, target: str, reason: str) -> None:
        pauses.start(session, scope=scope, target=target, reason=reason, who=MARKETING, now=self.engine.now,
                     segments=self.map.segments)  # fmt: skip

    def _resume(self, session: Session, scope: str, reason: str) -> None:
        (number,) = [one.pause.id for one in pauses.listed(session) if one.pause.scope == scope]
        assert number is not None
        pauses.end(session, number, reason=reason, who=MARKETING, now=self.engine.now)

    def _apply(self, session: Session, playbook: str, edited: bool, reason: str, percent: int = 100) -> None:
        found = self.edited if edited else self.engine.project
        wanted = rollouts.Wanted(
            playbook, "pin", found.plans[playbook], found.sources[playbook], percent=percent, reason=reason
        )
        rollouts.begin(session, wanted, MARKETING, self.engine.now)

    # --- what becomes of messages ----------------------------------------------------------------------------------

    async def _answers(self) -> None:
        """Every new message is delivered, some are opened and clicked: by chance, and the same in every run."""
        row = table_of(Message)
        sent = await self.database.read(
            lambda session: session.execute(
                select(row.c.id, row.c.channel).where(row.c.state == "accepted", row.c.id.not_in(self.answered))
            ).all()
        )
        told = []
        for identity, channel in sent:
            self.answered.add(identity)
            chance = hashlib.blake2b(identity.encode(), digest_size=1).digest()[0] / 256
            kinds = ["delivered"] + ["open"] * (chance < 0.45) + ["click"] * (chance < 0.12)
            told += [(identity, kind) for kind in kinds] if channel == "email" else []
        await self._post(told)

    async def _told(self, person: Person, what: str, of: str) -> None:
        def last(session: Session) -> str | None:
            customer, row = customers.get(session, person.id), table_of(Message)
            assert customer is not None
            theirs = select(row.c.id).where(row.c.customer_id == customer.id, row.c.step == of)
            return session.scalar(theirs.order_by(row.c.due_at.desc()))

        message = await self.database.read(last)
        assert message is not None, f"{person.id} has no message of {of} by {self.engine.now}"
        await self._post([(message, what)])

    async def _post(self, told: Sequence[tuple[str, str]]) -> None:
        if not told:
            return
        now, key = self.engine.now, SECRET.encode()
        said = [{"milepost_id": one, "event": kind, "timestamp": now.timestamp()} for one, kind in told]
        body = json.dumps(said).encode()
        digest = hashlib.blake2b(body, digest_size=16).hexdigest()
        row = Callback(provider="sendgrid", digest=digest, body=body, received_at=now)
        await self.database.write(lambda session: posts.insert_new(session, row))
        await callbacks.process(self.database, self.map, key, now)
        await self.engine.catch_up()


_COMPANY: tuple[Happens, ...] = (
    (60, "apply", {"playbook": "thank-you", "edited": False, "reason": "Two hours, because three are too late"}),
    (70, "pause", {"scope": "channel", "target": "sms", "reason": "The provider is down in France"}),
    (71, "resume", {"scope": "channel", "reason": "Twilio says that it is over"}),
    (88.5, "pause", {"scope": "playbook", "target": "referral-ask", "reason": "Legal has to look at the gift again"}),
    (95, "pause", {"scope": "account", "target": "harbour", "reason": "They move to another office this week"}),
    (97, "apply", {"playbook": "upsell-offer", "edited": True, "reason": "Six days instead of five", "percent": 25}),
)
"""What marketing did: day, act, and what it is about."""


def _edited(folder: Path) -> Path:
    """The shipped project with two playbooks that are a little different."""
    for name in ("playbooks", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    for name, was, becomes in (
        ("adopter/thank-you", "wait: 2 hours", "wait: 3 hours"),
        ("loyalist/upsell-offer", "timeout: 5 days", "timeout: 6 days"),
    ):
        file = folder / "playbooks" / f"{name}.yaml"
        text = file.read_text("utf-8")
        assert was in text
        file.write_text(text.replace(was, becomes, 1), "utf-8")
    return folder


def _exchanged(shipped: project.Project, edited: project.Project) -> dict[str, Any]:
    """The plans and sources of the first day, when thank-you was another."""
    name = "thank-you"
    return {
        "plans": {**shipped.plans, name: edited.plans[name]},
        "sources": {**shipped.sources, name: edited.sources[name]},
    }


def _identities(everybody: Sequence[Person], offer: Plan) -> Iterator[str]:
    """Ids that are the same in every run, since arms are drawn from them: whoever is to be held out is."""
    left = [f"cus_{number:016x}" for number in range(20 * len(everybody))]
    for person in everybody:
        arm = "holdout" if person.held_out else "journey"
        found = next(one for one in left if arm_of(one, offer) == arm)
        left.remove(found)
        yield found


def _arrive(session: Session, identity: str, person: Person) -> None:
    """The customer's row, then what is known of them."""
    at = day(min((one[0] for one in person.happens), default=0)).subtract(hours=1)
    session.add(Customer(id=identity, user_id=person.id, created_at=at, updated_at=at))
    session.flush()
    traits = {
        "first_name": person.first, "last_name": person.last, "email": f"{person.id}@example.com",
        "time_zone": person.zone, "language": person.language, "consent": list(person.agrees), **person.knows,
    }  # fmt: skip
    traits |= {"phone": person.phone} if person.phone else {}
    _accept(session, _arrival(person, "set", at, traits))


_NUMBERS: Iterator[int] = iter(range(1, 1_000_000))


def _arrival(person: Person, what: str, now: Instant, given: Mapping[str, Any]) -> events.Arrival:
    kinds = {"set": "identify", "group": "group", "alias": "alias"}
    kind = kinds.get(what, "track")
    name = given["account"] if what == "group" else what if kind == "track" else None
    properties = {key: value for key, value in given.items() if key not in ("account", "old")}
    return events.Arrival(
        "shop", f"{person.id}-{next(_NUMBERS)}", person.id, kind, now, now, name, properties,
        previous_id=given.get("old"),
    )  # fmt: skip


def _accept(session: Session, arrival: events.Arrival) -> int:
    (number,) = events.accept(session, [arrival])
    assert number is not None
    return number
