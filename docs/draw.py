"""Draws the pictures of the documentation from the code's own data: `python docs/draw.py` writes docs/*.svg.

`states` is the table `lifecycle.state.TRANSITIONS`, `message_states` is `lifecycle.ledger.TRANSITIONS`; `ninety_days`
lives some of the demo's customers through a shipped playbook in the simulator. A test holds the committed pictures to
what is drawn now.
"""

# ruff: noqa: INP001 - a script beside the pages, no package

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from whenever import Date, Time  # noqa: E402

from cli.cast import CAST, Character  # noqa: E402
from cli.pen import (  # noqa: E402
    AMBER,
    BLUE,
    FAINT,
    GREEN,
    GREY,
    HALO,
    HEAD,
    INK,
    PAPER,
    PURPLE,
    RED,
    WIDTH,
    arrow,
    label,
    page,
    wrapped,
)
from docs.message_states import message_states  # noqa: E402
from lifecycle.calendar import resolve  # noqa: E402
from lifecycle.events import Person  # noqa: E402
from lifecycle.simulated import Happening  # noqa: E402
from lifecycle.simulator import Life  # noqa: E402
from lifecycle.state import TRANSITIONS, Phase  # noqa: E402
from lifecycle.timeline import Line  # noqa: E402
from project import Project, load  # noqa: E402

# --- ninety days of a playbook -------------------------------------------------------------------------------------

PLAYBOOK = "first-90-days"
SHOWN = ("Ada", "Chiara", "Bruno", "Hugo")
START = "2026-01-05"
LEFT, RIGHT = 190, 110
LABELS, BELOW, GAP = 118, 60, 6
CHANNELS = {"email": (BLUE, "e-mail"), "sms": (PURPLE, "SMS"), "task": (AMBER, "task for a person")}
PER_DAY = (WIDTH - LEFT - RIGHT) / 91


def ninety_days() -> str:
    """One playbook and what becomes of it for customers who behave differently."""
    project = load(ROOT)
    people = [who for name in SHOWN for who in CAST if who.name.split()[0] == name]
    row = LABELS + BELOW + GAP
    height = 92 + row * len(people) + 20
    parts = [label(30, 42, "One playbook, four customers, ninety days", 21, INK, more=' font-weight="600"')]
    parts += _legend(30, 68)
    for index, who in enumerate(people):
        parts += _life(who, _lived(project, who), 92 + row * index + LABELS)
    return page(height, f"The playbook {PLAYBOOK} for {len(people)} customers of the demo", parts)


def _lived(project: Project, who: Character) -> list[Line]:
    start = resolve(Date.parse_iso(START).at(Time(10)), who.zone)
    local = start.to_tz(who.zone)
    person = Person(who.name, {"first_name": who.name, "time_zone": who.zone, **who.attributes})
    happenings = [
        Happening(
            resolve(local.date().add(days=int(day)).at(local.time()), who.zone).add(hours=24 * (day - int(day))),
            "set" if what == "set" else "milestone",
            "" if what == "set" else what,
            {key: value for key, value in properties.items() if key != "of"},
        )
        for day, what, properties in who.happens
    ]
    life = Life(project.world(PLAYBOOK), person, dict.fromkeys(project.map.topics if project.map else (), True))
    life.run(happenings, start.add(hours=24 * 120))
    return life.journeys[0].lines


def _legend(x: float, y: float) -> list[str]:
    parts = []
    for kind, (color, says) in CHANNELS.items():
        parts += [_mark(kind, x + 6, y - 4.5, color), label(x + 18, y, says, 13, GREY)]
        x += 46 + 7.2 * len(says)
    parts += [_flag(x + 6, y - 12, 14), label(x + 22, y, "what the customer does", 13, GREY)]
    return parts


def _x(day: float) -> float:
    return LEFT + PER_DAY * day


