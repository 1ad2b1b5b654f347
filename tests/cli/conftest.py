"""The command line in this process, for a small project of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cli.common import data_folder
from cli.main import run
from tests.databases import POSTGRES
from tests.intake.house import write_project

PLAYBOOKS = {
    "welcome": "entry: {milestone: purchase, if: event.revenue > 0}\nexit: [omega]\n"
    "steps: [{wait_for: {milestone: beta}, timeout: 9 days}]\n"
}


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Milepost = Callable[..., Answer]


@pytest.fixture
def project(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project; on SQLite its database is its own, as on a laptop, on PostgreSQL the one that is set. Migrated."""
    monkeypatch.delenv("MILEPOST_DATABASE_URL", raising=False)
    monkeypatch.delenv("MILEPOST_TEMPORAL_ADDRESS", raising=False)
    if POSTGRES:
        monkeypatch.setenv("MILEPOST_DATABASE_URL", url)
        monkeypatch.setenv("MILEPOST_SECRET_KEY", "a secret of 32 characters or more")
    folder = write_project(tmp_path / "house", PLAYBOOKS)
    if not POSTGRES:
        data_folder(folder).mkdir()
        shutil.copy(url.removeprefix("sqlite:///"), data_folder(folder) / "milepost.db")
    return folder


@pytest.fixture
def milepost(project: Path, capsys: pytest.CaptureFixture[str]) -> Milepost:
    def call(*arguments: str | Path) -> Answer:
        code = run([*map(str, arguments), "--project", str(project)])
        return Answer(code, *capsys.readouterr())

    return call
