"""Reads templates/: one file a message, channel and language, shared layouts in templates/layouts/.

    templates/adopter/thank-you.email.mjml      the message `adopter/thank-you` by e-mail
    templates/adopter/thank-you.email.de.mjml   the same in German
    templates/adopter/thank-you.sms.txt         the same by SMS
    templates/layouts/base.mjml                 used by `{% extends "layouts/base.mjml" %}`

Everything is read and checked once, when the program starts or `check` runs; rendering touches no file. Every mistake
is reported at its place. A translation takes from the file without a language what its own front matter leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Template

from lifecycle.language.faults import Faults, Place
from lifecycle.language.source import Source, decode, read
from lifecycle.language.template import Channel, FrontMatter, TemplateInfo
from lifecycle.language.validate import validate
from messaging.sandbox import Sandbox
from messaging.vetting import Text, Vetting

FOLDER = "templates"
LAYOUTS = "layouts"
_FILE = re.compile(
    r"(?P<name>[\w/-]+)\.(?P<channel>email|sms)(?:\.(?P<language>[A-Za-z]{2,3}(?:[-_]\w{2,8})*))?\.(?P<kind>\w+)"
)
_KINDS = {("email", "mjml"), ("email", "html"), ("sms", "txt")}
_FRONT = re.compile(r"---[ \t]*\n(?P<front>.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(slots=True)
class _File:
    """A template file as it was found."""

    file: str
    name: str
    channel: Channel
    language: str
    kind: str
    source: Source | None
    body: Text
    front: FrontMatter | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """A message in one language (`""` is the file without one), ready to be rendered. `kind` is mjml, html or txt."""

    file: str
    name: str
    channel: Channel
    language: str
    kind: str
    front: FrontMatter
    subject: Template | None
    preheader: Template | None
    body: Template


@dataclass(frozen=True, slots=True)
class Templates:
    """All messages that could be read without a mistake. `infos` and `variants` go by name and channel."""

    infos: Mapping[tuple[str, Channel], TemplateInfo]
    variants: Mapping[tuple[str, Channel], Mapping[str, Variant]]
    sandbox: Sandbox

    def variant(self, name: str, channel: Channel, language: str | None = None) -> Variant | None:
        """The message in that language (`pt-BR`), else its base (`pt`), else as its file without a language has it."""
        found = self.variants.get((name, channel))
        if found is None:
            return None
        wanted = _language(language or "")
        return found.get(wanted) or found.get(wanted.partition("-")[0]) or found[""]


def load(root: Path, faults: Faults) -> Templates:
    """Read the templates of the project at `root`. Places in `faults` are relative to it."""
    return _Loader(root, faults).load()


Ordered = dict[str, None]


def _language(text: str) -> str:
    return text.replace("_", "-").lower()


class _Loader:
    def __init__(self, root: Path, faults: Faults) -> None:
        self.root, self.faults = root, faults
        self.layouts: dict[str, Text] = {}
        self.sandbox = Sandbox()
        self.vetting = Vetting(self.sandbox, self.layouts, faults)

    def load(self) -> Templates:
        found: dict[tuple[str, Channel], dict[str, _File]] = {}
        folder = self.root / FOLDER
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        for path in paths:
            relative = path.relative_to(folder).as_posix()
            if relative.startswith(f"{LAYOUTS}/"):
                self._read_layout(path, relative)
        self.sandbox = Sandbox({name: text.source for name, text in self.layouts.items()})
        self.vetting = Vetting(self.sandbox, self.layouts, self.faults)
        for name, layout in self.layouts.items():
            self.vetting.check(layout, self._layouts_for(name))
        for path in paths:
            relative = path.relative_to(folder).as_posix()
            if not relative.startswith(f"{LAYOUTS}/") and (file := self._read_file(path, relative)):
                self._keep(file, found.setdefault((file.name, file.channel), {}))
        infos: dict[tuple[str, Channel], TemplateInfo] = {}
        variants: dict[tuple[str, Channel], Mapping[str, Variant]] = {}
        for key, files in found.items():
            made = self._message(key[0], key[1], files)
            if made:
                infos[key], variants[key] = made
        return Templates(infos, variants, self.sandbox)

    # Reading

    def _read(self, path: Path) -> tuple[str, str | None]:
        file = path.relative_to(self.root).as_posix()
        try:
            text = decode(file, path.read_bytes(), self.faults)
        except OSError as error:
            self.faults.add(Place(file), "unreadable", f"this file cannot be read: {error.strerror}")
            return file, None
        return file, text.replace("\r\n", "\n") if text is not None else None

    def _read_layout(self, path: Path, relative: str) -> None:
        file, text = self._read(path)
        if text is not None and path.suffix in (".mjml", ".html", ".txt"):
            self.layouts[relative] = Text(file, text)

    def _read_file(self, path: Path, relative: str) -> _File | None:
        if path.suffix not in (".mjml", ".html", ".txt"):
            return None
        shape = _FILE.fullmatch(relative)
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
        language = _language(shape["language"] or "")
        return _File(file, shape["name"], channel, language, shape["kind"], source, body)

    def _keep(self, file: _File, files: dict[str, _File]) -> None:
        other = files.get(file.language)
        if other:
            self.faults.add(Place(file.file), "twice", f"this message stands already in {other.file}")
        else:
            files[file.language] = file

    # Checking

    def _message(
        self, name: str, channel: Channel, files: dict[str, _File]
    ) -> tuple[TemplateInfo, dict[str, Variant]] | None:
        """What a message and its translations come to; None where anything is wrong with any of them."""
        before = len(self.faults.errors)
        main = files.get("")
        if main is None:
            first = next(iter(files.values()))
            missing = f"{name}.{channel}.{first.kind}"
            self.faults.add(Place(first.file), "no-default", f"`{missing}` is missing, for all other languages")
            main = first
        self._front(main)
        variants: dict[str, Variant] = {}
        names: Ordered = {}
        needed: Ordered = {}
        for file in (main, *(file for file in files.values() if file is not main)):
            if file is not main:
                self._inherit(file, main)
            variant = self._variant(file, names, needed)
            if variant:
                variants[file.language] = variant
        front = main.front
        if len(self.faults.errors) > before or front is None or front.intent is None:
            return None
        info = TemplateInfo(
            name, channel, tuple(sorted(language for language in files if language)), front.topic,
            front.purpose or "marketing", front.intent, front.expires, tuple(needed), Place(main.file), tuple(names),
        )  # fmt: skip
        return info, variants

    def _front(self, file: _File) -> None:
        """Read the front matter of the file that the translations follow."""
        if file.source is None:
            return
        file.front = validate(FrontMatter, file.source, self.faults)
        data, place = file.source.data, file.source.place(())
        if not isinstance(data, dict):
            return
        if "intent" not in data:
            self.faults.add(place, "missing-key", "`intent` is missing here", "stages allow and forbid by it")
        if "topic" not in data and data.get("purpose") != "transactional":
            hint = "it says what the customer must have consented to; only `purpose: transactional` needs none"
            self.faults.add(place, "missing-key", "`topic` is missing here", hint)

    def _inherit(self, file: _File, main: _File) -> None:
        """Give a translation what it leaves out. What the two must agree on, they must agree on."""
        if file.source is None:
            return
        own, data = file.source.data, main.source.data if main.source and main.front else None
        if isinstance(own, dict) and isinstance(data, dict):
            for key in ("topic", "purpose", "intent", "expires"):
                if key in own and own[key] != data.get(key):
                    place = file.source.place((key,))
                    self.faults.add(place, "disagrees", f"`{key}` is another one in {main.file}; leave it out here")
            for key, value in data.items():
                if key not in ("subject", "preheader"):
                    own.setdefault(key, value)
        file.front = validate(FrontMatter, file.source, self.faults)

    def _variant(self, file: _File, names: Ordered, needed: Ordered) -> Variant | None:
        """The file, ready to be rendered, or None with faults. Adds the names that it uses and needs."""
        before = len(self.faults.errors)
        texts = self._lines(file)
        if not file.body.source.strip():
            self.faults.add(Place(file.file, file.body.line), "empty", "there is no message below the front matter")
        for text in texts.values():
            self.vetting.check(text, ())
        self.vetting.check(file.body, self._layouts_for(f"x.{file.kind}"))
        layouts = self.vetting.layouts_of(file.body)
        everything = [*texts.values(), file.body, *layouts]
        self.vetting.unknown(everything)
        front = file.front
        names |= {name: None for text in everything for name in text.names.used}
        needed |= self.vetting.needed(everything, front)
        if front is None or len(self.faults.errors) > before or any(text.tree is None for text in everything):
            return None
        variant = self._compile(file, front, texts)
        lines = [line for line in (variant.subject, variant.preheader) if line]
        self.vetting.try_sample(lines, variant.body, front, [file.body, *layouts], file.kind == "mjml")
        return variant

    def _lines(self, file: _File) -> dict[str, Text]:
        """The texts in the front matter that Jinja2 reads, by their key."""
        texts: dict[str, Text] = {}
        if file.source is None or not isinstance(file.source.data, dict):
            return texts
        data, place = file.source.data, file.source.place
        if file.channel == "email" and "subject" not in data:
            self.faults.add(place(()), "missing-key", "`subject` is missing here")
        for key in ("subject", "preheader"):
            if key in data and file.channel == "sms":
                self.faults.add(place((key,), key=True), "no-subject", f"an SMS has no {key}")
            elif isinstance(data.get(key), str):
                texts[key] = Text(file.file, data[key], place((key,)).line, place((key,)))
        return texts

    def _layouts_for(self, file: str) -> tuple[str, ...]:
        """The layouts that a file may use: texts are not escaped, so that they must stay out of markup."""
        kinds = (".mjml", ".html") if file.endswith((".mjml", ".html")) else (".txt",)
        return tuple(name for name in self.layouts if name.endswith(kinds))

    def _compile(self, file: _File, front: FrontMatter, texts: dict[str, Text]) -> Variant:
        line = {
            key: self.sandbox.compiled(text.source, f"{file.name}.{key}.txt") for key, text in texts.items()
        }  # fmt: skip
        body = self.sandbox.compiled(file.body.source, f"{file.name}.{file.channel}.{file.kind}")
        return Variant(
            file.file, file.name, file.channel, file.language, file.kind, front,
            line.get("subject"), line.get("preheader"), body,
        )  # fmt: skip
