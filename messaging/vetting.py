"""Finds what is wrong with the texts of templates before anybody is sent one, each mistake at its place in its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Template, TemplateSyntaxError, nodes

from lifecycle.language.faults import Faults, Place
from lifecycle.language.template import FrontMatter
from messaging import mjml
from messaging.checking import GIVEN, Names, Problem, names_in, problems, unknown_names
from messaging.samples import sample_names
from messaging.sandbox import Sandbox


@dataclass(slots=True)
class Text:
    """One text that Jinja2 reads: a body, a subject or a layout. `line` is the line of its file at which it begins."""

    file: str
    source: str
    line: int = 1
    place: Place | None = None
    names: Names = field(default_factory=Names)
    tree: nodes.Template | None = None


class Vetting:
    """Checks texts against the sandbox and against the shared layouts, and reports to `faults`."""

    def __init__(self, sandbox: Sandbox, layouts: Mapping[str, Text], faults: Faults) -> None:
        self.sandbox, self.layouts, self.faults = sandbox, layouts, faults

    def check(self, text: Text, layouts: tuple[str, ...]) -> None:
        """Parse a text and report what the sandbox refuses; `tree` stays None where there is anything.

        `layouts` are those that it may use.
        """
        try:
            tree = self.sandbox.parse(text.source)
        except TemplateSyntaxError as error:
            message = (error.message or "it cannot be read").rstrip(".")
            self.faults.add(self._place(text, error.lineno), "template-syntax", f"this is not Jinja2: {message}")
            return
        except (RecursionError, ValueError):
            self.faults.add(self._place(text, 1), "template-syntax", "it is nested too deeply, or a number is too long")
            return
        found = list(problems(tree, self.sandbox, layouts))
        self._report(text, found)
        text.names = names_in(tree)
        if not found:
            text.tree = tree

    def unknown(self, texts: list[Text]) -> None:
        made = {name for text in texts for name in text.names.made}
        for text in texts:
            self._report(text, unknown_names(text.names, made))

    def _report(self, text: Text, found: Iterable[Problem]) -> None:
        for problem in found:
            place = self._place(text, problem.line, problem.text)
            self.faults.add(place, problem.code, problem.message, problem.suggestion)

    @staticmethod
    def _place(text: Text, line: int, what: str = "") -> Place:
        """The place of a line of a text, and of `what` in it, in the file of that text."""
        if text.place:
            return text.place
        lines = text.source.split("\n")
        shown = lines[line - 1] if 0 < line <= len(lines) else ""
        return Place(text.file, text.line + line - 1, max(0, shown.find(what)) + 1)

    def layouts_of(self, text: Text) -> list[Text]:
        """The layouts that a text uses, and those that they use."""
        found: dict[str, Text] = {}
        waiting = list(text.names.layouts)
        while waiting:
            name = waiting.pop()
            if name in self.layouts and name not in found:
                found[name] = self.layouts[name]
                waiting.extend(found[name].names.layouts)
        return list(found.values())

    @staticmethod
    def needed(texts: list[Text], front: FrontMatter | None) -> dict[str, None]:
        names = dict.fromkeys(name for text in texts for name in text.names.needed)
        defaults = front.defaults if front else {}
        return {name: None for name in (*names, *(front.needs or () if front else ())) if name not in defaults}

    def try_sample(
        self, lines: list[Template], body: Template, front: FrontMatter, texts: list[Text], is_mjml: bool
    ) -> None:
        """Render the sample once, so that broken MJML and a sample that does not fit are found now.

        `texts` are the source of `body` and the layouts that it uses.
        """
        if is_mjml:
            unknown = [(text, *found) for text in texts for found in mjml.unknown_elements(text.source)]
            for text, offset, message in unknown:
                self.faults.add(_at(text, offset), "mjml", message)
            if unknown:
                return
        names: dict[str, Any] = dict.fromkeys(GIVEN, "#") | {"language": "en"}
        try:
            names |= sample_names(front.sample, front.defaults)
            for line in lines:
                self.sandbox.rendered(line, names)
            shown = self.sandbox.rendered(body, names)
        except Exception as error:  # noqa: BLE001
            # Whatever a sample makes a filter raise, its author needs a sample that renders.
            hint = "give values for what it uses under `sample:`"
            message = f"this template cannot be shown with its sample values ({type(error).__name__})"
            self.faults.add(Place(texts[0].file, texts[0].line), "sample", message, hint, severity="warning")
            return
        if is_mjml:
            self._try_mjml(shown, texts)

    def _try_mjml(self, body: str, texts: list[Text]) -> None:
        try:
            mjml.to_html(body)
        except mjml.MjmlError as error:
            for text in texts:
                wrong = mjml.mismatch(text.source)
                if wrong:
                    self.faults.add(_at(text, wrong[0]), "mjml", wrong[1])
                    return
            self.faults.add(Place(texts[0].file, texts[0].line), "mjml", f"this is not MJML: {error}")


def _at(text: Text, offset: int) -> Place:
    line = text.source.count("\n", 0, offset)
    return Place(text.file, text.line + line, offset - text.source.rfind("\n", 0, offset))
