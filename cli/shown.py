"""What a template is shown with by `preview` and `send-test`: its own sample, a file of values, or a customer; and how
the result becomes files.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import Refused, database, read_project, settings, unknown, unsound

if TYPE_CHECKING:
    from lifecycle.facts import Facts
    from messaging.render import Rendered
    from messaging.templates import Variant
    from project import Project

MAX_DATA = 1_000_000

DataOption = Annotated[
    Path | None, typer.Option("--data", metavar="FILE", help="Values as JSON; else the template's own sample.")
]
CustomerOption = Annotated[
    str | None, typer.Option("--customer", metavar="ID", help="A customer whose values are shown.")
]
LanguageOption = Annotated[str | None, typer.Option("--language", metavar="L", help="A language such as de or pt-BR.")]


@dataclass(frozen=True)
class Values:
    """Where the values come from: `data`, or `person`, or where both are None the sample of each template."""

    project: Project
    data: dict[str, Any] | None
    person: Facts | None

    @property
    def language(self) -> str | None:
        """The customer's own language."""
        language = self.person.customer.get("language") if self.person else None
        return language if isinstance(language, str) else None

    def facts(self, variant: Variant) -> Facts:
        """The declared defaults, and the data, or the sample; with a customer, all but what happened is theirs."""
        from messaging.samples import sample_facts

        assert self.project.map is not None
        facts = sample_facts(variant.front.sample if self.data is None else self.data)
        if self.person is None:
            return replace(facts, customer={**self.project.map.defaults(), **facts.customer})
        who = self.person
        return replace(facts, now=who.now, customer=who.customer, milestones=who.milestones, stage=who.stage)

    def given(self, variant: Variant) -> dict[str, str]:
        """What Milepost gives beside the facts. The links are those of no message, and do nothing."""
        from messaging.samples import sample_given

        map_ = self.project.map
        assert map_ is not None
        purpose = self.project.templates.infos[variant.name, variant.channel].purpose
        return sample_given(purpose, map_.company, map_.postal_address or "", settings().public_url.rstrip("/"))


def values(project: Project, data: Path | None, customer: str | None) -> Values:
    """The values that the options ask for."""
    if data is not None and customer is not None:
        raise Refused("values come from --data or from --customer, not from both")
    given = _read_data(data) if data is not None else None
    return Values(project, given, _person(project, customer) if customer is not None else None)


def read_templates(option: Path | None, template: str | None) -> tuple[Project, list[str]]:
    """The project, and what is wrong with this template or, without one, with any.

    Playbooks may have mistakes meanwhile: whoever writes a message looks at it before anything sends it.
    """
    found = read_project(option, sound=False)
    if found.map is None:
        raise unsound(found)
    own = ("templates/",) if template is None else (f"templates/{template}.", "templates/layouts/")
    wrong = [str(fault) for fault in found.faults.errors if fault.place.file.startswith(own)]
    known = sorted({name for name, _ in found.templates.variants})
    if template is not None and template not in known and not wrong:
        raise unknown("template", template, known)
    return found, wrong


def write_message(folder: Path, rendered: Rendered) -> list[Path]:
    """Write a message to files in `folder`: HTML, text and subject of an e-mail, the text of an SMS."""
    language = f".{rendered.language}" if rendered.language else ""
    base = f"{rendered.template}.{rendered.channel}{language}"
    texts = {"txt": rendered.text}
    if rendered.channel == "email":
        texts = {"html": rendered.html, "txt": rendered.text, "subject": rendered.subject}
    return [write_file(folder / f"{base}.{ending}", text) for ending, text in texts.items()]


def write_file(path: Path, text: str) -> Path:
    """Write one file, and the folders above it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.rstrip("\n") + "\n", "utf-8")
    except OSError as error:
        raise Refused(f"{path} cannot be written: {(error.strerror or 'unknown error').lower()}") from None
    return path


def _read_data(file: Path) -> dict[str, Any]:
    """Nested values by name, from a JSON file."""
    from lifecycle.language.template import NAMES

    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_DATA + 1)
    except OSError as error:
        raise Refused(f"{file} cannot be read: {(error.strerror or 'unknown error').lower()}") from None
    if len(content) > MAX_DATA:
        raise Refused(f"{file} has more than {MAX_DATA // 1_000_000} MB")
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise Refused(f"{file}:{error.lineno}:{error.colno}: this is not JSON: {error.msg.lower()}") from None
    except (ValueError, RecursionError):
        raise Refused(f"{file} is not JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise Refused(f'{file} does not hold names; write for example {{"customer": {{"first_name": "Ada"}}}}')
    for name in found:
        if name not in NAMES:
            raise unknown("name for templates", name, NAMES)
    return found


def _person(project: Project, customer: str) -> Facts:
    """What the database knows of a customer, by the product's id or by ours."""
    from sqlalchemy.orm import Session
    from whenever import Instant

    from activities.facts import person_of
    from store import customers

    map_ = project.map
    assert map_ is not None

    def read(session: Session) -> Facts | None:
        row = customers.get(session, customer) or customers.by_id(session, customer)
        return person_of(session, row).facts(map_, Instant.now()) if row else None

    with contextlib.closing(database(project.root)) as store:
        found = store.read_now(read)
    if found is None:
        raise Refused(f"there is no customer `{customer}`")
    return found
