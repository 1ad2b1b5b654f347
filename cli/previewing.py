"""`milepost preview`: messages as their readers will see them, as files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import (
    FAULTS,
    GOOD,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    database,
    note,
    out,
    out_json,
    read_project,
    settings,
    unknown,
)

if TYPE_CHECKING:
    from lifecycle.facts import Facts
    from lifecycle.language.template import TemplateInfo
    from messaging.render import Rendered
    from messaging.templates import Variant
    from project import Project

MAX_DATA = 1_000_000
MANY_SEGMENTS = 2


def preview(
    template: Annotated[
        str | None, typer.Argument(help="The template, such as onboarding/welcome.", show_default=False)
    ] = None,
    out_: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the files go; it is made.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Values as JSON; else the template's own sample.")
    ] = None,
    customer: Annotated[str | None, typer.Option(metavar="ID", help="A customer whose values are shown.")] = None,
    language: Annotated[str | None, typer.Option(metavar="L", help="A language such as de or pt-BR.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every language; without TEMPLATE, every template too.")] = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> int:
    """Render a template to files: HTML and text of an e-mail, the text of an SMS."""
    if out_ is None:
        raise Refused("name the folder for the files with --out DIR")
    if data is not None and customer is not None:
        raise Refused("values come from --data or from --customer, not from both")
    if all_ and language is not None:
        raise Refused("--all shows every language; leave out --language")
    found = read_project(project)
    if template is None and not all_:
        raise Refused("name a template, or ask for --all")
    known = {name for name, _ in found.templates.variants}
    if template is not None and template not in known:
        raise unknown("template", template, sorted(known))
    given = _read_data(data) if data is not None else None
    person = _person(found, customer) if customer is not None else None
    work = _Preview(found, out_, given, person)
    for (name, channel), variants in sorted(found.templates.variants.items()):
        if template not in (None, name):
            continue
        if all_:
            for variant in variants.values():
                work.show(variant)
        else:
            wanted = language or (_language_of(person) if person else None)
            shown = found.templates.variant(name, channel, wanted)
            assert shown is not None
            if language is not None and not shown.language and language.partition("-")[0] != work.main_language:
                work.warnings.append(f"{name} by {channel} is not translated to `{language}`; shown is {shown.file}")
            work.show(shown)
    return work.tell(format)


class _Preview:
    """Renders variants to files and gathers what there is to say."""

    def __init__(self, project: Project, folder: Path, data: dict[str, Any] | None, person: Facts | None) -> None:
        from messaging.render import Renderer

        assert project.map is not None
        self.project, self.folder, self.data, self.person = project, folder, data, person
        self.main_language = project.map.language
        self.renderer = Renderer(project.templates, self.main_language)
        self.files: list[str] = []
        self.missing: dict[str, None] = {}
        self.warnings: list[str] = []
        self.failed: list[str] = []
        self.segments = 0
        self.shown: list[tuple[Variant, Rendered]] = []

    def show(self, variant: Variant) -> None:
        from messaging.names import NOTHING, names_of, value_at
        from messaging.render import RenderError

        info = self.project.templates.infos[variant.name, variant.channel]
        facts = self._facts(variant)
        names = names_of(facts, variant.front.defaults)
        unset = [name for name in info.variables if value_at(names, name) is NOTHING]
        try:
            rendered = self.renderer.render(variant.name, variant.channel, variant.language, facts, self._extra(info))
        except RenderError as error:
            self.failed.append(str(error))
            if error.missing is not None:
                self.missing.update(dict.fromkeys([*unset, error.missing]))
            return
        self.warnings += [
            f"{variant.file}: `{name}` has no value here; for somebody else the message may need it" for name in unset
        ]
        self._about_segments(variant, rendered)
        self.shown.append((variant, rendered))
        self._write(variant, rendered)

    def _facts(self, variant: Variant) -> Facts:
        """The declared defaults, and the data, or the sample; with a customer, all but what happened is theirs."""
        from messaging.samples import sample_facts

        assert self.project.map is not None
        facts = sample_facts(variant.front.sample if self.data is None else self.data)
        if self.person is None:
            return replace(facts, customer={**self.project.map.defaults(), **facts.customer})
        who = self.person
        return replace(facts, now=who.now, customer=who.customer, milestones=who.milestones, stage=who.stage)

    def _extra(self, info: TemplateInfo) -> Mapping[str, str]:
        map_ = self.project.map
        assert map_ is not None
        given = {"postal_address": map_.postal_address or "", "company": map_.company}
        if info.purpose == "marketing":
            url = settings().public_url.rstrip("/")
            given |= {"unsubscribe_url": f"{url}/unsubscribe/preview", "preferences_url": f"{url}/preferences/preview"}
        return given

    def _about_segments(self, variant: Variant, rendered: Rendered) -> None:
        self.segments = max(self.segments, rendered.segments)
        if rendered.segments > MANY_SEGMENTS:
            self.warnings.append(f"{variant.file}: {rendered.segments} segments; each is paid for")
        if rendered.encoding == "UCS-2":
            self.warnings.append(f"{variant.file}: a character outside GSM-7 halves what fits in a segment")

    def _write(self, variant: Variant, rendered: Rendered) -> None:
        language = f".{variant.language}" if variant.language else ""
        base = f"{variant.name}.{variant.channel}{language}"
        texts = {"txt": rendered.text}
        if variant.channel == "email":
            texts = {"html": rendered.html, "txt": rendered.text, "subject": rendered.subject}
        for ending, text in texts.items():
            path = self.folder / f"{base}.{ending}"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text + "\n", "utf-8")
            except OSError as error:
                raise Refused(f"{path} cannot be written: {(error.strerror or 'unknown error').lower()}") from None
            self.files.append(str(path))

    def tell(self, format: Format) -> int:
        """Print what was made; the exit status."""
        if format is Format.json:
            out_json(
                {
                    "files": self.files,
                    "missing": list(self.missing),
                    "segments": self.segments,
                    "warnings": self.warnings,
                }
            )
        else:
            for variant, rendered in self.shown:
                size = f"{rendered.segments} segment{'s' * (rendered.segments != 1)}, {rendered.encoding}"
                out(f"{variant.file}: {rendered.subject if variant.channel == 'email' else size}")
            for file in self.files:
                out(f"  {file}")
            for warning in self.warnings:
                out(f"advice: {warning}")
            if self.missing:
                out(f"no value for: {', '.join(self.missing)}")
        for failure in self.failed:
            note(failure)
        return FAULTS if self.failed else GOOD


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
    import contextlib

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


def _language_of(person: Facts) -> str | None:
    language = person.customer.get("language")
    return language if isinstance(language, str) else None
