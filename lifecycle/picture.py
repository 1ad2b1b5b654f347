"""A playbook as a picture: where each step stands, and how the lines between them run. Pure; a template only draws it.

From top to bottom, a column for each way on from a step. The ways of a step meet again at the first step that two of
them lead to, which is how playbooks are written: what a step holds is a block, and the playbook goes on after it. The
body of a repeat stands under it, with a line back up on its left. Columns are never shared: no line crosses a step.

All lengths are in the picture's own units, about a pixel each at the size at which letters are 13 px.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

from lifecycle import plan as p
from lifecycle.step_words import END, columns, entry, lines, sentence, shortened, title, ways

ENTRY = "(entry)"
"""The node that says what enrols; no step can be called so."""

WIDTH, HEIGHT, LETTER = 216, 66, 6.7
LINE = 28
"""The columns that fit into a line of a node."""
_MARGIN, _BETWEEN, _DOWN, _ARM, _LANE = 16, 20, 34, 46, 18
_LABEL = 24


@dataclass(frozen=True, slots=True)
class Node:
    """A step as it is drawn: its upper left corner and its size. `kind` is the step's, or `entry` or `end`.

    `words` is all that it does in one line; `lines` are what is said of it under the title, at most two, cut off where
    they are too long.
    """

    id: str
    kind: str
    title: str
    words: str
    lines: tuple[str, ...]
    x: float
    y: float
    width: float = WIDTH
    height: float = HEIGHT


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from the border of one node to that of another, `points` in that order; `back` leads up to a repeat.

    `label` is what its way is called, cut off where it is too long, with its middle at `label_at`.
    """

    source: str
    target: str
    label: str
    words: str
    points: tuple[tuple[float, float], ...]
    label_at: tuple[float, float]
    back: bool = False

    @property
    def path(self) -> str:
        """`points` as SVG writes them."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)

    @property
    def head(self) -> str:
        """The three points of the tip."""
        x, y = self.points[-1]
        if self.points[-2][0] != x:  # it comes from the left
            return f"{x:g},{y:g} {x - 7:g},{y - 4:g} {x - 7:g},{y + 4:g}"
        return f"{x:g},{y:g} {x - 4:g},{y - 7:g} {x + 4:g},{y - 7:g}"


@dataclass(frozen=True, slots=True)
class Picture:
    """`nodes` are in the order in which one reads them: from the top, a block before what follows it."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def ways(self, node: str) -> list[Edge]:
        """The lines that leave a node."""
        return [edge for edge in self.edges if edge.source == node]

    def named(self, node: str) -> Node:
        """The node of that id."""
        return next(one for one in self.nodes if one.id == node)


@dataclass(slots=True)
class _Way:
    """A line that has not arrived yet."""

    source: str
    words: str
    target: str
    points: list[tuple[float, float]]
    label: str = ""
    label_at: tuple[float, float] = (0, 0)
    back: bool = False
    number: int = 0


@dataclass(slots=True)
class _Block:
    """Steps that belong together, around an axis at x = 0 and from y = 0 down; `ways` leave it at the bottom."""

    places: dict[str, tuple[float, float]] = field(default_factory=dict)
    lines: list[_Way] = field(default_factory=list)
    ways: list[_Way] = field(default_factory=list)
    left: float = 0
    right: float = 0
    height: float = 0

    def widen(self, left: float, right: float) -> None:
        self.left, self.right = max(self.left, left), max(self.right, right)

    def take(self, other: _Block, dx: float, dy: float) -> None:
        """Put another block into this one, its axis at `dx` and its top at `dy`; its ways stay its own."""
        for step, (x, y) in other.places.items():
            self.places[step] = (x + dx, y + dy)
        for way in (*other.lines, *other.ways):
            way.points = [(x + dx, y + dy) for x, y in way.points]
            way.label_at = (way.label_at[0] + dx, way.label_at[1] + dy)
        self.lines += other.lines


