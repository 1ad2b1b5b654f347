"""What the columns of a table mean. A name that means nothing is told before any row is read, with the nearest one.

With a column `milestone` each row is a milestone, without one a customer. A property that the map does not declare is
taken and told: the product may be ahead of the map. An attribute that it does not declare is refused: a table from
elsewhere holds much of people that is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.common import Refused
from intake import consents
from intake.traits import PROOF
from lifecycle.language.faults import did_you_mean
from lifecycle.language.map import Map
from lifecycle.traits import TRAITS

CUSTOMER = ("customer", "user_id", "userId")
MILESTONE = ("milestone", "event")
AT = ("at", "timestamp")
ID = ("id", "message_id", "messageId")
CONSENT = "consent."


@dataclass(slots=True)
class Columns:
    """The columns of a table, by their names in the file. `places` gives the place of each.

    `values` are properties or attributes under our names; `consents` are answers, as a `consent` trait names them;
    `proof` is how they were given. `offset` and `line` are the end of the first row. `remarks` are for the person.
    """

    delimiter: str
    width: int
    offset: int
    line: int
    places: Mapping[str, int]
    customer: str = "customer"
    milestone: str = "milestone"
    at: str = "at"
    id: str = "id"
    of_milestones: bool = False
    values: dict[str, str] = field(default_factory=dict)
    consents: dict[str, str] = field(default_factory=dict)
    proof: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def in_words(self, reason: str) -> str:
        """A reason that speaks of Segment's fields, for somebody who has columns."""
        ours = (("userId", self.customer), ("event", self.milestone), ("messageId", self.id))
        for name, column in ours:
            reason = reason.replace(f"`{name}`", f"`{column}`")
        return reason


def read_columns(path: Path, delimiter: str, names: Sequence[str], offset: int, line: int, map: Map) -> Columns:
    """The columns of these names. Refused tells of all that are wrong."""
    columns = Columns(delimiter, len(names), offset, line, {name: place for place, name in enumerate(names) if name})
    columns.of_milestones = any(name in MILESTONE for name in names)
    wrong = [f"column {place} has no name" for place, name in enumerate(names, 1) if not name]
    wrong += [f"there are two columns `{name}`" for name in columns.places if names.count(name) > 1]
    own = _own(columns, wrong)
    rest = [name for name in columns.places if name not in own]
    if columns.of_milestones:
        _properties(columns, rest, map, wrong)
    else:
        _attributes(columns, rest, map, wrong)
    if wrong:
        told = "\n".join(f"{path}:1: {one}" for one in wrong)
        raise Refused(f"nothing was imported, for the columns are not right\n{told}")
    return columns


def _own(columns: Columns, wrong: list[str]) -> set[str]:
    """The columns that say who, what and when, each under one of its names."""
    own: set[str] = set()
    needed: dict[str, tuple[str, ...]] = {"customer": CUSTOMER}
    if columns.of_milestones:
        needed |= {"milestone": MILESTONE, "at": AT, "id": ID}
    for field_, under in needed.items():
        there = [name for name in under if name in columns.places]
        own.update(there)
        if there:
            setattr(columns, field_, there[0])
        if len(there) > 1:
            wrong.append(f"the columns `{there[0]}` and `{there[1]}` say the same")
        if not there and under is not ID:
            near = [name for name in columns.places if did_you_mean(name, [under[0]])][:1]
            own.update(near)
            hint = f"; is it `{near[0]}`?" if near else ""
            wrong.append(f"there is no column `{under[0]}` (or `{under[1]}`){hint}")
    return own


def _properties(columns: Columns, names: Iterable[str], map: Map, wrong: list[str]) -> None:
    declared = {name for rule in map.milestones.values() for name in rule.properties}
    for name in names:
        if name.startswith(CONSENT):
            wrong.append(f"`{name}` belongs in a table of customers, which has no column `{columns.milestone}`")
            continue
        columns.values[name] = name
        if name not in declared:
            told = f"`{name}` is not a declared property of any milestone{_hint(name, declared)}"
            columns.remarks.append(f"{told}{'' if told.endswith('?') else '.'} It is recorded all the same.")


def _attributes(columns: Columns, names: Iterable[str], map: Map, wrong: list[str]) -> None:
    known = map.customer_types()
    for name in names:
        ours = TRAITS.get(name, name)
        if name.startswith(CONSENT):
            _consent(columns, name, map, wrong)
        elif ours not in known:
            topics = [f"{CONSENT}{topic}" for topic in map.topics]
            hint = _hint(name, [*known, *TRAITS, *CUSTOMER, *MILESTONE, *topics])
            wrong.append(f"`{name}` is not an attribute that the map declares{hint}")
        elif ours in columns.values.values():
            wrong.append(f"`{name}` and another column are both `{ours}`")
        else:
            columns.values[name] = ours
    if columns.proof and not columns.consents:
        wrong.append(f"`{next(iter(columns.proof))}` says how consent was given, and there is no column such as "
                     f"`{CONSENT}{next(iter(map.topics), 'TOPIC')}`")  # fmt: skip
    if columns.consents and f"{CONSENT}at" not in columns.proof:
        columns.remarks.append(
            "There is no column `consent.at`, so each answer counts as given now, and a yes undoes an earlier no. "
            "If the table is not of today, add the column."
        )


def _consent(columns: Columns, name: str, map: Map, wrong: list[str]) -> None:
    """`consent.TOPIC`, `consent.TOPIC.CHANNEL`, or a word of the proof, which goes before a topic of that name."""
    said = name.removeprefix(CONSENT)
    if said in PROOF:
        columns.proof[name] = said
        return
    topic, _, channel = said.partition(".")
    try:
        consents.topic_of(map, topic, channel or None)
    except consents.NotRecorded as error:
        hint = "" if "did you mean" in str(error) else _hint(name, [f"{CONSENT}{word}" for word in PROOF])
        wrong.append(f"`{name}`: {error}{hint}")
        return
    columns.consents[name] = f"{topic}:{channel}" if channel else topic


def _hint(wrong: str, known: Iterable[str]) -> str:
    hint = did_you_mean(wrong, known)
    return f"; {hint}" if hint else ""
