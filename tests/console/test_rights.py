"""Who may do what: every route by every role, allowed or 403 and nothing in between."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import APIRoute

from console.app import PUBLIC, create, right_of, routes
from lifecycle.rights import RIGHTS, ROLES, Right, Role, may
from tests.console.desk import Desk, fields_of

ALLOWED: dict[str, str] = {
    "see": "viewer support marketing admin",
    "act": "support admin",
    "steer": "marketing admin",
    "admin": "admin",
}
"""Which roles have a right, written down a second time: a slip in the table would give somebody more than is meant."""

NEEDS: dict[Right, str] = {
    "see": """
        GET / | GET /account | POST /account/password | POST /account/sessions/end | GET /accounts/{name} |
        GET /audit | GET /customers/{name} | GET /customers/{name}/explain | GET /events |
        GET /events/undeclared | GET /events/{number} | GET /map | GET /messages | GET /messages/{id} |
        GET /messages/{id}/body | GET /outbox | GET /pauses | GET /pauses/{number} | GET /playbooks |
        GET /playbooks/{name} | GET /playbooks/{name}/coming | GET /playbooks/{name}/differences |
        GET /segments | GET /segments/{name} | POST /sign-out | GET /tasks
    """,
    "act": """
        GET /accounts/{id}/pause | POST /accounts/{id}/pause | GET /accounts/{id}/resume |
        POST /accounts/{id}/resume | GET /customers/{id}/consent | POST /customers/{id}/consent |
        GET /customers/{id}/enrol | POST /customers/{id}/enrol | GET /customers/{id}/lift |
        POST /customers/{id}/lift | GET /customers/{id}/note | POST /customers/{id}/note |
        GET /customers/{id}/pause | POST /customers/{id}/pause | GET /customers/{id}/resume |
        POST /customers/{id}/resume | GET /customers/{id}/suppress | POST /customers/{id}/suppress |
        GET /journeys/{id}/exit | POST /journeys/{id}/exit | GET /journeys/{id}/pause |
        POST /journeys/{id}/pause | GET /journeys/{id}/resume | POST /journeys/{id}/resume |
        GET /journeys/{id}/skip | POST /journeys/{id}/skip | GET /messages/{id}/resend |
        POST /messages/{id}/resend | GET /tasks/{id}/assign | POST /tasks/{id}/assign | GET /tasks/{id}/done |
        POST /tasks/{id}/done | GET /tasks/{id}/reopen | POST /tasks/{id}/reopen
    """,
    "steer": """
        GET /channels/{name}/pause | POST /channels/{name}/pause | GET /events/retry | POST /events/retry |
        GET /events/{number}/retry | POST /events/{number}/retry | GET /everything/pause |
        POST /everything/pause | GET /pauses/{number}/resume | POST /pauses/{number}/resume |
        GET /playbooks/{name}/continue | POST /playbooks/{name}/continue | GET /playbooks/{name}/pause |
        POST /playbooks/{name}/pause | GET /playbooks/{name}/roll-out | POST /playbooks/{name}/roll-out |
        GET /playbooks/{name}/stop | POST /playbooks/{name}/stop | GET /segments/{name}/pause |
        POST /segments/{name}/pause
    """,
    "admin": """
        GET /users | POST /users | POST /users/{number}/disable | POST /users/{number}/enable |
        POST /users/{number}/link | POST /users/{number}/role | POST /users/{number}/sessions/end
    """,
}
"""Every route that is not public by the right that it needs."""

EXPECTED: dict[str, Right] = {
    re.sub(r"\s+", " ", route).strip(): right
    for right, routes in NEEDS.items()
    for route in routes.split("|")
    if route.strip()
}


ROUTES: dict[str, APIRoute] = {
    f"{method} {route.path}": route for route in routes() for method in sorted(route.methods or ())
}


def test_each_role_has_just_the_rights_that_are_meant() -> None:
    for right, roles in ALLOWED.items():
        assert {role for role in ROLES if may(role, right)} == set(roles.split())  # type: ignore[arg-type]
    assert set(RIGHTS) == set(ROLES)
    assert not may("nobody", "see")


def test_every_route_needs_the_right_that_is_written_down() -> None:
    needed = {name: right_of(route) for name, route in ROUTES.items() if route.path not in PUBLIC}
    assert needed == EXPECTED


@pytest.mark.parametrize("role", ROLES)
async def test_every_route_is_allowed_or_403(desk: Desk, role: Role) -> None:
    for name, route in ROUTES.items():
        if route.path in PUBLIC:
            continue
        method, path = name.split(" ", 1)
        allowed = role in ALLOWED[EXPECTED[name]].split()
        address = "/console" + re.sub(r"\{[^}]*\}", "7", path)
        browser = desk.browser(role)
        if method == "GET":
            answer = await browser.get(address)
        else:
            form = fields_of((await desk.get("/account", role)).text, "/console/sign-out")
            answer = await browser.post(address, data={**form, "reason": "a test"})
            if path == "/sign-out":
                desk.clients.clear()
        says = f"{role} {name}: {answer.status_code}"
        if allowed:
            assert answer.status_code in (200, 303, 404, 409, 422, 503), says
            assert "sign-in" not in answer.headers.get("location", "") or path == "/sign-out", says
        else:
            assert answer.status_code == 403, says
            assert "may not do this" in answer.text, says


async def test_whoever_is_not_signed_in_gets_nothing(desk: Desk) -> None:
    browser = desk.stranger()
    for name, route in ROUTES.items():
        if route.path in PUBLIC:
            continue
        method, path = name.split(" ", 1)
        address = "/console" + re.sub(r"\{[^}]*\}", "7", path)
        answer = await browser.request(method, address)
        if method == "GET":
            assert (answer.status_code, "/sign-in" in answer.headers["location"]) == (303, True), name
        else:
            assert answer.status_code == 401, name


async def test_a_refusal_says_nothing_of_what_is_there(desk: Desk) -> None:
    """The page for a user that exists is the page for one that does not."""
    desk.browser("viewer"), desk.browser("support")
    for role in ("viewer", "support"):
        form = fields_of((await desk.get("/account", role)).text, "/console/sign-out")
        pages = [
            re.sub(r'value="[^"]*"', "", (await desk.send(f"/users/{number}/disable", form, role)).text)
            for number in (1, 2, 999)
        ]
        assert len(set(pages)) == 1


def test_a_route_without_a_right_is_refused(desk: Desk) -> None:
    from console import home

    async def open_to_all() -> None:
        """Nothing."""

    home.router.add_api_route("/open", open_to_all)
    try:
        with pytest.raises(ValueError, match=r"\['GET'\] /open needs exactly one right"):
            create(desk.parts)
    finally:
        home.router.routes.pop()
