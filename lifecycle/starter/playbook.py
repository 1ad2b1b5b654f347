"""The text of the new playbook."""

from __future__ import annotations

from lifecycle.expectations import scalar
from lifecycle.language.map import Map
from lifecycle.starter.idea import Idea, exits, is_ahead

UNREACHED = "did not get there"
BEEN_THERE = "has been there before"
UNDELIVERED = "the text message did not arrive"

FIRST = 1
"""The day of the first message."""


def second(idea: Idea, map_: Map) -> int:
    """The day of the reminder."""
    return FIRST + idea.gap(map_)


def last(idea: Idea, map_: Map) -> int:
    """The day of the end where nothing came of it."""
    return second(idea, map_) + 13


def playbook(idea: Idea, map_: Map) -> str:
    """A playbook as a person would write it, with comments on what to change."""
    return _HEAD.format(
        name=scalar(idea.name),
        stage=scalar(idea.stage),
        entry=idea.entry,
        goal=idea.goal,
        entry_=scalar(idea.entry),
        goal_=scalar(idea.goal),
        folder=(f"templates/{idea.first}").rpartition("/")[0],
        owner=scalar(idea.owner or "you@example.com"),
        within=last(idea, map_) + 9,
        later="a week later" if idea.gap(map_) == 7 else f"{idea.gap(map_)} days later",
        exits="\n".join(f"  - {_exit(name)}" for name, _ in exits(map_, idea)),
    ) + _STEPS[idea.channel].format(
        goal=idea.goal,
        first=idea.first,
        second=idea.second,
        day=FIRST,
        gap=idea.gap(map_),
        reminder=second(idea, map_),
        last=last(idea, map_),
        why=_AHEAD if is_ahead(map_, idea) else _BEHIND,
        recently="" if is_ahead(map_, idea) else f" and milestones.{idea.goal}.days_since < 30",
        clock=idea.clock(map_).format_iso()[:5],
        been_there=BEEN_THERE,
        undelivered=UNDELIVERED,
        unreached=UNREACHED,
    )


def _exit(name: str) -> str:
    return f"{{if: {name}}}" if name.startswith("customer.") else scalar(name)


_HEAD = """\
# Leads customers from {entry} to {goal}: one message and, {later}, one reminder.
# It works as it stands. To make it yours: write your own words in {folder}/, then change who is meant
# (`entry`, `goal`) and the days below. After each change run `milepost check` and `milepost test`.

playbook: {name}
stage: {stage}
description: Lead customers from {entry} to {goal}.
owner: {owner}
# Whoever reaches this milestone begins a journey, once.
entry: {{milestone: {entry_}, reentry: never}}
# Success. It ends the journey at once: nobody is asked for what they have just done.
goal: {{milestone: {goal_}, within: {within} days}}
# Whoever comes to this is let go, and hears no more.
exit:
{exits}

steps:
"""

_AHEAD = "Somebody who has been there before needs no help to get there."
_BEHIND = "Somebody who was there in the last thirty days needs no help to get there."

_BEGIN = """\
  # {why}
  - id: been-there
    branch:
      - if: milestones.{goal}.count >= 1{recently}
        then:
          - exit: {been_there}

  # The next day, on the customer's own clock. Two days later it would be old news.
  - wait: {{until: day {day}, at: "{clock}"}}
  - send: {first}
    id: hello
"""

_END = """\

  # Time to get there: the goal ends the journey on any of these days.
  - wait: {{until: day {last}, at: "{clock}"}}
  - exit: {unreached}
"""

_STEPS = {
    "email": _BEGIN
    + """\
    expires: 2 days

  # A click says that it was of use. Whoever does not click in time gets one reminder, and only one.
  - wait_for: {{milestone: message.clicked, of: hello}}
    id: interest
    timeout: {gap} days
    timed_out:
      - send: {second}
        id: reminder
        expires: 2 days
"""
    + _END,
    "sms": _BEGIN
    + """\
    channel: sms
    expires: 8 hours

  # Whoever has no working number is left in peace.
  - wait_for: {{milestone: message.delivered, of: hello}}
    id: arrival
    timeout: 1 day
    timed_out:
      - exit: {undelivered}

  # After {gap} days one reminder, and only one.
  - wait: {{until: day {reminder}, at: "{clock}"}}
  - send: {second}
    id: reminder
    channel: sms
    expires: 8 hours
"""
    + _END,
}
