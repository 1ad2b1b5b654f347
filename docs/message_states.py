"""The picture of a message's states. Where the boxes stand is decided here; what leads where is read from the table."""

# ruff: noqa: INP001 - beside the pages, no package

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cli.pen import BLUE, GREEN, GREY, HALO, HEAD, INK, RED, arrow, label, page, wrapped
from lifecycle.ledger import TRANSITIONS, MessageState

WIDE, TALL = 138, 62


class Box(NamedTuple):
    x: float
    y: float
    says: str
    color: str = GREEN


BOXES = {
    MessageState.PENDING: Box(46, 318, "not sent, or surely it was not", BLUE),
    MessageState.SENDING: Box(292, 236, "a provider may get it at any moment", BLUE),
    MessageState.UNKNOWN: Box(292, 430, "nobody knows if a provider has it", BLUE),
    MessageState.LOST: Box(46, 470, "it was proved to be nowhere", RED),
    MessageState.ACCEPTED: Box(566, 335, "a provider has it"),
    MessageState.DELIVERED: Box(786, 335, "it has arrived"),
    MessageState.BOUNCED: Box(1012, 236, "it came back", RED),
    MessageState.DROPPED: Box(1012, 335, "taken, and not sent", RED),
    MessageState.UNDELIVERED: Box(1012, 434, "it could not be delivered", RED),
    MessageState.REFUSED: Box(46, 78, "our own decision", GREY),
    MessageState.CANCELLED: Box(200, 78, "refused: the journey has been ended", GREY),
    MessageState.EXPIRED: Box(354, 78, "refused: it is too late", GREY),
    MessageState.REJECTED: Box(508, 78, "nobody can send it", GREY),
    MessageState.SUPPRESSED: Box(662, 78, "the address is not messaged any more", GREY),
}

TRIED = (MessageState.SENDING, MessageState.UNKNOWN)
OPEN = (MessageState.PENDING, *TRIED, MessageState.LOST)
TAKEN = (*OPEN, MessageState.ACCEPTED)
ALL = (*TAKEN, MessageState.DELIVERED)
NOT_SENT = (
    MessageState.REFUSED,
    MessageState.CANCELLED,
    MessageState.EXPIRED,
    MessageState.REJECTED,
    MessageState.SUPPRESSED,
)

FRAMES = {
    ALL: (12, 170, 936, 566),
    TAKEN: (22, 182, 716, 554),
    OPEN: (32, 194, 486, 542),
    TRIED: (280, 206, 476, 504),
    NOT_SENT: (36, 66, 812, 152),
}
"""Left, top, right, bottom. What leads out of a frame leads out of each state within it."""

NOTE = (
    "An arrow that leaves a frame holds for every state within it. Nothing leads back from the right, and news that "
    "come twice or too late change nothing."
)


def message_states() -> str:
    """States and news. News that the picture does not show for a state change nothing there."""
    parts = [HEAD, label(30, 42, "What becomes of a message", 21, more=' font-weight="600"')]
    parts += [_frame(states, *corners) for states, corners in FRAMES.items()]
    parts += [_box(state, box) for state, box in BOXES.items()]
    state = MessageState
    parts += [
        _way([state.PENDING], state.SENDING, (184, 336), (290, 272), (228, 290)),
        _way([state.SENDING], state.PENDING, (290, 290), (186, 354), (252, 340)),
        _way([state.SENDING], state.UNKNOWN, (396, 298), (396, 428), (402, 384), "start"),
        _way([state.UNKNOWN], state.SENDING, (330, 430), (330, 300), (336, 350), "start"),
        _way([state.UNKNOWN], state.PENDING, (290, 444), (186, 378), (226, 434)),
        _way([state.UNKNOWN], state.LOST, (290, 474), (186, 500), (236, 512)),
        _way([state.PENDING], state.REFUSED, (115, 318), (115, 142), (122, 228), "start"),
        _way([state.PENDING], state.CANCELLED, (150, 318), (262, 142), (196, 250), "start"),
        _way(TRIED, state.REJECTED, (440, 206), (560, 142), (478, 162), "end"),
        _way(TRIED, state.SUPPRESSED, (458, 206), (706, 142), (640, 178), "start"),
        _way(OPEN, state.ACCEPTED, (486, 366), (564, 366), (525, 358)),
        _way(TAKEN, state.DELIVERED, (716, 366), (784, 366), (750, 358)),
        _way(ALL, state.BOUNCED, (936, 267), (1010, 267), (973, 259)),
        _way(ALL, state.DROPPED, (936, 366), (1010, 366), (973, 358)),
        _way(ALL, state.UNDELIVERED, (936, 465), (1010, 465), (973, 457)),
        _way(NOT_SENT, state.ACCEPTED, (620, 152), (620, 333), (626, 224), "start"),
        _way(NOT_SENT, state.DELIVERED, (780, 152), (848, 333), (778, 262), "start"),
        _way(NOT_SENT, state.BOUNCED, (812, 86), (1070, 234), (880, 106), "start"),
        _way(NOT_SENT, state.DROPPED, (812, 112), (1010, 340), (856, 150), "start"),
        _way(NOT_SENT, state.UNDELIVERED, (812, 138), (1010, 438), (884, 232), "start"),
    ]
    parts.append(label(30, 596, NOTE, 13, GREY))
    return page(614, "The states of a message, and what leads from one to another", parts)


def _frame(states: Iterable[MessageState], left: float, top: float, right: float, bottom: float) -> str:
    shape = f'x="{left:g}" y="{top:g}" width="{right - left:g}" height="{bottom - top:g}" rx="12"'
    return f'<rect {shape} fill="none" stroke="{GREY}" stroke-dasharray="4 4"/>'


def _box(state: MessageState, box: Box) -> str:
    middle = box.x + WIDE / 2
    says = wrapped(box.says, 22)
    shape = f'x="{box.x:g}" y="{box.y:g}" width="{WIDE}" height="{TALL}" rx="8"'
    return "".join(
        (
            f'<g data-state="{state.value}"><rect {shape} fill="#f3f6f3" stroke="{box.color}"/>',
            label(middle, box.y + 21, state.value, 15, INK, "middle", ' font-weight="600"'),
            *(label(middle, box.y + 38 + 14 * number, words, 11, GREY, "middle") for number, words in enumerate(says)),
            "</g>",
        )
    )


def _way(
    sources: Iterable[MessageState],
    to: MessageState,
    start: tuple[float, float],
    end: tuple[float, float],
    at: tuple[float, float],
    anchor: str = "middle",
) -> str:
    """An arrow with the news that lead from each of `sources` to `to`, written at `at` and named for the test."""
    each = [{news for news, follows in TRANSITIONS[source].items() if follows is to} for source in sources]
    news = sorted(set.intersection(*each))
    left = " ".join(source.value for source in sources)
    says = label(*at, ", ".join(news), 12.5, GREEN, anchor, HALO)
    return f'<g data-from="{left}" data-news="{" ".join(news)}" data-to="{to.value}">{arrow(*start, *end)}{says}</g>'
