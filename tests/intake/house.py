"""A small company for tests of intake: the project in tests/project with playbooks of the test's own."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session
from whenever import Instant

import project
import wiring
from intake.apply import Applier
from store import customers, events, inbox, journeys
from store.database import Database
from store.tables import Customer, Event, Journey, JourneyInbox, Milestone, Row, table_of

PROJECT = Path(__file__).parent.parent / "project"
START = Instant.from_utc(2026, 3, 2, 9)

T = TypeVar("T")
R = TypeVar("R", bound=Row)


def day(days: float) -> Instant:
    return START.add(hours=24 * days)


def write_project(folder: Path, playbooks: Mapping[str, str]) -> Path:
    """tests/project with these playbooks (name to what follows `playbook:`, `stage:` and `description:`)."""
    shutil.copytree(PROJECT, folder)
    for name, text in playbooks.items():
        head = f"playbook: {name}\nstage: customer\ndescription: A test.\nowner: lifecycle@example.com\n"
        (folder / "playbooks" / f"{name}.yaml").write_text(head + text, "utf-8")
    return folder


@dataclass
class House:
    """Events go in by `track` and `identify`; `apply` applies what is pending, as the dispatcher does."""

    project: project.Project
    database: Database
    applier: Applier
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def build(cls, folder: Path, url: str, playbooks: Mapping[str, str]) -> House:
        """A house whose project is in `folder` and whose database, without rows, is at `url`."""
        found = project.load(write_project(folder / "house", playbooks))
        assert not found.faults.errors, [str(fault) for fault in found.faults.errors]
        assert found.map is not None
        database = Database(url)
        database.write_now(lambda session: wiring.publish(session, found, START))
        return cls(found, database, Applier(found.map, found.conditions))

    def write(self, fn: Callable[[Session], T]) -> T:
        return self.database.write_now(fn)

    def read(self, fn: Callable[[Session], T]) -> T:
        return self.database.read_now(fn)

    # --- events ----------------------------------------------------------------------------------------------------

    def accept(self, name: str | None, at: Instant, kind: str = "track", user: str = "ada", **more: Any) -> int:
        """Accept one event; its id. What `Arrival` knows is passed on, everything else is a property."""
        own = {
            key: more.pop(key)
            for key in ("received_at", "backfill", "hops", "message_id", "previous_id")
            if key in more
        }
        arrival = events.Arrival(
            "test", own.pop("message_id", f"e{next(self.numbers)}"), user, kind, at,
            own.pop("received_at", at), name, more.pop("properties", more), **own,
        )  # fmt: skip
        (given,) = self.write(lambda session: events.accept(session, [arrival]))
        assert given is not None
        return given

    def apply(self, now: Instant) -> None:
        """Apply all that is pending at `now`."""

        def batch(session: Session) -> int:
            found = events.next_pending(session, now, 100)
            self.applier.apply_each(session, found, now)
            return len(found)

        while self.write(batch):
            pass

    def track(self, name: str, at: Instant = START, user: str = "ada", **more: Any) -> dict[str, Any]:
        """A milestone that arrives and is applied at `at`; what it did."""
        return self.outcome(self._now(name, at, "track", user, more))

    def identify(
        self, at: Instant = START, user: str = "ada", previous_id: str | None = None, **traits: Any
    ) -> dict[str, Any]:
        more = {"properties": traits, "previous_id": previous_id}
        return self.outcome(self._now(None, at, "identify", user, more))

    def alias(self, old: str, at: Instant = START, user: str = "ada") -> dict[str, Any]:
        """The product says that `old` is the same person as `user`."""
        return self.outcome(self._now(None, at, "alias", user, {"previous_id": old}))

    def group(self, account: str, at: Instant = START, user: str = "ada", **traits: Any) -> dict[str, Any]:
        return self.outcome(self._now(account, at, "group", user, {"properties": traits}))

    def message(self, name: str, journey: str, of: str, at: Instant) -> dict[str, Any]:
        """A milestone of Milepost's own about a message of a journey."""
        return self.outcome(self._now(name, at, "message", "ada", {"properties": {"journey": journey, "of": of}}))

    def _now(self, name: str | None, at: Instant, kind: str, user: str, more: dict[str, Any]) -> int:
        given = self.accept(name, at, kind, user, **more)
        self.apply(at)
        return given

    def outcome(self, event_id: int) -> dict[str, Any]:
        event = self.event(event_id)
        assert event.state == "applied", (event.state, event.error)
        assert event.outcome is not None
        return event.outcome

    # --- what is stored --------------------------------------------------------------------------------------------

    def event(self, event_id: int) -> Event:
        found = self.read(lambda session: events.get(session, event_id))
        assert found is not None
        return found

    def customer(self, user: str = "ada") -> Customer:
        found = self.read(lambda session: customers.get(session, user))
        assert found is not None
        return found

    def journeys(self, user: str = "ada") -> list[Journey]:
        return self.read(lambda session: journeys.of_customer(session, self.customer(user).id))

    def journey(self, user: str = "ada") -> Journey:
        (only,) = self.journeys(user)
        return only

    def inbox(self, journey: str) -> list[JourneyInbox]:
        return self.read(lambda session: inbox.after(session, journey, 0))

    def heard(self, journey: str) -> list[tuple[int, str, str]]:
        """Number, kind and name of what a journey is to hear."""
        return [(row.number, row.kind, row.name) for row in self.inbox(journey)]

    def history(self, user: str = "ada") -> list[str]:
        """The milestones of a customer in the order in which they were applied."""
        customer = self.customer(user).id
        rows = self.rows(Milestone)
        return [row.name for row in rows if row.customer_id == customer]

    def rows_of_history(self) -> list[int]:
        """The ids of all milestones, in their order."""
        return [row.id for row in self.rows(Milestone) if row.id is not None]

    def rows(self, table: type[R]) -> list[R]:
        return self.read(lambda session: list(session.scalars(select(table).order_by(*table_of(table).primary_key))))

    def end(self, journey: str, at: Instant) -> None:
        """Close a journey as its last activity does."""
        self.write(
            lambda session: journeys.close(
                session, journey, len(inbox.after(session, journey, 0)), at, "finished", None
            )
        )
