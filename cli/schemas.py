"""`milepost schema`: what editors need to help with the files that marketing writes."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.common import GOOD, Format, FormatOption, Refused, out, out_json


class Kind(StrEnum):
    """The kinds of file that there are."""

    playbook = "playbook"
    map = "map"
    segments = "segments"
    tests = "tests"


KindArgument = Annotated[
    Kind | None, typer.Argument(metavar="[playbook|map|segments|tests]", help="Only that of one kind of file.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Write files into this folder instead of printing.")
]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("schema", epilog="Example: milepost schema --out .schemas")(schema)


def schema(kind: KindArgument = None, to: OutOption = None, format: FormatOption = Format.text) -> int:
    """Print JSON Schema for playbooks, map, segments and tests, which gives editors completion and explanations."""
    from lifecycle.language.schema import KINDS, schema_of

    wanted = [one for one in KINDS if kind in (None, one)]
    if to is None:
        out(json.dumps(schema_of(wanted[0]) if kind else {one: schema_of(one) for one in wanted}, indent=2))
        return GOOD
    files = [to / f"{one}.schema.json" for one in wanted]
    try:
        to.mkdir(parents=True, exist_ok=True)
        for one, file in zip(wanted, files, strict=True):
            file.write_text(json.dumps(schema_of(one), indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise Refused(f"the schemas cannot be written to {to}: {error.strerror}") from None
    if format is Format.json:
        out_json({"files": [str(file) for file in files]})
    else:
        for file in files:
            out(str(file))
    return GOOD
