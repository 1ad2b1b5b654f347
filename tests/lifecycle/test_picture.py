"""A playbook's picture shows every step once, and can be read: nothing overlaps, no line crosses a step."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle import plan as p
from lifecycle.picture import ENTRY, Node, Picture, picture
from lifecycle.step_words import END, columns, lines, sentence, ways
from tests.lifecycle.strategies import Author, compiled, playbooks

SOME = settings(max_examples=100, deadline=None)
WELCOME = {"playbook": "random", "stage": "stranger", "entry": {"milestone": "purchase"}}


def drawn(*steps: dict[str, object]) -> Picture:
    return picture(compiled({**WELCOME, "steps": list(steps)}))


def reachable(plan: p.Plan) -> set[str]:
    found: set[str] = set()
    left = [plan.first]
    while left:
        step = left.pop()
        if step is not None and step not in found:
            found.add(step)
            left += plan.targets(step)
    return found


def apart(one: Node, other: Node) -> bool:
    return (
        one.x + one.width < other.x
        or other.x + other.width < one.x
        or one.y + one.height < other.y
        or other.y + other.height < one.y
    )


def crosses(node: Node, start: tuple[float, float], end: tuple[float, float]) -> bool:
    """Whether a straight line goes through the inside of a node."""
    (left, right), (top, bottom) = (sorted((start[axis], end[axis])) for axis in (0, 1))
    return left < node.x + node.width and right > node.x and top < node.y + node.height and bottom > node.y


def on_border(node: Node, point: tuple[float, float]) -> bool:
    x, y = point
    return (node.x <= x <= node.x + node.width and y in (node.y, node.y + node.height)) or (
        x == node.x and node.y <= y <= node.y + node.height
    )


@SOME
@given(authored=playbooks)
def test_every_step_that_can_be_reached_is_drawn_once(authored: dict[str, object]) -> None:
    plan = compiled(authored)

    nodes = [node.id for node in picture(plan).nodes if node.id not in (ENTRY, END)]

    assert sorted(nodes) == sorted(reachable(plan))


@SOME
@given(authored=playbooks)
def test_nothing_overlaps_and_everything_is_inside(authored: dict[str, object]) -> None:
    found = picture(compiled(authored))

    assert all(apart(one, other) for one, other in combinations(found.nodes, 2))
    for node in found.nodes:
        assert 0 <= node.x <= found.width - node.width
        assert 0 <= node.y <= found.height - node.height
        assert len(node.lines) <= 2
    for edge in found.edges:
        assert all(0 <= x <= found.width and 0 <= y <= found.height for x, y in edge.points)


@SOME
@given(authored=playbooks)
def test_every_line_joins_two_steps_and_crosses_none(authored: dict[str, object]) -> None:
    found = picture(compiled(authored))
    nodes = {node.id: node for node in found.nodes}

    for edge in found.edges:
        assert on_border(nodes[edge.source], edge.points[0])
        assert on_border(nodes[edge.target], edge.points[-1])
        for node in found.nodes:
            assert not any(crosses(node, *piece) for piece in pairwise(edge.points)), (edge, node)


@SOME
@given(authored=playbooks)
def test_the_lines_are_the_ways_of_the_playbook(authored: dict[str, object]) -> None:
    plan = compiled(authored)

    found = picture(plan)

    wanted = [(step, to) for step in reachable(plan) for _, to in ways(step, plan.steps[step])]
    wanted.append((ENTRY, plan.first or END))
    assert sorted((edge.source, edge.target) for edge in found.edges) == sorted(wanted)
    assert {edge.target for edge in found.edges if edge.back} <= {
        step for step in reachable(plan) if plan.steps[step].kind == "repeat"
    }


@SOME
@given(authored=playbooks)
def test_a_picture_is_always_the_same(authored: dict[str, object]) -> None:
    assert picture(compiled(authored)) == picture(compiled(authored))


def test_a_step_says_what_it_does() -> None:
    found = drawn(
        {"wait": {"until": "day 1", "at": "10:00"}},
        {"send": "mail/one"},
        {"branch": [{"if": "event.revenue > 1000", "then": [{"exit": "enough"}]}]},
    )

    said = [node.words for node in found.nodes]

    assert said[:5] == [
        "On purchase", "Wait until day 1, 10:00", "E-mail mail/one", "If event.revenue > 1000", "End: enough",
    ]  # fmt: skip
    assert {edge.label for edge in found.ways(found.nodes[3].id)} == {"yes", "else"}


def test_a_repeat_leads_back_to_itself() -> None:
    found = drawn({"repeat": {"every": "30 days", "at_most": 6, "until": "beta"}, "steps": [{"send": "mail/one"}]})

    repeat = found.named("repeat")
    back = next(edge for edge in found.edges if edge.back)

    assert repeat.words == "Every 30 days, at most 6 times, until beta"
    assert (back.source, back.target, back.label) == ("one", "repeat", "again")
    assert back.points[-1][0] == repeat.x
    assert back.points[-1][1] < back.points[0][1], "it leads up"
    assert {edge.label for edge in found.ways("repeat")} == {"each time", "after 6 times or beta"}


def test_a_refusal_is_a_column_beside_the_playbook() -> None:
    found = drawn({"send": "mail/one", "refused": [{"record": "gamma"}]}, {"send": "mail/two"})

    one, beside, two = (found.named(name) for name in ("one", "record-gamma", "two"))

    assert one.x == two.x < beside.x
    assert [edge.label for edge in found.ways("one")] == ["", "refused"]


def test_where_every_way_ends_early_there_is_no_end_below() -> None:
    found = drawn({"send": "mail/one"}, {"exit": "enough"})

    assert END not in {node.id for node in found.nodes}


def test_a_step_does_not_say_its_title_again() -> None:
    found = drawn({"send": "mail/one"}, {"wait": "2 days"})

    assert [(node.title, node.lines) for node in found.nodes[1:3]] == [
        ("E-mail", ("mail/one",)), ("Wait", ("2 days",)),
    ]  # fmt: skip


def test_long_words_are_cut_off_and_kept_whole_beside() -> None:
    found = drawn({"task": "x" * 200, "assign": "customer.manager"})

    task = next(node for node in found.nodes if node.kind == "task")

    assert task.words.startswith("x" * 200)
    assert task.lines[1].endswith("…")


@SOME
@given(text=st.text(max_size=120), width=st.integers(4, 40))
def test_lines_fit(text: str, width: int) -> None:
    found = lines(text, width)

    assert len(found) <= 2
    assert all(columns(line) <= width for line in found)
    if not any(line.endswith("…") for line in found):
        assert "".join("".join(found).split()) == "".join(text.split())


@pytest.mark.parametrize("kind", p.Step.__args__)
def test_every_kind_of_step_has_words(kind: type[p.Step]) -> None:
    seen = {
        type(step): sentence(step)
        for plan in (compiled(authored) for authored in _every_kind())
        for step in plan.steps.values()
    }

    assert seen[kind]


def _every_kind() -> list[dict[str, object]]:
    last = {**WELCOME, "steps": [{"enrol": "random"}, {"exit": "x"}]}
    return [*(Author(seed).playbook() for seed in range(60)), last]
