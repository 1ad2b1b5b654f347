"""Getting in: by a password, by a link, with one's sessions; and staying out."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from console.sign_in import link_for
from intake import signing_in
from intake import users as users_
from store import users
from store.tables import FormSent, UserSession
from tests.console.desk import HASH, SECRET, SITE, Desk, fields_of


def make(desk: Desk, name: str = "ada", role: str = "support") -> Any:
    return desk.house.write(lambda session: users_.make(session, name, role, HASH, "test", desk.now))


async def sign_in(desk: Desk, name: str, password: str, browser: Any = None, **more: str) -> Any:
    browser = browser or desk.stranger()
    shown = await browser.get("/console/sign-in")
    form = fields_of(shown.text, "/console/sign-in")
    return await browser.post("/console/sign-in", data={**form, "name": name, "password": password, **more})


async def test_whoever_is_not_signed_in_is_asked_to_and_gets_where_they_wanted(desk: Desk) -> None:
    make(desk)
    browser = desk.stranger()
    asked = await browser.get("/console/account?x=1")
    assert asked.status_code == 303
    form = await browser.get(asked.headers["location"])
    fields = fields_of(form.text, "/console/sign-in")
    assert fields["next"] == "account?x=1"
    sent = {**fields, "name": "Ada ", "password": "correct horse battery"}
    signed = await browser.post("/console/sign-in", data=sent)
    assert (signed.status_code, signed.headers["location"]) == (303, "/console/account?x=1")
    assert (await browser.get("/console/account")).status_code == 200


@pytest.mark.parametrize("next", ["//evil.example.com/x", "https://evil.example.com", "\\\\evil.example.com", "/../x"])
async def test_no_sign_in_leads_elsewhere(desk: Desk, next: str) -> None:
    make(desk)
    signed = await sign_in(desk, "ada", "correct horse battery", next=next)
    assert signed.status_code == 303
    assert signed.headers["location"].startswith("/console/")


async def test_the_cookie_is_kept_from_scripts_and_the_database_holds_only_its_hash(desk: Desk) -> None:
    make(desk)
    signed = await sign_in(desk, "ada", "correct horse battery")
    cookie = signed.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/console" in cookie
    value = re.search(r"milepost_session=([^;]+)", cookie)
    assert value
    rows = desk.house.rows(UserSession)
    assert value[1] not in repr(rows)


async def test_a_wrong_password_and_a_wrong_name_read_the_same(desk: Desk) -> None:
    make(desk)
    answers = [await sign_in(desk, *who) for who in (("ada", "wrong"), ("nobody", "correct horse battery"))]
    assert [one.status_code for one in answers] == [401, 401]
    assert all("Name or password is wrong." in one.text for one in answers)


async def test_attempts_are_slowed_down_and_the_right_password_waits_as_well(desk: Desk) -> None:
    make(desk)
    for _ in range(signing_in.FREE):
        assert "is wrong" in (await sign_in(desk, "ada", "wrong")).text
    assert "Too many attempts failed" in (await sign_in(desk, "ada", "correct horse battery")).text
    desk.now = desk.now.add(minutes=16)
    assert (await sign_in(desk, "ada", "correct horse battery")).status_code == 303
    # And the count begins anew.
    assert "is wrong" in (await sign_in(desk, "ada", "wrong")).text
    assert (await sign_in(desk, "ada", "correct horse battery")).status_code == 303


async def test_a_session_ends_by_itself_unused_or_old(desk: Desk) -> None:
    browser = desk.browser("viewer")
    for _ in range(7 * 3 - 1):
        desk.now = desk.now.add(hours=8)
        assert (await browser.get("/console/account")).status_code == 200
    desk.now = desk.now.add(hours=8)
    assert (await browser.get("/console/account")).status_code == 303
    desk.clients.clear()
    browser = desk.browser("viewer")
    desk.now = desk.now.add(hours=12, seconds=1)
    assert (await browser.get("/console/account")).status_code == 303


async def test_signing_out_and_ending_other_sessions_hold_at_once(desk: Desk) -> None:
    here = desk.browser("support")
    desk.clients.clear()
    there = desk.browser("support")
    assert "2" not in (await desk.post("/account/sessions/end", as_="support", at="/account")).text
    assert (await here.get("/console/account")).status_code == 303
    assert (await there.get("/console/account")).status_code == 200
    await desk.post("/sign-out", as_="support", at="/account")
    assert (await there.get("/console/account")).status_code == 303


async def test_a_disabled_user_is_out_at_once(desk: Desk) -> None:
    browser = desk.browser("support")
    user = desk.house.read(lambda session: users.by_name(session, "support"))
    assert user
    assert user.id
    number = user.id
    desk.house.write(lambda session: users.set_disabled(session, number, desk.now))
    assert (await browser.get("/console/account")).status_code == 303
    assert "is wrong" in (await sign_in(desk, "support", "correct horse battery")).text


async def test_a_link_signs_in_once_and_not_later(desk: Desk) -> None:
    user = make(desk, "dev", "admin")
    link = link_for(SECRET, SITE, user).removeprefix(SITE)
    browser = desk.stranger()
    assert (await browser.get(link)).status_code == 303
    assert (await browser.get("/console/account")).status_code == 200
    again = await desk.stranger().get(link)
    assert (again.status_code, "used before" in again.text) == (403, True)
    forged = await desk.stranger().get(link[:-2])
    assert forged.status_code == 403


# --- forms -----------------------------------------------------------------------------------------------------------


async def test_a_form_is_carried_out_once(desk: Desk) -> None:
    page = await desk.get("/account", "support")
    form = fields_of(page.text, "/console/sign-out")
    other = desk.browser("support")
    first = await other.post("/console/account/sessions/end", data=form)
    second = await other.post("/console/account/sessions/end", data=form)
    assert (first.status_code, second.status_code) == (303, 409)
    assert "was sent before" in second.text


async def test_a_form_that_is_forged_someone_elses_or_from_elsewhere_does_nothing(desk: Desk) -> None:
    mine = fields_of((await desk.get("/account", "support")).text, "/console/sign-out")
    browser, path = desk.browser("viewer"), "/console/account/sessions/end"
    assert (await browser.post(path, data=mine)).status_code == 403
    assert (await browser.post(path, data={"form": "forged"})).status_code == 403
    assert (await browser.post(path)).status_code == 403
    own = fields_of((await desk.get("/account", "viewer")).text, "/console/sign-out")
    for header in ({"Origin": "https://evil.example.com"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await browser.post(path, data=own, headers=header)).status_code == 403
    assert desk.house.read(lambda session: list(session.scalars(select(FormSent)))) == []
    assert (await browser.post(path, data=own, headers={"Origin": SITE})).status_code == 303


async def test_a_form_is_too_old_after_half_a_day(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    own = fields_of((await desk.get("/account", "viewer")).text, "/console/sign-out")
    monkeypatch.setattr("console.forms.LASTS", -1)
    old = await desk.browser("viewer").post("/console/account/sessions/end", data=own)
    assert (old.status_code, "too old" in old.text) == (409, True)


# --- pages -----------------------------------------------------------------------------------------------------------


async def test_every_page_forbids_scripts_of_others_and_frames(desk: Desk) -> None:
    for page in (await desk.stranger().get("/console/sign-in"), await desk.get("/account"), await desk.get("/none")):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["cache-control"] == "no-store"
        assert "style=" not in page.text
        assert "<script>" not in page.text


async def test_what_is_not_there_is_a_page(desk: Desk) -> None:
    found = await desk.get("/none")
    assert found.status_code == 404
    assert "There is no page at this address." in found.text
    assert found.headers["content-type"].startswith("text/html")
