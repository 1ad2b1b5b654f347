"""Changing the list `expect` or `expect_some` of one scenario within the text of its file, and nothing else there.

The text is edited at the places that the YAML reader reports, so that comments, order, quotes and line ends stay as
their author wrote them. What cannot be edited that way without a loss is refused (`CannotRewrite`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

_COMMENT = re.compile(r"#[^\r\n]*")
_BLOCK_SCALARS = ("|", ">")


class CannotRewrite(ValueError):
    """This list cannot be changed by program; `str()` says why, to follow "because"."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What becomes of one entry, or a new one where `entry` is None; together they are the new list, in order.

    An `entry` of the old list stays, with another `day` and clock time `at` where these are given; `text` is written
    in its place, and an empty `text` takes it out.
    """

    entry: int | None = None
    day: int | None = None
    at: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class _Cut:
    """Characters from `start` to `end` that become `text`."""

    start: int
    end: int
    text: str


def rewrite(text: str, scenario: int, key: str, edits: Sequence[Edit]) -> str:
    """The text of a test file with `key` of the scenario of that number (from 0) as `edits` say."""
    work = _Rewriter(text, scenario, key)
    new = text
    # From the end, so that places stay true; of several at one place the last first, so that they end up in order.
    for _, _, _, cut in sorted(((cut.start, cut.end, n, cut) for n, cut in enumerate(work.cuts(edits))), reverse=True):
        new = new[: cut.start] + cut.text + new[cut.end :]
    if sorted(comment for _, comment in _comments(text)) != sorted(comment for _, comment in _comments(new)):
        raise CannotRewrite("a comment would be lost")
    return new


class _Rewriter:
    def __init__(self, text: str, scenario: int, key: str) -> None:
        self.text, self.key = text, key
        self.newline = "\r\n" if "\r\n" in text else "\n"
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        listed = _value(root, "scenarios")
        assert isinstance(listed, yaml.SequenceNode)
        self.scenarios: list[yaml.MappingNode] = listed.value
        self.scenario = self.scenarios[scenario]
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            inside = self.scenario.start_mark.index <= token.start_mark.index < self.scenario.end_mark.index
            if inside and isinstance(token, yaml.AliasToken | yaml.AnchorToken):
                raise CannotRewrite("part of it is written once for several scenarios (`&` and `*`)")

    def cuts(self, edits: Sequence[Edit]) -> list[_Cut]:
        node = _value(self.scenario, self.key)
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            return [self._whole(node, [edit.text or "" for edit in edits])]
        if node.flow_style:
            return list(self._flow(node, edits))
        return list(self._block(node, edits))

    # --- where there is no list yet -------------------------------------------------------------------------------

    def _whole(self, node: yaml.Node | None, texts: list[str]) -> _Cut:
        """The list, written where there was none, or an empty one, or only its key."""
        flow = f"[{', '.join(texts)}]"
        if self.scenario.flow_style:
            if node is not None:
                gap = "" if self.text[node.start_mark.index - 1].isspace() else " "
                return _Cut(node.start_mark.index, node.end_mark.index, gap + flow)
            end = max(self._end(value) for _, value in self.scenario.value)
            return _Cut(end, end, f", {self.key}: {flow}")
        column = self.scenario.value[0][0].start_mark.column
        if node is None:
            end = self._line_end(self._end(_value(self.scenario, "given") or self.scenario.value[-1][1]))
            return _Cut(end, end, f"{self.newline}{' ' * column}{self.key}:" + self._lines(texts, column))
        end = self._line_end(node.end_mark.index)
        rest = self.text[node.end_mark.index : end].rstrip()
        lines = self._lines(texts, column)
        written = f":{rest}{lines}" if texts else f":{lines}{rest}"
        return _Cut(_key(self.scenario, self.key).end_mark.index, end, written)

    def _lines(self, texts: list[str], column: int) -> str:
        if not texts:
            return " []"
        indent = " " * (column + self._step())
        return "".join(f"{self.newline}{indent}- {text}" for text in texts)

    def _step(self) -> int:
        """How much further in than its key a list begins in this file."""
        for scenario in self.scenarios:
            for key, value in scenario.value:
                if isinstance(value, yaml.SequenceNode) and value.value and not value.flow_style:
                    dash = self._dash(value.value[0])
                    return max(0, dash - self._line_start(dash) - int(key.start_mark.column))
        return 2

    # --- a list with a line each ----------------------------------------------------------------------------------

    def _block(self, node: yaml.SequenceNode, edits: Sequence[Edit]) -> Iterator[_Cut]:
        items: list[yaml.Node] = node.value
        dash = self._dash(items[0])
        indent = " " * (dash - self._line_start(dash))
        at = self._line_start(dash)
        for edit in edits:
            if edit.entry is None:
                ends = at == 0 or self.text[at - 1] == "\n"
                line = f"{indent}- {edit.text}"
                yield _Cut(at, at, line + self.newline if ends else self.newline + line)
                continue
            item = items[edit.entry]
            start, end = self._line_start(self._dash(item)), self._line_end(self._end(item))
            at = min(end + len(self.newline), len(self.text))
            if edit.text == "":
                kept = "".join(f"{indent}{comment}{self.newline}" for comment in self._said(start, end))
                yield _Cut(start, at, kept)
            else:
                yield from self._changed(item, edit, start, indent)
        if all(edit.text == "" for edit in edits):
            after = _key(self.scenario, self.key).end_mark.index
            yield _Cut(after, self.text.index(":", after) + 1, ": []")

    def _changed(self, item: yaml.Node, edit: Edit, start: int, indent: str) -> Iterator[_Cut]:
        if edit.text is None:
            yield from self._moved(item, edit)
            return
        comments = self._said(item.start_mark.index, self._end(item))
        yield _Cut(item.start_mark.index, self._end(item), edit.text)
        if comments:
            yield _Cut(start, start, "".join(f"{indent}{comment}{self.newline}" for comment in comments))

    def _moved(self, item: yaml.Node, edit: Edit) -> Iterator[_Cut]:
        for key, new in (("day", edit.day), ("at", edit.at)):
            node = _value(item, key)
            if new is not None and isinstance(node, yaml.ScalarNode):
                quote = node.style or ""
                yield _Cut(node.start_mark.index, node.end_mark.index, f"{quote}{new}{quote}")

    # --- a list in brackets ---------------------------------------------------------------------------------------

    def _flow(self, node: yaml.SequenceNode, edits: Sequence[Edit]) -> Iterator[_Cut]:
        items: list[yaml.Node] = node.value
        kept = [edit.entry for edit in edits if edit.entry is not None and edit.text != ""]
        if not kept:
            yield _Cut(node.start_mark.index, node.end_mark.index, "[]")
            return
        between = self.text[self._end(items[0]) : items[1].start_mark.index] if len(items) > 1 else ", "
        between = ", " if "\n" not in between or "#" in between else between
        before: int | None = None
        for edit in edits:
            if edit.entry is None:
                if before is None:
                    first = items[0].start_mark.index
                    yield _Cut(first, first, f"{edit.text}{between}")
                else:
                    yield _Cut(self._end(items[before]), self._end(items[before]), f"{between}{edit.text}")
                continue
            item = items[edit.entry]
            if edit.text == "":
                if edit.entry > kept[-1]:
                    yield _Cut(self._end(items[edit.entry - 1]), self._end(item), "")
                else:
                    yield _Cut(item.start_mark.index, items[edit.entry + 1].start_mark.index, "")
                continue
            before = edit.entry
            if edit.text is None:
                yield from self._moved(item, edit)
            else:
                yield _Cut(item.start_mark.index, self._end(item), edit.text)

    # --- places ---------------------------------------------------------------------------------------------------

    def _dash(self, item: yaml.Node) -> int:
        return self.text.rindex("-", 0, item.start_mark.index)

    def _line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def _line_end(self, index: int) -> int:
        """Where the line ends in which `index` lies, its comment included."""
        end = self.text.find("\n", index)
        end = len(self.text) if end < 0 else end
        return end - 1 if end > index and self.text[end - 1] == "\r" else end

    def _end(self, node: yaml.Node) -> int:
        """Where the last character of a value is, without the lines and comments that follow it."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(last, tuple) else last)
        end: int = node.end_mark.index
        if isinstance(node, yaml.ScalarNode) and node.style in _BLOCK_SCALARS:
            return len(self.text[:end].rstrip())
        return end

    def _said(self, start: int, end: int) -> list[str]:
        return [comment for index, comment in _comments(self.text) if start <= index < end]


def _key(mapping: yaml.MappingNode, name: str) -> yaml.Node:
    found: yaml.Node = next(key for key, _ in mapping.value if key.value == name)
    return found


def _value(mapping: yaml.Node | None, name: str) -> yaml.Node | None:
    assert isinstance(mapping, yaml.MappingNode)
    return next((value for key, value in mapping.value if key.value == name), None)


def _comments(text: str) -> list[tuple[int, str]]:
    """Every comment with its place: they are what stands between the tokens."""
    found, end = [], 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if token.start_mark.index > end:
            between = text[end : token.start_mark.index]
            found += [(end + comment.start(), comment[0]) for comment in _COMMENT.finditer(between)]
        end = max(end, token.end_mark.index)
    found += [(end + comment.start(), comment[0]) for comment in _COMMENT.finditer(text[end:])]
    return found
