"""YAML text in, plain data and the place of every value out.

Scalars are read as YAML 1.2 does: only true, false, null and numbers are anything but text, so `no`, `on` and 10:00
stay what the author typed. YAML's own traps (a text cut at ` #`, broken by `: ` or by a leading `{{`) are reported with
the line as it should be. Aliases are resolved but counted, so that a YAML bomb ends in one fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from lifecycle.language.faults import Faults, Place

Path = tuple[str | int, ...]

MAX_BYTES = 1_000_000
MAX_VALUES = 50_000
MAX_DEPTH = 60

_NUMBER = re.compile(r"[-+]?(\d+|\d+\.\d*|\.\d+)([eE][-+]?\d+)?")
_INTEGER = re.compile(r"[-+]?\d+")
_WORDS: dict[str, bool | None] = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "null": None, "Null": None, "NULL": None, "~": None, "": None,
}  # fmt: skip
_TEXT_LINE = re.compile(r"^(?P<head>\s*(?:- )*(?:\{\s*)?[\w.-]+:\s+)(?P<text>[^\s\"'].*?)\s*$")
_LIST_LINE = re.compile(r"^(?P<head>\s*(?:- )+)(?P<text>[^\s\"'].*?)\s*$")


@dataclass(slots=True)
class Source:
    """One file that was read. `data` is dicts, lists, texts, numbers, booleans and None.

    `values` and `keys` give the place of each value and of each key, by path (`("steps", 0, "send")`); `paths` gives
    the path of each mapping, by the identity of its dict.
    """

    file: str
    data: Any = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    paths: dict[int, Path] = field(default_factory=dict)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """The place of what stands at `path`, or of the nearest thing around it that the file does hold."""
        while path:
            found = (self.keys.get(path) if key else None) or self.values.get(path)
            if found:
                return found
            path, key = path[:-1], False
        return self.values.get((), Place(self.file))


def read(file: str, content: bytes | str, faults: Faults, first_line: int = 1) -> Source | None:
    """Read one YAML document. Every mistake becomes a fault; None when nothing could be read.

    `first_line` is the line of the file at which `content` starts (front matter does not start a file).
    """
    text = decode(file, content, faults)
    if text is None:
        return None
    reader = _Reader(file, text, faults, first_line)
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        reader.explain(error)
        return None
    except (yaml.YAMLError, RecursionError) as error:
        problem = getattr(error, "reason", None) or "it is nested too deeply"
        faults.add(Place(file), "yaml", f"this is not YAML: {problem}")
        return None
    source = Source(file, None)
    if node is not None:
        try:
            source.data = reader.convert(node, (), source, 0)
        except _TooMuch as error:
            faults.add(Place(file, first_line), "too-large", str(error))
            return None
    return source


def decode(file: str, content: bytes | str, faults: Faults) -> str | None:
    """The text of a file, or None with a fault where it is too large or not UTF-8."""
    if len(content) > MAX_BYTES:
        size = len(content) / 1_000_000
        faults.add(
            Place(file), "too-large", f"this file has {size:.1f} MB; at most {MAX_BYTES // 1_000_000} MB is read"
        )
        return None
    if isinstance(content, str):
        return content
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        faults.add(Place(file, line, column), "not-utf8", "this file is not UTF-8 text; save it as UTF-8")
        return None


class _TooMuch(Exception):
    """The file holds more than a person would write."""


class _Reader:
    def __init__(self, file: str, text: str, faults: Faults, first_line: int) -> None:
        self.file, self.faults, self.offset = file, faults, first_line
        self.lines = text.splitlines()
        self.count = 0

    def place(self, mark: Any) -> Place:
        return Place(self.file, mark.line + self.offset, mark.column + 1)

    def convert(self, node: yaml.Node, path: Path, source: Source, depth: int) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            raise _TooMuch(f"this file comes to more than {MAX_VALUES:,} values; are there aliases of aliases in it?")
        if depth > MAX_DEPTH:
            raise _TooMuch(f"this file is nested more than {MAX_DEPTH} deep")
        source.values[path] = self.place(node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, source, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.convert(child, (*path, i), source, depth + 1) for i, child in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path, source: Source, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        source.paths[id(data)] = path
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                where = self.place(key_node.start_mark)
                self.faults.add(
                    where, "yaml-braces", "a text that begins with { must stand in quotes", self._quoted(where)
                )
                continue
            key, where = key_node.value, self.place(key_node.start_mark)
            if key in data:
                self.faults.add(where, "twice", f"`{key}` stands here twice; only one can count")
                continue
            source.keys[(*path, key)] = where
            data[key] = self.convert(value_node, (*path, key), source, depth + 1)
        return data

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.style:
            return node.value
        value = node.value
        end = node.end_mark
        rest = self.lines[end.line][end.column :] if end.line < len(self.lines) else ""
        if re.match(r"\s+#\S", rest) and value:
            where = self.place(node.start_mark)
            self.faults.add(where, "yaml-hash", f"the text stops at ` #`: only `{value}` is read", self._quoted(where))
        if value in _WORDS:
            return _WORDS[value]
        if _NUMBER.fullmatch(value):
            return int(value) if _INTEGER.fullmatch(value) else float(value)
        return value

    def explain(self, error: yaml.MarkedYAMLError) -> None:
        """One fault for YAML that does not parse, with the corrected line where a known trap is the cause."""
        mark = error.problem_mark or error.context_mark
        where = self.place(mark) if mark else Place(self.file)
        for line in (where.line, where.line - 1):
            here = Place(self.file, line, where.column)
            text = self._line(here)
            found = _TEXT_LINE.match(text) or _LIST_LINE.match(text)
            if not found:
                continue
            if found["text"].startswith("{{"):
                self.faults.add(
                    here, "yaml-braces", "a text that begins with {{ must stand in quotes", self._quoted(here)
                )
                return
            if ": " in found["text"] and not found["text"].startswith(("{", "[", "|", ">")):
                self.faults.add(here, "yaml-colon", "a text with `: ` in it must stand in quotes", self._quoted(here))
                return
        if "\t" in self._line(where):
            self.faults.add(where, "yaml-tab", "there is a tab here; indent with spaces")
            return
        self.faults.add(where, "yaml", f"this is not YAML: {error.problem or error.context or 'it cannot be read'}")

    def _line(self, where: Place) -> str:
        index = where.line - self.offset
        return self.lines[index] if 0 <= index < len(self.lines) else ""

    def _quoted(self, where: Place) -> str | None:
        line = self._line(where)
        found = _TEXT_LINE.match(line) or _LIST_LINE.match(line)
        if not found:
            return None
        text = found["text"].replace("\\", "\\\\").replace('"', '\\"')
        return f'write: {found["head"].strip()} "{text}"'
