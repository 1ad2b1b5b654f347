"""When a playbook is stopped by itself: too many people complain about its e-mails, or too many come back. Pure.

Mailbox providers judge a sender by these two rates, and hold a bad hour against it for weeks; so a playbook that goes
over a limit waits for a person.
"""

from __future__ import annotations

from typing import NamedTuple

from lifecycle.language.outcomes import Halt


class Counted(NamedTuple):
    """E-mails of a playbook that providers accepted within `Halt.within`; how many of them people complained about, and
    how many came back for good.
    """

    accepted: int
    complained: int
    bounced: int


def too_many(halt: Halt, counted: Counted) -> str | None:
    """Why a playbook is to be paused, as a sentence with its figures; None where it may go on."""
    if counted.accepted < halt.at_least:
        return None
    over = [
        f"{_share(found, counted.accepted)} {what} (the limit is {limit:g} %)"
        for found, limit, what in (
            (counted.complained, halt.complained, "were complained about"),
            (counted.bounced, halt.bounced, "bounced"),
        )
        if found * 100 > limit * counted.accepted
    ]
    if not over:
        return None
    return f"of {counted.accepted} e-mails within {halt.within}, {' and '.join(over)}"


def may_be_over(halt: Halt, complained: int, bounced: int) -> bool:
    """Whether these could be too many of any number of e-mails that is enough to judge by."""
    return too_many(halt, Counted(halt.at_least, complained, bounced)) is not None


def _share(found: int, of: int) -> str:
    return f"{found} ({round(100 * found / of, 2):g} %)"
