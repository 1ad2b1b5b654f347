"""Every message of a project, checked and ready to be rendered: by name and channel, in each of its languages.

Everything is read and checked once, when the program starts or `check` runs; rendering touches no file. Every mistake
is reported at its place. A translation takes from the file without a language what its own front matter leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Template

from lifecycle.language.faults import Faults, Place
from lifecycle.language.template import Channel, FrontMatter, TemplateInfo
from lifecycle.language.validate import validate
from messaging.files import LAYOUTS, File, Folder, language_of, template_of
from messaging.sandbox import Sandbox
from messaging.vetting import Text, Vetting

_AGREE = ("topic", "purpose", "intent", "expires", "if_unknown")
"""What a message is in all its languages."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A message in one language (`""` is the file without one), ready to be rendered. `kind` is mjml, html or txt;
    `line` is that at which the body begins in its file.
    """

    file: str
    name: str
    channel: Channel
    language: str
    kind: str
    front: FrontMatter
    subject: Template | None
    preheader: Template | None
    body: Template
    line: int = 1


@dataclass(frozen=True, slots=True)
class Templates:
    """All messages that could be read without a mistake. `infos` and `variants` go by name and channel; `unread` are
    the names of those that could not.
    """

    infos: Mapping[tuple[str, Channel], TemplateInfo]
    variants: Mapping[tuple[str, Channel], Mapping[str, Variant]]
    sandbox: Sandbox
    unread: frozenset[str] = frozenset()

    def variant(self, name: str, channel: Channel, language: str | None = None) -> Variant | None:
        """The message in that language (`pt-BR`), else its base (`pt`), else as its file without a language has it."""
        found = self.variants.get((name, channel))
        if found is None:
            return None
        wanted = language_of(language or "")
        while wanted not in found:
            wanted = wanted.rpartition("-")[0]
        return found[wanted]


def load(root: Path, faults: Faults) -> Templates:
    """Read the templates of the project at `root`. Places in `faults` are relative to it."""
    return _Loader(root, faults).load()


Ordered = dict[str, None]


class _Loader:
    def __init__(self, root: Path, faults: Faults) -> None:
        self.folder, self.faults = Folder(root, faults), faults
        self.layouts: dict[str, Text] = {}
        self.sandbox = Sandbox()
        self.vetting = Vetting(self.sandbox, self.layouts, faults)

    def load(self) -> Templates:
        found: dict[tuple[str, Channel], dict[str, File]] = {}
        paths = self.folder.paths()
        for name, path in paths:
            if name.startswith(f"{LAYOUTS}/") and (layout := self.folder.layout(path)):
                self.layouts[name] = layout
        self.sandbox = Sandbox({name: text.source for name, text in self.layouts.items()})
        self.vetting = Vetting(self.sandbox, self.layouts, self.faults)
        for name, layout in self.layouts.items():
            self.vetting.check(layout, self._layouts_for(name))
        unread: set[str] = set()
        for name, path in paths:
            if name.startswith(f"{LAYOUTS}/"):
                continue
            if file := self.folder.template(name, path):
                self._keep(file, found.setdefault((file.name, file.channel), {}))
            else:
                unread.add(template_of(name))
        infos: dict[tuple[str, Channel], TemplateInfo] = {}
        variants: dict[tuple[str, Channel], Mapping[str, Variant]] = {}
        for key, files in found.items():
            made = self._message(key[0], key[1], files)
            if made:
                infos[key], variants[key] = made
            else:
                unread.add(key[0])
        return Templates(infos, variants, self.sandbox, frozenset(unread))

    def _keep(self, file: File, files: dict[str, File]) -> None:
        other = files.get(file.language)
        if other:
            self.faults.add(Place(file.file), "twice", f"this message stands already in {other.file}")
        else:
            files[file.language] = file

    def _message(
        self, name: str, channel: Channel, files: dict[str, File]
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
        if len(self.faults.errors) > before or len(variants) < len(files) or front is None or front.intent is None:
            return None
        info = TemplateInfo(
            name, channel, tuple(sorted(language for language in files if language)), front.topic,
            front.purpose or "marketing", front.intent, front.expires, tuple(needed), Place(main.file), tuple(names),
            resend=front.if_unknown == "resend", tracking=front.tracking is not False,
        )  # fmt: skip
        return info, variants

    def _front(self, file: File) -> None:
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
        if "if_unknown" in data and data.get("purpose") != "transactional":
            message = "a marketing message that may have gone out is never sent again"
            hint = "leave out `if_unknown`; only with `purpose: transactional` it may stand"
            self.faults.add(file.source.place(("if_unknown",), key=True), "not-for-marketing", message, hint)

    def _inherit(self, file: File, main: File) -> None:
        """Give a translation what it leaves out. What the two must agree on, they must agree on."""
        if file.source is None:
            return
        own, data = file.source.data, main.source.data if main.source and main.front else None
        if isinstance(own, dict) and isinstance(data, dict):
            for key in _AGREE:
                if key in own and own[key] != data.get(key):
                    place = file.source.place((key,))
                    self.faults.add(place, "disagrees", f"`{key}` is another one in {main.file}; leave it out here")
            for key, value in data.items():
                if key not in ("subject", "preheader"):
                    own.setdefault(key, value)
        file.front = validate(FrontMatter, file.source, self.faults)

    def _variant(self, file: File, names: Ordered, needed: Ordered) -> Variant | None:
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
        unknown = self.vetting.unknown(everything)
        front = file.front
        names |= {name: None for text in everything for name in text.names.used}
        needed |= self.vetting.needed(everything, front)
        # A mistake in a layout is reported once, and spoils every template that uses it.
        spoilt = unknown or any(text.tree is None for text in everything)
        if spoilt or front is None or len(self.faults.errors) > before:
            return None
        variant = self._compile(file, front, texts)
        lines = {"subject": variant.subject, "preheader": variant.preheader}
        self.vetting.try_sample(lines, variant.body, front, [file.body, *layouts], file.kind)
        return variant

    def _lines(self, file: File) -> dict[str, Text]:
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

    def _compiled(self, text: Text, name: str) -> Template:
        assert text.tree is not None  # it was checked, and is not parsed again
        return self.sandbox.compiled(text.tree, name)

    def _compile(self, file: File, front: FrontMatter, texts: dict[str, Text]) -> Variant:
        line = {key: self._compiled(text, f"{file.name}.{key}.txt") for key, text in texts.items()}
        body = self._compiled(file.body, f"{file.name}.{file.channel}.{file.kind}")
        return Variant(
            file.file, file.name, file.channel, file.language, file.kind, front,
            line.get("subject"), line.get("preheader"), body, file.body.line,
        )  # fmt: skip