def _life(who: Character, lines: Sequence[Line], y: float) -> list[str]:
    """A customer's row: the line of days at `y`, marks and names above it, what the customer did below."""
    first = who.name.split()[0]
    entered = lines[0].at
    end = _since(lines[-1], entered)
    parts = [
        label(30, y - 10, first, 17, INK, more=' font-weight="600"'),
        *(label(30, y + 10 + 17 * number, words, 13, GREY) for number, words in enumerate(wrapped(who.story, 20))),
        f'<line x1="{_x(0):g}" y1="{y:g}" x2="{_x(90):g}" y2="{y:g}" stroke="{FAINT}" stroke-width="2"/>',
        f'<line x1="{_x(0):g}" y1="{y:g}" x2="{_x(min(end, 90)):.1f}" y2="{y:g}" stroke="{GREEN}" stroke-width="3"/>',
    ]
    for day in range(0, 91, 10):
        if any(abs(_x(happened) - _x(day)) < 8 for happened, what, _ in who.happens if happened and what != "set"):
            continue
        parts.append(label(_x(day), y + 21, f"day {day}" if day in (0, 90) else str(day), 11, GREY, "middle"))
    free = [0.0] * 3
    for happened, what, _ in who.happens:
        if what not in ("purchase", "set") and happened <= end:
            x = _x(happened)
            level = next(number for number, taken in enumerate(free) if taken <= x)  # below what stands in the way
            free[level] = x + 14 + 6.8 * len(what)
            parts.append(_flag(x, y, 36 + 15 * level))
            parts.append(label(x + 5, y + 36 + 15 * level, what, 12, RED))
    shown = [line for line in lines if line.what in ("sent", "task")]
    places = _apart([_x(_since(line, entered)) for line in shown], 17)
    for line, place in zip(shown, places, strict=True):
        x = _x(_since(line, entered))
        kind = line.channel or "task"
        name = (line.template or "").rpartition("/")[2] or str(line.step)
        parts.append(
            f'<path d="M{x:.1f},{y - 7:g} L{x:.1f},{y - 12:g} L{place:.1f},{y - 22:g}" fill="none" stroke="{FAINT}"/>'
        )
        parts.append(_mark(kind, x, y, CHANNELS[kind][0]))
        turn = f' transform="rotate(-52 {place:.1f} {y - 25:g})"'
        parts.append(label(place, y - 25, _short(name), 11.5, CHANNELS[kind][0], more=turn))
    if lines[-1].what == "exited":
        parts.append(label(_x(end) + 12, y + 5, f"leaves: {lines[-1].reason}", 12.5, RED, more=HALO))
    return parts


def _since(line: Line, entered: object) -> float:
    return float((line.at - entered).total("hours")) / 24  # type: ignore[operator]


def _short(name: str) -> str:
    name = name.removeprefix("task-")
    return name if len(name) <= 19 else name[:18].rstrip("-") + "…"


