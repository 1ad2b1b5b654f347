"""Every history that was ever recorded replays: a change to the interpreter must not change what has happened."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

import wiring
from workflows.journey import JourneyWorkflow

HISTORIES = sorted(Path(__file__).parent.glob("*.json"))


def recorded(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text("utf-8"))


def test_there_are_histories() -> None:
    assert len(HISTORIES) >= 8


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_history_replays(path: Path) -> None:
    replayer = Replayer(
        workflows=[JourneyWorkflow], data_converter=pydantic_data_converter, workflow_runner=wiring.runner()
    )
    await replayer.replay_workflow(recorded(path))
