"""Template files as they lie in templates/: their names and the two parts of each. Nothing is checked in them here.

templates/adopter/thank-you.email.mjml      the message `adopter/thank-you` by e-mail
templates/adopter/thank-you.email.de.mjml   the same in German
templates/adopter/thank-you.sms.txt         the same by SMS
templates/layouts/base.mjml                 used by `{% extends "layouts/base.mjml" %}`
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lifecycle.language.faults import Faults, Place
from lifecycle.language.source import Source, decode, read
from lifecycle.language.template import Channel, FrontMatter
from messaging.vetting import Text

FOLDER = "templates"
LAYOUTS = "layouts"
_FILE = re.compile(
    r"(?P<name>[\w/-]+)\.(?P<channel>email|sms)(?:\.(?P<language>[A-Za-z]{2,3}(?:[-_]\w{2,8})*))?\.(?P<kind>\w+)"
)
_KINDS = {("email", "mjml"), ("email", "html"), ("sms", "txt")}
_READ = (".mjml", ".html", ".txt")
_FRONT = re.compile(r"---[ \t]*\n(?P<front>.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(slots=True)
class File:
    """A template file as it was found. `source` is its front matter, None where that cannot be read."""

    file: str
    name: str
    channel: Channel
    language: str
    kind: str
    source: Source | None
    body: Text
    front: FrontMatter | None = None


def language_of(text: str) -> str:
    """A language as files are known by: `pt_BR` and `pt-BR` are `pt-br`."""
    return text.replace("_", "-").lower()


def template_of(name: str) -> str:
    """The template to which a file of this name below templates/ belongs: `a/b.email.de.mjml` to `a/b`."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.split(".")[0]


@dataclass(frozen=True, slots=True)
class Folder:
    """The templates of the project at `root`. Mistakes go to `faults`, their places relative to it."""

    root: Path
    faults: Faults

    def paths(self) -> list[tuple[str, Path]]:
        """Every file, in order, with its name below templates/; hidden ones and notes are left out."""
        folder = self.root / FOLDER
        found = (path for path in folder.rglob("*") if path.is_file() and path.suffix in _READ)
        return sorted((path.relative_to(folder).as_posix(), path) for path in found if not path.name.startswith("."))

    def layout(self, path: Path) -> Text | None:
        """A shared layout, or a part of one."""
        file, text = self._read(path)
        return Text(file, text) if text is not None else None

    def template(self, name: str, path: Path) -> File | None:
        """A template, or None with a fault."""
        shape = _FILE.fullmatch(name)
        file = path.relative_to(self.root).as_posix()
        if not shape or (shape["channel"], shape["kind"]) not in _KINDS:
            hint = "write NAME.email.mjml, NAME.email.html, NAME.sms.txt or, for a translation, NAME.email.de.mjml"
            self.faults.add(Place(file), "template-name", f"`{path.name}` is not the name of a template", hint)
            return None
        _, text = self._read(path)
        if text is None:
            return None
        front = _FRONT.match(text)
        if not front:
            message = "a template begins with a line `---`, its front matter, and another line `---`"
            self.faults.add(Place(file), "front-matter", message)
            return None
        source = read(file, front["front"], self.faults, first_line=2)
        if source is not None and source.data is None:
            source.data = {}
        channel: Channel = "email" if shape["channel"] == "email" else "sms"
        body = Text(file, text[front.end() :], text.count("\n", 0, front.end()) + 1)
        return File(file, shape["name"], channel, language_of(shape["language"] or ""), shape["kind"], source, body)

    def _read(self, path: Path) -> tuple[str, str | None]:
        file = path.relative_to(self.root).as_posix()
        try:
            text = decode(file, path.read_bytes(), self.faults)
        except OSError as error:
            self.faults.add(Place(file), "unreadable", f"this file cannot be read: {error.strerror}")
            return file, None
        return file, text.replace("\r\n", "\n") if text is not None else None
