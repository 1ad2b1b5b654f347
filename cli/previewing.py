"""`milepost preview`: messages as their readers will see them, as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import (
    FAULTS,
    GOOD,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    note,
    out,
    out_json,
)
from cli.shown import (
    CustomerOption,
    DataOption,
    LanguageOption,
    Values,
    read_templates,
    values,
    write_file,
    write_message,
)

if TYPE_CHECKING:
    from messaging.render import Rendered
    from messaging.templates import Variant

INDEX = "index.html"
MANY_SEGMENTS = 2


def preview(
    template: Annotated[
        str | None, typer.Argument(help="The template, such as onboarding/welcome.", show_default=False)
    ] = None,
    out_: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the files go; it is made.")] = None,
    data: DataOption = None,
    customer: CustomerOption = None,
    language: LanguageOption = None,
    all_: Annotated[
        bool,
        typer.Option("--all", help="Every language, on one page besides; without TEMPLATE, every template too."),
    ] = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> int:
    """Render a template to files: HTML and text of an e-mail, the text of an SMS."""
    if out_ is None:
        raise Refused("name the folder for the files with --out DIR")
    if all_ and language is not None:
        raise Refused("--all shows every language; leave out --language")
    if template is None and not all_:
        raise Refused("name a template, or ask for --all")
    found, wrong = read_templates(project, template)
    work = _Preview(out_, values(found, data, customer), wrong)
    for (name, channel), variants in sorted(found.templates.variants.items()):
        if template not in (None, name):
            continue
        if all_:
            for variant in variants.values():
                work.show(variant)
        else:
            shown = found.templates.variant(name, channel, language or work.values.language)
            assert shown is not None
            if language is not None and not shown.language and language.partition("-")[0] != work.main_language:
                work.warnings.append(f"{name} by {channel} is not translated to `{language}`; shown is {shown.file}")
            work.show(shown)
    if all_:
        work.write_index()
    return work.tell(format)


class _Preview:
    """Renders variants to files and gathers what there is to say."""

    def __init__(self, folder: Path, values: Values, wrong: list[str]) -> None:
        from messaging.render import Renderer

        project = values.project
        assert project.map is not None
        self.folder, self.values, self.infos = folder, values, project.templates.infos
        self.main_language = project.map.language
        self.renderer = Renderer(project.templates, self.main_language)
        self.files: list[Path] = []
        self.missing: dict[str, None] = {}
        self.warnings: list[str] = []
        self.failed = wrong
        self.segments = 0
        self.shown: list[tuple[Variant, Rendered, list[Path]]] = []

    def show(self, variant: Variant) -> None:
        from messaging.names import NOTHING, names_of, value_at
        from messaging.render import RenderError

        info = self.infos[variant.name, variant.channel]
        facts = self.values.facts(variant)
        names = names_of(facts, variant.front.defaults)
        unset = [name for name in info.variables if value_at(names, name) is NOTHING]
        try:
            rendered = self.renderer.render(
                variant.name, variant.channel, variant.language, facts, self.values.given(variant)
            )
        except RenderError as error:
            self.failed.append(str(error))
            if error.missing is not None:
                self.missing.update(dict.fromkeys([*unset, error.missing]))
            return
        self.warnings += [
            f"{variant.file}: `{name}` has no value here; for somebody else the message may need it" for name in unset
        ]
        self._about_segments(variant, rendered)
        files = write_message(self.folder, rendered)
        self.files += files
        self.shown.append((variant, rendered, files))

    def _about_segments(self, variant: Variant, rendered: Rendered) -> None:
        self.segments = max(self.segments, rendered.segments)
        if rendered.segments > MANY_SEGMENTS:
            self.warnings.append(f"{variant.file}: {rendered.segments} segments; each is paid for")
        if rendered.encoding == "UCS-2":
            self.warnings.append(f"{variant.file}: a character outside GSM-7 halves what fits in a segment")

    def write_index(self) -> None:
        from cli.gallery import page

        shown = [(rendered, files) for _, rendered, files in self.shown]
        self.files.append(write_file(self.folder / INDEX, page(self.folder, shown, self.failed)))

    def tell(self, format: Format) -> int:
        """Print what was made; the exit status."""
        if format is Format.json:
            out_json(
                {
                    "files": [str(file) for file in self.files],
                    "missing": list(self.missing),
                    "segments": self.segments,
                    "warnings": self.warnings,
                }
            )
        else:
            for variant, rendered, _ in self.shown:
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
