"""`milepost user`: who may sign in to the console."""

from __future__ import annotations

import io
import json
import sys
from contextlib import closing
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from cli.common import database
from store.tables import Audit, User
from tests.cli.conftest import Milepost


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input of a script: a password in one line."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse battery\n"))


def users(project: Path) -> list[User]:
    with closing(database(project)) as opened:
        return opened.read_now(lambda session: list(session.scalars(select(User))))


def test_a_user_is_made_with_a_password_of_which_only_a_hash_is_kept(
    milepost: Milepost, project: Path, typed: None
) -> None:
    made = milepost("user", "add", "Ada@example.com", "--role", "support", "--format", "json")
    assert made.code == 0
    assert {"name": "ada@example.com", "role": "support", "password": True}.items() <= json.loads(made.out).items()
    (row,) = users(project)
    assert row.password
    assert PasswordHasher().verify(row.password, "correct horse battery")
    assert row.password.startswith("$argon2id$")
    for file in project.rglob("*"):
        assert file.is_dir() or b"correct horse battery" not in file.read_bytes()


def test_a_short_password_and_a_taken_name_make_nobody(
    milepost: Milepost, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    short = milepost("user", "add", "ada", "--role", "support")
    assert (short.code, "at least 12 characters" in short.err, users(project)) == (2, True, [])
    assert milepost("user", "add", "ada", "--role", "support", "--no-password").code == 0
    taken = milepost("user", "add", "ADA", "--role", "admin", "--no-password")
    assert (taken.code, "there is a user `ada` already" in taken.err) == (4, True)


def test_roles_change_and_users_are_kept_out_and_let_in(milepost: Milepost, project: Path) -> None:
    milepost("user", "add", "ada", "--role", "viewer", "--no-password")
    assert "ada is marketing now." in milepost("user", "role", "ada", "marketing").out
    assert milepost("user", "disable", "ada").code == 0
    assert milepost("user", "disable", "ada").code == 4
    assert "kept out" in milepost("user", "list").out
    assert milepost("user", "enable", "ada").code == 0
    (row,) = users(project)
    assert (row.role, row.disabled_at) == ("marketing", None)
    with closing(database(project)) as opened:
        acts = opened.read_now(lambda session: [one.what for one in session.scalars(select(Audit).order_by(Audit.id))])  # type: ignore[arg-type]
    assert acts == ["user added", "role changed", "user disabled", "user enabled"]


def test_a_link_is_made_for_a_user_who_exists(milepost: Milepost, monkeypatch: pytest.MonkeyPatch) -> None:
    milepost("user", "add", "ada", "--role", "viewer", "--no-password")
    monkeypatch.setenv("MILEPOST_PUBLIC_URL", "https://milepost.example.com/")
    made = milepost("user", "link", "ada")
    assert made.out.startswith("https://milepost.example.com/console/link/")
    unknown = milepost("user", "link", "aad")
    assert (unknown.code, "did you mean `ada`?" in unknown.err) == (2, True)


def test_another_password_is_asked_for(milepost: Milepost, project: Path, typed: None) -> None:
    milepost("user", "add", "ada", "--role", "viewer", "--no-password")
    assert milepost("user", "password", "ada").code == 0
    (row,) = users(project)
    assert row.password
    assert PasswordHasher().verify(row.password, "correct horse battery")


def test_an_identity_provider_needs_all_three(milepost: Milepost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_OIDC_ISSUER", "https://login.example.com")
    wrong = milepost("user", "link", "ada")
    assert (wrong.code, "all three of MILEPOST_OIDC_" in wrong.err) == (2, True)
