"""Every request that the senders make is valid against the documents that the providers publish (specs/, MIT licensed).

Stricter than the documents where they leave a door open: an object has no property that its schema does not name, and a
query has no parameter that the path does not list.
"""

from __future__ import annotations

import itertools
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import pytest

from messaging.sending import Outgoing
from tests.messaging.wire import ACCOUNT, EMAIL, NOW, SID, SMS, Got, Reply, listed, sendgrid, twilio, wire

SPECS = Path(__file__).parent / "specs"
SENDGRID = json.loads((SPECS / "tsg_mail_v3.json").read_text("utf-8"))
ERASING = json.loads((SPECS / "tsg_recipients_data_erasure_v3.json").read_text("utf-8"))
TWILIO = json.loads((SPECS / "twilio_api_v2010.messages.json").read_text("utf-8"))
FORM = "application/x-www-form-urlencoded"

FORMATS = jsonschema.FormatChecker(formats=())
FORMATS.checks("email")(lambda text: re.fullmatch(r"[^\s<>]+@[^\s<>]+", text) is not None)
FORMATS.checks("phone-number")(lambda text: re.fullmatch(r"\+[1-9]\d{1,14}", text) is not None)
FORMATS.checks("uri")(lambda text: re.fullmatch(r"https?://[^\s<>]+", text) is not None)


def schema_of(document: Mapping[str, Any], part: Any) -> Any:
    """With every reference in its place, and every object that lists its properties closed to others."""
    if isinstance(part, list):
        return [schema_of(document, one) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return schema_of(document, found)
    made = {key: schema_of(document, value) for key, value in part.items()}
    if isinstance(made.get("properties"), dict) and "type" in made:
        made.setdefault("additionalProperties", False)
    return made


def operation_of(document: Mapping[str, Any], got: Got) -> tuple[dict[str, Any], dict[str, str]]:
    """The operation that the document has for a request, and the values in its path."""
    for path, methods in document["paths"].items():
        found = re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)), got.path)
        if found and got.method.lower() in methods:
            return schema_of(document, methods[got.method.lower()]), found.groupdict()
    raise AssertionError(f"the document has no {got.method} {got.path}")


def typed(schema: Mapping[str, Any], values: list[tuple[str, str]]) -> dict[str, Any]:
    """The values of a form or a query, which are all text, in the types that the schema asks for."""
    assert len(values) == len(dict(values)), "a name is given twice"
    kinds = {name: one.get("type") for name, one in schema["properties"].items()}
    read: dict[str, Callable[[str], Any]] = {"integer": int, "number": float, "boolean": {"true": True}.__getitem__}
    return {name: read.get(kinds.get(name, ""), str)(value) for name, value in values}


def check(schema: Mapping[str, Any], value: Any) -> None:
    jsonschema.Draft202012Validator(schema, format_checker=FORMATS).validate(value)


def check_request(document: Mapping[str, Any], got: Got) -> None:
    operation, in_path = operation_of(document, got)
    where = {
        place: [one for one in operation.get("parameters", ()) if one["in"] == place] for place in ("path", "query")
    }
    for place, values in (("path", list(in_path.items())), ("query", got.query)):
        schema = {
            "type": "object",
            "properties": {one["name"]: one["schema"] for one in where[place]},
            "required": [one["name"] for one in where[place] if one.get("required")],
            "additionalProperties": False,
        }
        check(schema, typed(schema, values))
    if "requestBody" not in operation:
        assert got.body == ""
        return
    ((kind, content),) = operation["requestBody"]["content"].items()
    assert {name.lower(): value for name, value in got.headers.items()}["content-type"] == kind
    form = parse_qsl(got.body, keep_blank_values=True, strict_parsing=True) if kind == FORM else None
    check(content["schema"], typed(content["schema"], form) if form is not None else got.json)


# --- every variant ----------------------------------------------------------------------------------------------------

LINK = "https://milepost.example.com/u/TOKEN"
EMAILS = [
    replace(EMAIL, unsubscribe_url=link, reply_to=reply, tracking=watched, categories=categories, from_=by, html=html)
    for link, reply, watched, categories, by, html in itertools.product(
        (None, LINK), (None, "Help <help@example.com>", "help@example.com"), (True, False),
        ((), ("welcome", "trial/welcome"), ("same", "same")), (None, "Acme, Inc. <news@example.com>"),
        ("", "<p>Hello</p>"),
    )
]  # fmt: skip
TEXTS = [
    replace(SMS, from_=from_, valid_for=valid, text=text)
    for from_, valid, text in itertools.product(
        (None, "+14155550199"), (None, 1, 3600, 10**6), ("Hello", "你好 👍 & = +\nsecond line", "x" * 1600)
    )
]


