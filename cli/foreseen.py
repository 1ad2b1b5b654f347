"""A forecast as people read it: sums, limits that are hit, a chart for each channel, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cli.cohorts import CHANNELS, day_charts, print_chart, told_by_channel
from cli.common import out

SHOWN = 10
"""So many times at which a limit is hit are told to people; scripts get all."""


def show(data: dict[str, Any]) -> None:
    """Print a forecast (`cli.forecasts.foresee`)."""
    for line in _lines(data):
        out(line)
    for chart in day_charts(data["by_day"], data["messages"]):
        print_chart(chart)
    for text in data["notes"]:
        out()
        out(f"  note: {text}")


def _lines(data: dict[str, Any]) -> Iterator[str]:
    under_way, entering = data["under_way"], data["entering"]
    yield f"{data['days']} days from {data['from'][:10]}"
    yield ""
    yield f"  under way   {under_way['journeys']:,} journeys of {under_way['customers']:,} customers"
    a_day = ", ".join(f"{name} {rate:,}" for name, rate in entering["a_day"].items()) or "nobody"
    last = "the last day" if entering["days"] == 1 else f"the last {entering['days']} days"
    yield f"  entering    {a_day} a day, as in {last}"
    yield f"  messages    {told_by_channel(data['messages'])}"
    for channel, rate in data["limits"].items():
        if rate is None:
            setting = f"MILEPOST_{channel.upper()}_PER_SECOND"
            yield f"  limit       {CHANNELS[channel][0]}: none is set ({setting})"
            continue
        hits = [hit for hit in data["hits"] if hit["channel"] == channel]
        told = f"is hit {len(hits)} time{'s' * (len(hits) > 1)}" if hits else "is not hit"
        yield f"  limit       {CHANNELS[channel][0]}: {rate:,g} a second, {told}"
        for hit in hits[:SHOWN]:
            begins, ends = hit["from"][:16].replace("T", " "), hit["until"][11:16]
            yield (
                f"                {begins} to {ends}: {hit['delayed']:,} messages go later than they come due, "
                f"the last by {hit['longest_minutes']:,g} minutes"
            )
        if len(hits) > SHOWN:
            yield f"                and {len(hits) - SHOWN} times more"
