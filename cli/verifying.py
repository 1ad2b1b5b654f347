"""`milepost verify`: whether ledger, timelines and callbacks agree about every message."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import typer

from cli.common import FAULTS, GOOD, Format, FormatOption, ProjectOption, database, note, out, out_json, project_root

if TYPE_CHECKING:
    from intake.verifying import Finding, Review

SHOWN = 20
"""How many findings of a kind people are shown; scripts get all."""


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("verify", epilog="Example: milepost verify --format json")(verify)


def verify(project: ProjectOption = None, format: FormatOption = Format.text) -> int:
    """Look for messages that went out twice or got lost, and for those of which nobody can tell."""
    from whenever import Instant

    from intake.verifying import verify

    with contextlib.closing(database(project_root(project))) as store:
        review = verify(store, Instant.now())
    if format is Format.json:
        out_json(_data(review))
    else:
        _print(review)
    return FAULTS if review.duplicates or review.lost else GOOD


def _data(review: Review) -> dict[str, Any]:
    return {
        "checked": review.checked,
        **{name: [one._asdict() for one in found] for name, found in _kinds(review).items()},
    }


def _kinds(review: Review) -> dict[str, list[Finding]]:
    return {"duplicates": review.duplicates, "lost": review.lost, "unknown": review.unknown}


def _print(review: Review) -> None:
    counts = ", ".join(f"{name} {len(found)}" for name, found in _kinds(review).items())
    out(f"messages checked: {review.checked}; {counts}")
    for name, found in _kinds(review).items():
        for one in found[:SHOWN]:
            out(f"{name.removesuffix('s')}: {one.id}, step {one.step} of {one.journey}: {one.why}")
        if len(found) > SHOWN:
            note(f"{len(found) - SHOWN} more {name}; --format json lists all")
