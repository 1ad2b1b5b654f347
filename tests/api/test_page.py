"""docs/api.md: whoever copies its calls gets what it shows."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

from api.app import create
from api.server import listening, serving
from tests.api.house import PUBLIC, House
from tests.docs.pages import Command, missing, steps
from trouble import ROOT

PAGE = ROOT / "docs" / "api.md"
SERVED = "http://localhost:8080"


def run(typed: str, environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        typed, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, f"{typed}\n{done.stderr}"
    return done.stdout


async def test_whoever_copies_a_call_of_the_page_gets_what_it_shows(house: House, tmp_path: Path) -> None:
    link = house.parts.links.unsubscribe(house.message())
    key, send = house.key("operate", "crm"), house.key("ingest", "shop")
    app = create(replace(house.parts, sendgrid_keys=(), twilio_tokens=()))
    with listening("127.0.0.1", 0) as taken:
        served = f"http://127.0.0.1:{taken.getsockname()[1]}"
        environment = {**os.environ, "KEY": key, "SEND": send, "LINK": link.replace(PUBLIC, served)}
        calls = [step for step in steps(PAGE) if isinstance(step, Command) and step.kind == "console"]
        assert len(calls) >= 9
        async with serving(app, taken):
            for call in calls:
                said = await asyncio.to_thread(run, call.typed.replace(SERVED, served), environment, tmp_path)
                assert missing(call.shows, said) is None, f"docs/api.md:{call.line}: {said}"


def test_every_call_and_every_field_is_told(house: House) -> None:
    told = PAGE.read_text("utf-8")
    description = house.app.openapi()
    for path in description["paths"]:
        assert f"{path}`" in told, path
    for name in ("Answer", "NewPause"):
        for field in description["components"]["schemas"][name]["properties"]:
            assert f"| `{field}` |" in told, f"{name}.{field}"
    statuses = set(re.findall(r"^\| (\d{3}) \|", told, re.MULTILINE))
    used = {
        status for calls in description["paths"].values() for call in calls.values() for status in call["responses"]
    }
    assert {status for status in used if status >= "400"} <= statuses