def _apart(places: Sequence[float], least: float) -> list[float]:
    """Places pushed to the right until neighbours are `least` apart."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + least) if found else place)
    return found


def _mark(kind: str, x: float, y: float, color: str) -> str:
    if kind == "email":
        return f'<circle cx="{x:.1f}" cy="{y:g}" r="5.5" fill="{color}" stroke="{PAPER}"/>'
    turn = f' transform="rotate(45 {x:.1f} {y:g})"' if kind == "task" else ""
    shape = f'x="{x - 5:.1f}" y="{y - 5:g}" width="10" height="10" rx="1.5"'
    return f'<rect {shape} fill="{color}" stroke="{PAPER}"{turn}/>'


def _flag(x: float, y: float, length: float) -> str:
    return f'<line x1="{x:.1f}" y1="{y:g}" x2="{x:.1f}" y2="{y + length:g}" stroke="{RED}" stroke-width="1.5"/>'


# --- the phases of a journey ---------------------------------------------------------------------------------------

BOX, TALL = 370, 100
HUB, HUB_WIDE, HUB_TALL = (300, 364), 72, 42
COLUMN = 480
SAYS = {
    Phase.NEW: "not started",
    Phase.WORKING: "an activity is out, its result is awaited",
    Phase.WAITING: "for a time",
    Phase.READY: "held by a pause before its next step",
    Phase.LISTENING: "for a milestone, or a time",
    Phase.DEFERRED: "a message may not go out before a time",
    Phase.ENDED: "finished, goal or exited",
}
ROWS = (Phase.WORKING, Phase.WAITING, Phase.READY, Phase.LISTENING, Phase.DEFERRED)
REST = frozenset(Phase) - {Phase.NEW}
"""Where a journey that goes on can come to: it performs steps until one of these holds it."""


def states() -> str:
    """Phases and inputs. An input that lets the journey go on leads to the node in the middle, and from there on."""
    parts = [
        HEAD,
        label(30, 42, "The phases of a journey, and what leads from one to another", 21, more=' font-weight="600"'),
    ]
    tops = {phase: 70 + 122 * index for index, phase in enumerate(ROWS)}
    hub_x, hub_y = HUB
    parts.append(_phase(Phase.NEW, 30, hub_y - 40, 120, 80))
    parts.append(arrow(150, hub_y, hub_x - HUB_WIDE - 3, hub_y))
    parts.append(_inputs(Phase.NEW, REST, lambda text: label(188, hub_y - 8, text, 12.5, GREEN, "middle")))
    parts.append(f'<ellipse cx="{hub_x}" cy="{hub_y}" rx="{HUB_WIDE}" ry="{HUB_TALL}" fill="{GREEN}"/>')
    parts.append(label(hub_x, hub_y - 2, "goes on", 17, PAPER, "middle", ' font-weight="600"'))
    parts.append(label(hub_x, hub_y + 17, "step after step", 12.5, PAPER, "middle"))
    for phase in ROWS:
        top = tops[phase]
        middle = top + TALL / 2
        parts.append(_phase(phase, COLUMN, top, BOX, TALL))
        across, down = COLUMN - hub_x, middle - hub_y
        share = 1.06 / ((across / HUB_WIDE) ** 2 + (down / HUB_TALL) ** 2) ** 0.5  # where the line leaves the ellipse
        parts.append(arrow(hub_x + across * share, hub_y + down * share, COLUMN - 2, middle, both=True))
        if any(targets == {Phase.ENDED} for targets in TRANSITIONS[phase].values()):
            end_y = hub_y + down * 0.14
            parts.append(arrow(COLUMN + BOX, middle, 988, end_y))
            x, y = (COLUMN + BOX + 988) / 2, (middle + end_y) / 2
            write = _written(x + 10, y + (16 if down > 60 else -8))
            parts.append(_inputs(phase, frozenset({Phase.ENDED}), write))
    x = COLUMN + BOX - 34
    for phase in (Phase.WORKING, Phase.READY):
        up = phase is Phase.WORKING
        start, end = (tops[Phase.WAITING], tops[phase] + TALL) if up else (tops[Phase.WAITING] + TALL, tops[phase])
        parts.append(arrow(x, start, x, end))
        moved = frozenset({Phase.WAITING, Phase.WORKING, Phase.READY})
        parts.append(_inputs(Phase.WAITING, moved, _written(x - 10, (start + end) / 2 + 4, anchor="end")))
    parts.append(_phase(Phase.ENDED, 990, hub_y - 45, 144, 90))
    low = tops[Phase.DEFERRED] + TALL + 26
    parts.append(
        f'<path d="M{hub_x},{hub_y + 42} L{hub_x},{low:g} L1062,{low:g} L1062,{hub_y + 46}" fill="none" '
        f'stroke="{GREY}" marker-end="url(#head)"/>'
    )
    parts.append(label(COLUMN + 8, low - 7, "no step is left, or the step is an exit", 12.5, GREY))
    return page(low + 26, "The phases of a journey", parts)


def _written(x: float, y: float, anchor: str = "start") -> Callable[[str], str]:
    return lambda text: label(x, y, text, 12.5, GREEN, anchor)


def _phase(phase: Phase, x: float, y: float, width: float, height: float) -> str:
    """A box: the phase, what it means, and the inputs at which it goes on or stays as it is."""
    middle, inside = x + width / 2, phase in ROWS
    says = wrapped(SAYS[phase], int(width / 6.5))
    parts = [
        f'<rect x="{x:g}" y="{y:g}" width="{width}" height="{height}" rx="8" fill="#f3f6f3" stroke="{GREEN}"/>',
        label(middle, y + 24, phase.value, 16, INK, "middle", ' font-weight="600"'),
        *(label(middle, y + 42 + 15 * number, words, 12.5, GREY, "middle") for number, words in enumerate(says)),
    ]
    if inside:
        parts.append(
            _inputs(phase, REST, lambda text: label(middle, y + 62, f"goes on at {text}", 12.5, GREEN, "middle"))
        )
    below = y + (79 if inside else 42 + 15 * len(says) + 5)
    parts.append(_inputs(phase, frozenset({phase}), lambda text: _stays(middle, below, f"stays at {text}")))
    return "".join(parts)


def _stays(x: float, y: float, text: str) -> str:
    words = wrapped(text, 60)
    return "".join(label(x, y + 14 * number, part, 12, GREY, "middle") for number, part in enumerate(words))


def _inputs(phase: Phase, to: frozenset[Phase], write: Callable[[str], str]) -> str:
    """The inputs that lead from `phase` to exactly these phases, written down and named for the test."""
    names = [name for name, targets in TRANSITIONS[phase].items() if targets == to]
    if not names:
        return ""
    shown = write(", ".join(names))
    targets = " ".join(sorted(target.value for target in to))
    return f'<g data-from="{phase.value}" data-inputs="{" ".join(names)}" data-to="{targets}">{shown}</g>'


PICTURES = {"first-90-days.svg": ninety_days, "journey-states.svg": states, "message-states.svg": message_states}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (ROOT / "docs" / name).write_text(draw(), "utf-8")
