"""`milepost map`: the customer journey map with live numbers, as text, JSON or a picture."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import Format, FormatOption, ProjectOption, Refused, database, note, out, out_json, read_map

if TYPE_CHECKING:
    from lifecycle.journey_map import JourneyMap, StageOnMap

SIDES = {"before": "Before the purchase", "core": "The core", "after": "After the purchase"}

SvgOption = Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write the map there as a picture too.")]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("map", epilog="Example: milepost map --svg map.svg")(show)


def show(svg: SvgOption = None, project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """Show who is in which stage of the lifecycle, who goes on, how long that takes, and where customers get stuck."""
    from intake import mapping

    root, map_ = read_map(project)
    store = database(root)
    try:
        found = store.read_now(partial(mapping.read, map=map_))
    finally:
        store.close()
    if svg is not None:
        _draw(svg, found, map_.company)
    if format is Format.json:
        out_json(_data(found))
    else:
        for line in _lines(found):
            out(line)
    if svg is not None:
        note(f"{svg} is written")


def _lines(found: JourneyMap) -> Iterator[str]:
    nowhere = f", {found.nowhere:,} of them in no stage yet" if found.nowhere else ""
    yield f"{found.customers:,} {'customer' if found.customers == 1 else 'customers'}{nowhere}"
    if found.looked_at < found.customers:
        yield f"Who goes on is known from a sample of {found.looked_at:,}."
    width = max(len(stage.name) for stage in found.stages)
    for side, heading in SIDES.items():
        yield ""
        yield heading
        for stage in found.of(side):  # type: ignore[arg-type]
            yield f"  {stage.name:<{width}}  {stage.people:>9,} here   {_onward(stage)}".rstrip()
        for door in found.others[side]:  # type: ignore[index]
            yield f"  {'':<{width}}  {door.reached:>9,} reached {door.name}"
    stuck = list(_stuck(found))
    if stuck:
        yield ""
        yield from stuck


def _onward(stage: StageOnMap) -> str:
    from lifecycle.journey_map import in_words

    if stage.share is None:
        return ""
    half = f", half of them within {in_words(stage.median)}" if stage.median is not None else ""
    return f"{stage.share:.1%} go on ({stage.went_on:,} of {stage.came:,}){half}".replace("%", " %")


def _stuck(found: JourneyMap) -> Iterator[str]:
    from lifecycle.journey_map import in_words

    for stage in found.stages:
        if "fewest" in stage.stuck:
            yield f"The fewest go on from {stage.name}."
        if "longest" in stage.stuck and stage.median is not None:
            yield f"Going on takes longest from {stage.name}: half of them need {in_words(stage.median)}."


def _data(found: JourneyMap) -> dict[str, Any]:
    return {
        "customers": found.customers,
        "nowhere": found.nowhere,
        "looked_at": found.looked_at,
        "stages": [
            {
                "stage": stage.name,
                "side": stage.side,
                "people": stage.people,
                "came": stage.came,
                "went_on": stage.went_on,
                "share": None if stage.share is None else round(stage.share, 4),
                "median_seconds": stage.median,
                "stuck": stage.stuck,
                "milestones": [{"milestone": door.name, "reached": door.reached} for door in stage.doors],
            }
            for stage in found.stages
        ],
        "others": [
            {"milestone": door.name, "side": side, "reached": door.reached}
            for side, doors in found.others.items()
            for door in doors
        ],
    }


def _draw(file: Path, found: JourneyMap, company: str) -> None:
    from console.templating import templates
    from lifecycle.journey_map import in_words

    text = templates.get_template("map.svg").render(found=found, sides=SIDES, company=company, in_words=in_words)
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}") from None