@pytest.mark.parametrize("messages", [EMAILS], ids=[f"{len(EMAILS)} variants"])
def test_every_mail_is_valid(messages: list[Outgoing]) -> None:
    with wire() as far, sendgrid(far.url) as sender:
        for message in messages:
            assert sender.send(message).what == "accepted", message
        assert len(far.got) == len(messages)
        for got in far.got:
            check_request(SENDGRID, got)
            assert got.headers["Authorization"] == "Bearer SG.not-a-key"


@pytest.mark.parametrize("messages", [TEXTS], ids=[f"{len(TEXTS)} variants"])
def test_every_sms_is_valid(messages: list[Outgoing]) -> None:
    with wire() as far, twilio(far.url) as sender:
        for message in messages:
            assert sender.send(message).what == "accepted", message
        assert len(far.got) == len(messages)
        for got in far.got:
            check_request(TWILIO, got)
            assert got.headers["Authorization"] == f"Basic {b64encode(f'{ACCOUNT}:not-a-token'.encode()).decode()}"


def test_every_question_is_valid_on_every_page() -> None:
    following = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?To=%2B14155550100&PageSize=1000&Page=1&PageToken=PA1"
    with wire(Reply(200, body=listed(following=following))) as far, twilio(far.url) as sender:
        assert sender.look_up(SMS, NOW).what == "absent"
        assert [dict(got.query).get("Page") for got in far.got] == [None, "1"]
        for got in far.got:
            check_request(TWILIO, got)


def test_what_asks_to_forget_is_valid() -> None:
    with wire() as far, sendgrid(far.url) as sender:
        assert sender.forget("ada@example.com").what == "accepted"
        check_request(ERASING, far.got[0])
    with wire() as far, twilio(far.url) as sender:
        assert sender.forget(SID).what == "accepted"
        assert far.got[0].method == "DELETE"
        check_request(TWILIO, far.got[0])
        with pytest.raises(jsonschema.ValidationError):
            check_request(TWILIO, replace(far.got[0], path=far.got[0].path.replace(SID, "SM1")))


# --- the check itself sees mistakes -----------------------------------------------------------------------------------


def captured(message: Outgoing) -> Got:
    with wire() as far, (sendgrid if message.channel == "email" else twilio)(far.url) as sender:
        sender.send(message)
        return far.got[0]


def without(values: Any, *keys: Any) -> Any:
    """A copy in which what stands there is gone."""
    copy = json.loads(json.dumps(values))
    inner = copy
    for key in keys[:-1]:
        inner = inner[key]
    del inner[keys[-1]]
    return copy


MISTAKES: dict[str, Callable[[Any], Any]] = {
    "an unknown property": lambda body: {**body, "reply-to": "x"},
    "an unknown property further in": lambda body: {**body, "from": {**body["from"], "address": "x"}},
    "custom args for the whole message": lambda body: {**body, "custom_args": {"milepost_id": "1"}},
    "no recipient": lambda body: without(body, "personalizations", 0, "to"),
    "no address": lambda body: without(body, "from", "email"),
    "no address at all": lambda body: {**body, "from": {"email": "nobody"}},
    "a category twice": lambda body: {**body, "categories": ["a", "a"]},
    "eleven categories": lambda body: {**body, "categories": [str(n) for n in range(11)]},
    "no content": lambda body: {**body, "content": [{"type": "text/plain", "value": ""}]},
    "tracking that is no yes or no": lambda body: {**body, "tracking_settings": {"open_tracking": {"enable": "yes"}}},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mail_with_a_mistake_is_not_valid(mistake: str) -> None:
    got = captured(EMAIL)
    with pytest.raises(jsonschema.ValidationError):
        check_request(SENDGRID, replace(got, body=json.dumps(MISTAKES[mistake](got.json))))


@pytest.mark.parametrize(
    "mistake",
    ["Colour=red", "To=Ada", "MessagingServiceSid=MG1", "StatusCallback=elsewhere", "From=nobody"],
)  # fmt: skip
def test_an_sms_with_a_mistake_is_not_valid(mistake: str) -> None:
    got = captured(SMS)
    name = mistake.partition("=")[0]
    kept = "&".join(part for part in got.body.split("&") if not part.startswith(f"{name}="))
    with pytest.raises(jsonschema.ValidationError):
        check_request(TWILIO, replace(got, body=f"{kept}&{mistake}"))


def test_a_path_or_a_question_that_the_document_does_not_have_is_not_valid() -> None:
    got = captured(SMS)
    with pytest.raises(AssertionError, match="the document has no POST"):
        check_request(TWILIO, replace(got, path="/2010-04-01/Accounts/AC/Texts.json"))
    with pytest.raises(jsonschema.ValidationError):
        check_request(TWILIO, replace(got, path=got.path.replace(ACCOUNT, "AC1")))
    with pytest.raises(jsonschema.ValidationError):
        check_request(TWILIO, replace(got, method="GET", body="", query=[("Body", "Hello")]))
