"""`milepost token`: a key is shown once, and only its hash is kept."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import select

from api.keys import digest_of
from cli.common import database
from store.tables import Audit, Token
from tests.cli.conftest import Milepost


def rows(project: Path) -> tuple[list[Token], list[Audit]]:
    with closing(database(project)) as opened:
        return opened.read_now(
            lambda session: (list(session.scalars(select(Token))), list(session.scalars(select(Audit))))
        )


@pytest.mark.parametrize("scope", ["read", "operate", "ingest"])
def test_a_key_is_shown_once_and_stored_as_a_hash(
    milepost: Milepost, project: Path, scope: Literal["read", "operate", "ingest"]
) -> None:
    made = milepost("token", "create", "--scope", scope, "--name", "crm")
    key = made.out.strip()
    assert made.code == 0
    assert key not in made.err
    (row,), (act,) = rows(project)
    assert (row.scope, row.name, row.digest) == (scope, "crm", digest_of(key))
    assert (act.what, act.target, act.data) == ("token created", "token 1", {"scope": scope})
    assert act.who.startswith("cli")
    for file in project.rglob("*"):
        assert file.is_dir() or key.encode() not in file.read_bytes()
    listed = milepost("token", "list")
    assert (listed.code, "crm" in listed.out, key in listed.out) == (0, True, False)


def test_a_key_is_made_and_listed_for_scripts(milepost: Milepost) -> None:
    made = milepost("token", "create", "--scope", "read", "--name", "dashboard", "--format", "json").data
    assert set(made) == {"id", "name", "scope", "key"}
    (listed,) = milepost("token", "list", "--format", "json").data["tokens"]
    assert (listed["id"], listed["name"], listed["scope"], listed["revoked_at"]) == (
        made["id"],
        "dashboard",
        "read",
        None,
    )
    assert "key" not in listed


def test_a_key_is_revoked_once(milepost: Milepost, project: Path) -> None:
    milepost("token", "create", "--scope", "read", "--name", "crm")
    assert milepost("token", "revoke", "1", "--format", "json").data == {"id": 1, "name": "crm"}
    assert milepost("token", "revoke", "1").code == 4
    unknown = milepost("token", "revoke", "7")
    assert (unknown.code, "there is no key 7" in unknown.err) == (2, True)
    (row,), acts = rows(project)
    assert row.revoked_at is not None
    assert [act.what for act in acts] == ["token created", "token revoked"]
    assert "revoked" in milepost("token", "list").out


@pytest.mark.parametrize(
    "more", [["--scope", "god", "--name", "x"], ["--scope", "read"], ["--scope", "read", "--name", " "]]
)
def test_a_key_needs_a_scope_and_a_name(milepost: Milepost, more: list[str]) -> None:
    answer = milepost("token", "create", *more)
    assert (answer.code, answer.out) == (2, "")


def test_a_browsers_key_is_for_some_milestones_and_some_sites(milepost: Milepost, project: Path) -> None:
    site = ("--origin", "https://shop.example.com", "--origin", "http://localhost:3000")
    made = milepost("token", "create", "--scope", "browser", "--name", "shop", "--milestone", "purchase", *site)
    assert made.code == 0
    (row,), (act,) = rows(project)
    limits = {"milestones": ["purchase"], "origins": ["https://shop.example.com", "http://localhost:3000"]}
    assert (row.milestones, row.origins) == (limits["milestones"], limits["origins"])
    assert act.data == {"scope": "browser", **limits}
    (listed,) = milepost("token", "list", "--format", "json").data["tokens"]
    assert {name: listed[name] for name in limits} == limits


@pytest.mark.parametrize(
    "more",
    [
        ["browser"],
        ["browser", "--origin", "shop.example.com"],
        ["browser", "--origin", "https://shop.example.com/"],
        ["browser", "--origin", "https://Shop.example.com"],
        ["browser", "--origin", "*"],
        ["ingest", "--origin", "https://shop.example.com"],
        ["ingest", "--milestone", "purchase"],
    ],
)
def test_what_limits_a_key_has_to_make_sense(milepost: Milepost, more: list[str]) -> None:
    answer = milepost("token", "create", "--name", "shop", "--scope", *more)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
