"""What an administrator does with users, and a user with themselves."""

from __future__ import annotations

import re

from store import users
from store.tables import Audit, User
from tests.console.desk import SITE, Desk, fields_of
from tests.console.test_sign_in import sign_in


def user(desk: Desk, name: str) -> User:
    found = desk.house.read(lambda session: users.by_name(session, name))
    assert found is not None
    return found


async def test_a_user_is_made_and_signs_in_by_a_link_and_chooses_a_password(desk: Desk) -> None:
    shown = await desk.post("/users", {"name": "Grace@Example.com", "role": "support"})
    link = re.search(rf"<code>{SITE}(/console/link/[^<]+)</code>", shown.text)
    assert link
    browser = desk.stranger()
    assert (await browser.get(link[1])).status_code == 303
    desk.clients["grace"] = browser
    changed = await desk.post("/account/password", {"password": "another long one"}, "grace", at="/account")
    assert changed.status_code == 303
    assert (await browser.get("/console/account")).status_code == 200
    assert (await sign_in(desk, "grace@example.com", "another long one")).status_code == 303
    given = {"present": "another long one", "password": "short"}
    short = await desk.post("/account/password", given, "grace", at="/account")
    assert "at least 12 characters" in short.text
    given = {"present": "wrong", "password": "yet another one"}
    wrong = await desk.post("/account/password", given, "grace", at="/account")
    assert "is wrong" in wrong.text


async def test_a_role_holds_from_the_next_click_on(desk: Desk) -> None:
    assert (await desk.get("/users", "support")).status_code == 403
    number = user(desk, "support").id
    await desk.post(f"/users/{number}/role", {"role": "admin"}, at="/users")
    assert (await desk.get("/users", "support")).status_code == 200
    wrong = await desk.post(f"/users/{number}/role", {"role": "adnim"}, at="/users")
    assert (wrong.status_code, "did you mean `admin`?" in wrong.text.replace("&#39;", "'")) == (422, True)


async def test_whoever_is_kept_out_is_signed_out_and_may_be_let_in_again(desk: Desk) -> None:
    browser = desk.browser("support")
    number = user(desk, "support").id
    await desk.post(f"/users/{number}/disable", at="/users")
    assert (await browser.get("/console/account")).status_code == 303
    assert "kept out" in (await desk.get("/users")).text
    await desk.post(f"/users/{number}/enable", at="/users")
    assert (await sign_in(desk, "support", "correct horse battery")).status_code == 303


async def test_nobody_takes_away_their_own_rights(desk: Desk) -> None:
    number = user_of(desk)
    form = await desk.get("/users")
    assert f"/users/{number}/disable" not in form.text
    hidden = fields_of(form.text, "/console/users")
    refused = await desk.send(f"/users/{number}/role", {**hidden, "role": "viewer"})
    assert (refused.status_code, user(desk, "admin").role) == (409, "admin")


def user_of(desk: Desk) -> int:
    desk.browser("admin")
    number = user(desk, "admin").id
    assert number
    return number


async def test_what_is_done_to_users_is_in_the_audit_log(desk: Desk) -> None:
    desk.browser("support")
    number = user(desk, "support").id
    for act, form in (("role", {"role": "viewer"}), ("sessions/end", {}), ("disable", {}), ("enable", {})):
        await desk.post(f"/users/{number}/{act}", form, at="/users")
    acts = [(row.who, row.what) for row in desk.house.rows(Audit) if row.target == "user:support"]
    done = ["role changed", "sessions ended", "user disabled", "user enabled"]
    assert acts == [("test", "user added"), ("user:support", "signed in"), *(("user:admin", what) for what in done)]