def picture(plan: p.Plan) -> Picture:
    """The picture of a playbook version: its entry, every step that can be reached, and the end."""
    drawing = _Drawing(plan)
    block = drawing.whole()
    left, words = block.left + _MARGIN, drawing.words
    nodes = []
    for step, (x, y) in block.places.items():
        kind, head, said = words(step)
        nodes.append(Node(step, kind, head, said, lines(_without(head, said), LINE), x + left - WIDTH / 2, y + _MARGIN))
    place = {node: number for number, node in enumerate(block.places)}
    edges = [
        Edge(
            way.source, way.target, way.label, way.words, _straight([(x + left, y + _MARGIN) for x, y in way.points]),
            (way.label_at[0] + left, way.label_at[1] + _MARGIN), way.back,
        )
        for way in sorted(block.lines, key=lambda way: (place[way.source], way.number))
    ]  # fmt: skip
    return Picture(left + block.right + _MARGIN, block.height + 2 * _MARGIN, tuple(nodes), tuple(edges))


def _without(head: str, said: str) -> str:
    """What is said under a title, without saying the title again."""
    return said.removeprefix(head).lstrip(": ") if said.startswith((f"{head} ", f"{head}: ")) else said


class _Drawing:
    def __init__(self, plan: p.Plan) -> None:
        self.plan = plan
        self.after = {step_id: ways(step_id, step) for step_id, step in plan.steps.items()}
        self.order, self.reach = self._reached(END if plan.first is None else plan.first)

    def words(self, node: str) -> tuple[str, str, str]:
        """Kind, title and sentence of a node."""
        if node == ENTRY:
            return "entry", "Entry", entry(self.plan)
        if node == END:
            return "end", "Finished", "The journey is over"
        step = self.plan.steps[node]
        return step.kind, title(step), sentence(step)

    def _reached(self, first: str) -> tuple[dict[str, int], dict[str, int]]:
        """The place of each step in an order in which what follows comes later, and, as bits by that place, the steps
        that each leads to, itself included; ways back to a repeat do not count.
        """
        finished: list[str] = []
        state: dict[str, bool] = {}
        stack = [(first, iter(self.after.get(first, ())))]
        state[first] = True
        forward: dict[str, list[str]] = {first: []}
        while stack:
            step, following = stack[-1]
            for _, target in following:
                if state.get(target) is not True:
                    forward[step].append(target)
                if target not in state:
                    state[target], forward[target] = True, []
                    stack.append((target, iter(self.after.get(target, ()))))
                    break
            else:
                stack.pop()
                state[step] = False
                finished.append(step)
        order = {step: number for number, step in enumerate(reversed(finished))}
        reach: dict[str, int] = {}
        for step in finished:
            reach[step] = 1 << order[step]
            for target in forward[step]:
                reach[step] |= reach[target]
        return order, reach

    def _meeting(self, step: str, targets: list[str], stops: frozenset[str]) -> str | None:
        """The first step before `stops` that two of these lead to. A stop that comes earlier is a repeat, whose body
        this is: ways back to it are not in `reach`.
        """
        beyond = seen = both = 0
        for stop in stops:
            beyond |= self.reach[stop] if self.order.get(stop, -1) > self.order[step] else 0
        for target in targets:
            reach = 0 if target in stops else self.reach[target] & ~beyond
            both |= seen & reach
            seen |= reach
        first = (both & -both).bit_length() - 1
        return next((step for step, number in self.order.items() if number == first), None) if both else None

    def whole(self) -> _Block:
        block = _Block(places={ENTRY: (0, 0)}, height=HEIGHT)
        block.widen(WIDTH / 2, WIDTH / 2)
        first = END if self.plan.first is None else self.plan.first
        ways = [_Way(ENTRY, "", first, [(0, HEIGHT)])]
        if first != END:
            steps = self.sequence(first, frozenset({END}))
            block.take(steps, 0, HEIGHT + _DOWN)
            block.widen(steps.left, steps.right)
            _arrive(block, ways, 0, HEIGHT + _DOWN)
            block.height += _DOWN + steps.height
            ways = steps.ways
        if ways:
            top = block.height + _DOWN
            block.places[END] = (0, top)
            _arrive(block, ways, 0, top)
            block.height = top + HEIGHT
        return block

    def sequence(self, current: str | None, stops: frozenset[str]) -> _Block:
        """The steps from `current` on up to one of `stops`, one under the other."""
        block, y = _Block(), 0.0
        while current is not None and current not in stops:
            if block.ways:
                y = block.height + _DOWN
                _arrive(block, [way for way in block.ways if way.target == current], 0, y)
                block.ways = [way for way in block.ways if way.target != current]
            block.places[current] = (0, y)
            block.widen(WIDTH / 2, WIDTH / 2)
            block.height = y + HEIGHT
            following = self.after[current]
            if len(following) < 2:
                block.ways += [self._way(current, name, to, 0, block.height) for name, to in following]
                current = following[0][1] if following else None
            else:
                current = self._arms(block, current, stops)
        return block

    def _way(self, source: str, words: str, target: str, x: float, y: float) -> _Way:
        label = shortened(words, _LABEL)
        return _Way(source, words, target, [(x, y)], label, (x, y + _DOWN / 2 - 5))

    def _arms(self, block: _Block, step: str, stops: frozenset[str]) -> str | None:
        """Put the ways on from a step side by side under it; where they meet again, if that is in this block."""
        following = self.after[step]
        loop = isinstance(self.plan.steps[step], p.Repeat)
        meeting = following[1][1] if loop else self._meeting(step, [to for _, to in following], stops)
        inside = stops | ({meeting} if meeting else set())
        arms = [
            self._arm(name, to, inside | ({step} if loop and not n else set()))
            for n, (name, to) in enumerate(following)
        ]
        if loop:
            arms[0].left += _LANE
        top = block.height + _ARM
        at = [0.0]
        for one, other in pairwise(arms):
            at.append(at[-1] + one.right + _BETWEEN + other.left)
        if not isinstance(self.plan.steps[step], p.Send | p.Wait | p.Repeat):
            at = [x - at[-1] // 2 for x in at]
        bottom = top + max(arm.height for arm in arms)
        for number, ((name, to), arm, x) in enumerate(zip(following, arms, at, strict=True)):
            block.take(arm, x, top)
            block.widen(arm.left - x, x + arm.right)
            way = _Way(
                step, name, to, [(0, block.height), (0, block.height + 12), (x, block.height + 12)], number=number
            )
            way.label, way.label_at = shortened(name, _LABEL), (x, block.height + 29)
            if arm.places:
                block.lines.append(way)
                way.points.append((x, top))
            else:
                arm.ways = [way]
        if loop:
            bottom = self._back(block, step, arms[0], bottom)
        block.ways += [way for arm in arms for way in arm.ways]
        block.height = bottom
        return meeting if meeting not in stops else None

    def _arm(self, name: str, to: str, stops: frozenset[str]) -> _Block:
        arm = self.sequence(to, stops)
        half = ceil(columns(shortened(name, _LABEL)) * LETTER / 2) + 6
        arm.widen(max(half, _BETWEEN), max(half, _BETWEEN))
        return arm

    def _back(self, block: _Block, step: str, body: _Block, bottom: float) -> float:
        """Lead the ways out of a repeat's body back up to it, on the left; where the block ends then."""
        x, y = block.places[step]
        lane, below = x - body.left + _LANE / 2, bottom + 16
        again = [way for way in body.ways if way.target == step]
        body.ways = [way for way in body.ways if way.target != step]
        for number, way in enumerate(again):
            own = way.source == step
            end = way.points[-1][0]
            way.points += [(end, below), (lane, below), (lane, y + HEIGHT / 2), (x - WIDTH / 2, y + HEIGHT / 2)]
            way.back = True
            if not own and not way.label:
                way.words = way.label = "" if number else "again"
                way.label_at = ((end + lane) / 2, below - 5)
            block.lines.append(way)
        return below + 4 if again else bottom


def _arrive(block: _Block, ways: list[_Way], x: float, y: float) -> None:
    """Let ways end at the top of a node: each goes down its column, and all go in together."""
    for way in ways:
        last = way.points[-1][0]
        way.points += [(last, y - 14), (x, y - 14), (x, y)]
        block.lines.append(way)


def _straight(points: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Without the points that change nothing."""
    found: list[tuple[float, float]] = []
    for point in points:
        if found and found[-1] == point:
            continue
        if len(found) > 1 and any(found[-2][axis] == found[-1][axis] == point[axis] for axis in (0, 1)):
            found[-1] = point
        else:
            found.append(point)
    return tuple(found)
