"""Finds what is wrong with the texts of templates before anybody is sent one, each mistake at its place in its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Template, TemplateSyntaxError, nodes

from lifecycle.language.faults import Faults, Place
from lifecycle.language.template import FrontMatter
from messaging import foot, hrefs, mjml, places, styles
from messaging.checking import GIVEN, Names, Problem, names_in, problems, unknown_names
from messaging.samples import sample_given, sample_names
from messaging.sandbox import Sandbox
from messaging.text import text_of


@dataclass(slots=True)
class Text:
    """One text that Jinja2 reads: a body, a subject or a layout. `line` is the line of its file at which it begins."""

    file: str
    source: str
    line: int = 1
    place: Place | None = None
    names: Names = field(default_factory=Names)
    tree: nodes.Template | None = None

    @property
    def is_markup(self) -> bool:
        """Whether it is HTML or MJML; what stands in front matter is not."""
        return self.place is None and self.file.endswith((".mjml", ".html"))


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
        in_place = not text.is_markup or self._is_in_place(text)
        if in_place and not found:
            text.tree = tree

    def _is_in_place(self, text: Text) -> bool:
        """Report links that lead nowhere, and values where escaping does not hold; whether there are none of those."""
        for link in hrefs.wrong_links(text.source):
            hint = f"write {link.right}" if link.right else "a link begins with https:, http:, mailto: or tel:"
            self.faults.add(_at(text, link.offset), "link", f"`{link.written}` leads nowhere from a message", hint)
        misplaced = list(places.misplaced(text.source, self.sandbox))
        for wrong in misplaced:
            self.faults.add(_at(text, wrong.offset), "unsafe-place", wrong.message, wrong.hint)
        return not misplaced

    def unknown(self, texts: list[Text]) -> bool:
        """Report names that nothing gives a value; whether there are any."""
        made = {name for text in texts for name in text.names.made}
        found = [(text, list(unknown_names(text.names, made))) for text in texts]
        for text, names in found:
            self._report(text, names)
        return any(names for _, names in found)

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
        self, lines: Mapping[str, Template | None], body: Template, front: FrontMatter, texts: list[Text], kind: str
    ) -> None:
        """Render the sample once, so that broken MJML, a missing foot and a sample that does not fit are found now.

        `lines` are subject and preheader, `texts` the source of `body` and the layouts that it uses.
        """
        if kind == "mjml" and self._has_unknown_elements(texts):
            return
        given = sample_given(front.purpose or "marketing")
        names: dict[str, Any] = dict.fromkeys(GIVEN, "") | given | {"language": "en"}
        shown: str | None = None
        try:
            names |= sample_names(front.sample, front.defaults)
            for key, line in lines.items():
                names[key] = self.sandbox.rendered(line, names) if line else ""
            shown = self.sandbox.rendered(body, names)
        except Exception as error:  # noqa: BLE001
            # Whatever a sample makes a filter raise, its author needs a sample that renders.
            hint = "give values for what it uses under `sample:`"
            message = f"this template cannot be shown with its sample values ({type(error).__name__})"
            self.faults.add(Place(texts[0].file, texts[0].line), "sample", message, hint, severity="warning")
        if kind == "mjml" and shown is not None:
            shown = self._try_mjml(shown, texts)
            if shown is None:
                return
        if kind != "txt":
            self._try_foot(shown, front, given, texts)

    def _try_foot(self, shown: str | None, front: FrontMatter, given: Mapping[str, str], texts: list[Text]) -> None:
        """Look for what marketing must show: in the sample, and where that cannot be made, among the names."""
        place = Place(texts[0].file, texts[0].line)
        if (front.purpose or "marketing") == "marketing":
            if shown is None:
                used = {name for text in texts for name in text.names.other}
                lacks = foot.never_shown(used)
            else:
                html = styles.in_html(shown)
                lacks = foot.lacking(html, text_of(html), given)
            if "no-postal-address" in lacks:
                hint = "write `{{ postal_address }}` at its foot, or use a layout that has it"
                self.faults.add(place, "no-postal-address", "this e-mail does not show your postal address", hint)
            if "no-unsubscribe-link" in lacks:
                hint = (
                    'write `<a href="{{ unsubscribe_url }}">Unsubscribe</a>` at its foot, or use a layout that has it'
                )
                self.faults.add(place, "no-unsubscribe-link", "this e-mail has no link to unsubscribe", hint)
        if shown is not None and "" in hrefs.unsafe_links(shown):
            message = "a link in this e-mail comes to nothing with its sample values"
            hint = "marketing alone has `unsubscribe_url`, other mail alone `confirm_url`: ask `{% if ... %}` first"
            self.faults.add(place, "link", message, hint)

    def _has_unknown_elements(self, texts: list[Text]) -> bool:
        found = [(text, *wrong) for text in texts for wrong in mjml.unknown_elements(text.source)]
        for text, offset, message in found:
            self.faults.add(_at(text, offset), "mjml", message)
        return bool(found)

    def _try_mjml(self, body: str, texts: list[Text]) -> str | None:
        """The sample's HTML, with its styles on its elements; None with a fault where it is no MJML."""
        try:
            body, css = styles.sheets_of(body)
            return styles.in_mjml(mjml.to_html(body), css)
        except mjml.MjmlError as error:
            for text in texts:
                wrong = mjml.mismatch(text.source)
                if wrong:
                    self.faults.add(_at(text, wrong[0]), "mjml", wrong[1])
                    return None
            self.faults.add(Place(texts[0].file, texts[0].line), "mjml", f"this is not MJML: {error}")
            return None


def _at(text: Text, offset: int) -> Place:
    line = text.source.count("\n", 0, offset)
    return Place(text.file, text.line + line, offset - text.source.rfind("\n", 0, offset))
