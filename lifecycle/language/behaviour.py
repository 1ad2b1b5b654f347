"""The shape of a behaviour file: what customers are assumed to do, as shares and delays, for cohorts and forecasts.

    seed: 7
    entries: {over: 30 days, hours: "08:00 to 22:00"}
    customers: {time_zone: {Europe/Paris: 70, America/New_York: 30}, plan: {free: 4, pro: 1}}
    consent: {text_tips: 35%}
    milestones:
      purchase: {rate: 100%, with: {revenue: {49: 9, 900: 1}}}
      first_use: {rate: 70%, after: 2 days, from: purchase}
      message.clicked: {rate: 4%, after: 5 hours}

It makes nothing happen by itself: `lifecycle.behaviour` draws from it what each customer does.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from lifecycle.language.playbook import HoursOfDay, Span
from lifecycle.language.times import NotATime, parse_span
from lifecycle.language.validate import Authored, mistake

ENTRY = "entry"
"""What a milestone follows where its `from` names no other: the moment at which the customer comes."""

BETWEEN = " to "


def _share(value: Any) -> Any:
    """A share of customers as 0.35 or 35%."""
    number = value
    if isinstance(value, str) and value.endswith("%"):
        try:
            number = float(value[:-1]) / 100
        except ValueError:
            number = None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise mistake("not-a-percentage", f"`{value}` is no share of customers; write a number from 0 to 1, or `35%`")
    if not 0 <= number <= 1:
        hint = f"did you mean `{value}%`?" if 1 < number <= 100 and number is value else None
        message = f"`{value}` is no share of customers, which lies between 0 (nobody) and 1 (everybody)"
        raise mistake("not-a-percentage", message, hint)
    return float(number)


def _delay(value: Any) -> Any:
    """`2 days`, or `1 hour to 3 days`."""
    text = str(value).strip()
    if "-" in text:
        raise mistake("not-a-time", f"`{text}`: nothing happens before what it follows, so a delay is never negative")
    try:
        ends = [parse_span(end) for end in text.split(BETWEEN)]
    except NotATime as error:
        raise mistake("not-a-time", f"{error}; between two delays write `1 hour to 3 days`") from None
    if len(ends) > 2:
        raise mistake("not-a-time", f"`{text}` names more than two delays; write for example `1 hour to 3 days`")
    return text


def _weights(value: Any) -> Any:
    """Values by weight, or one value that everybody has."""
    if not isinstance(value, dict):
        return {} if value is None else {str(value).lower() if isinstance(value, bool) else str(value): 1.0}
    for name, weight in value.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
            raise mistake("wrong-value", f"`{weight}` is no weight for `{name}`; write a number that is not negative")
    if not sum(value.values()):
        raise mistake("wrong-value", "no value here has any weight, so nobody could have one")
    return value


Share = Annotated[float, BeforeValidator(_share)]
Delay = Annotated[str, BeforeValidator(_delay)]
Weights = Annotated[dict[str, float], BeforeValidator(_weights)]


class Entries(Authored):
    """When customers come: evenly over so many days from the start, at these hours of their own clocks."""

    over: Span = "1 day"
    hours: HoursOfDay | None = None


class Habit(Authored):
    """What customers do. `rate` is the share of those for whom `from` happened who ever do it.

    `after` one delay is its median: half of those who do it do so sooner, and the later the rarer (an exponential
    distribution); `1 hour to 3 days` is evenly between the two. Milestones of messages follow each message that was
    sent. Whoever does it does it `times` times, each so long after the one before.
    """

    rate: Share
    after: Delay = "0 days"
    from_: str = Field(ENTRY, alias="from")
    times: Annotated[int, Field(ge=1, le=100)] = 1
    with_: dict[str, Weights] = Field({}, alias="with")


class Behaviour(Authored):
    """The file. `customers` holds attributes with the weights of their values; who has no value is not among them.

    `consent` holds topics (`offers`, or `offers:sms` for a channel) with the share of customers who agree.
    """

    seed: int = 1
    entries: Entries = Entries()
    customers: dict[str, Weights] = {}
    consent: dict[str, Share] = {}
    milestones: dict[str, Habit] = {}
