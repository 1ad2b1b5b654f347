"""`milepost map` shows who is where and who goes on."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from tests.cli.conftest import Milepost


def test_the_map_counts_customers_by_stage(milepost: Milepost, tmp_path: Path) -> None:
    for name in ("ada", "bo"):
        milepost("track", name, "purchase", "--set", "revenue=1")
    milepost("track", "cy", "alpha")

    found = milepost("map", "--format", "json").data

    assert (found["customers"], found["nowhere"], found["looked_at"]) == (3, 1, 3)
    stages = {one["stage"]: one for one in found["stages"]}
    assert (stages["customer"]["people"], stages["customer"]["came"]) == (2, 2)
    assert stages["customer"]["milestones"] == [{"milestone": "purchase", "reached": 2}]
    assert {"milestone": "alpha", "side": "after", "reached": 1} in found["others"]
    text = milepost("map").out
    assert text.startswith("3 customers, 1 of them in no stage yet\n")
    assert "customer          2 here" in text


def test_the_map_is_a_picture(milepost: Milepost, tmp_path: Path) -> None:
    file = tmp_path / "map.svg"
    answer = milepost("map", "--svg", file)
    assert (answer.code, answer.err) == (0, f"{file} is written\n")
    drawn = ET.fromstring(file.read_text("utf-8"))
    assert "The customer journey of Larkspur" in "".join(drawn.itertext())
    assert milepost("map", "--svg", tmp_path / "none" / "map.svg").code == 2
