"""The API on a real server: what only the net between two programs can show."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from api.server import PortTaken, listening, serving
from tests.api.house import NOW, PUBLIC, House, sendgrid_headers

CONSENT = "/v1/customers/ada/consents/offers"


@pytest.fixture
async def address(house: House) -> AsyncIterator[tuple[str, int]]:
    with listening("127.0.0.1", 0) as taken:
        async with serving(house.app, taken):
            yield taken.getsockname()


async def raw(address: tuple[str, int], request: bytes, *, end: bool = False) -> bytes:
    """What the server answers to these bytes; with `end` the connection is closed behind them."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    if end:
        writer.write_eof()
    await writer.drain()
    try:
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()


async def test_one_click_from_a_mail_program(house: House, address: tuple[str, int]) -> None:
    link = house.parts.links.unsubscribe(house.message()).removeprefix(PUBLIC)
    body = b"List-Unsubscribe=One-Click"
    answer = await raw(
        address,
        f"POST {link} HTTP/1.1\r\nHost: milepost.example.com\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body,
    )
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"server:" not in answer.lower()
    assert house.answers() == [("offers", "email", False)]


async def test_who_called_is_taken_from_a_proxy_on_this_machine(house: House, address: tuple[str, int]) -> None:
    link = house.parts.links.unsubscribe(house.message()).removeprefix(PUBLIC)
    async with httpx.AsyncClient(base_url="http://{}:{}".format(*address)) as client:
        headers = {"X-Forwarded-For": "198.51.100.9", "Host": "milepost.example.com"}
        await client.post(link, data={"List-Unsubscribe": "One-Click"}, headers=headers)
    assert house.consents()[-1].ip == "198.51.100.9"


async def test_a_body_that_breaks_off_changes_nothing(house: House, address: tuple[str, int]) -> None:
    body = b'[{"event": "delivered"}]'
    signed = "".join(f"{name}: {value}\r\n" for name, value in sendgrid_headers(body, str(NOW.timestamp())).items())
    key = house.token("operate")["Authorization"]
    before = house.digest()
    for head, sent in (
        (f"POST /webhooks/sendgrid HTTP/1.1\r\n{signed}", body[:-1]),
        (f"PUT {CONSENT} HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: {key}\r\n", b'{"granted": true'),
        (f"POST {house.parts.links.unsubscribe('m1').removeprefix(PUBLIC)} HTTP/1.1\r\n", b"List-Unsubscribe="),
    ):
        answer = await raw(address, f"{head}Host: x\r\nContent-Length: 900\r\n\r\n".encode() + sent, end=True)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert house.digest() == before


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"POST /webhooks/sendgrid HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_and_the_server_stays(
    house: House, address: tuple[str, int], request_: bytes
) -> None:
    assert (await raw(address, request_)).startswith(b"HTTP/1.1 400 ")
    async with httpx.AsyncClient(base_url="http://{}:{}".format(*address)) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok", "waiting": 0, "lag_seconds": 0.0}


async def test_a_body_that_has_no_end_is_cut_off(house: House, address: tuple[str, int]) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 65_536

    async with httpx.AsyncClient(base_url="http://{}:{}".format(*address)) as client:
        try:
            answer = await client.post("/webhooks/sendgrid", content=endless())
        except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
            pass  # it was cut off before it listened
        else:
            assert answer.status_code == 413
        assert (await client.get("/healthz")).status_code == 200
    assert not house.callbacks()


def test_a_port_that_is_taken_is_said_so() -> None:
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"nothing can listen at 127.0.0.1:{port}"), listening("127.0.0.1", port):
            pass
    with pytest.raises(PortTaken), listening("127.0.0.1", 99_999):
        pass


async def test_an_answer_does_not_wait_for_its_head_to_be_acknowledged(address: tuple[str, int]) -> None:
    """A client that keeps its connection acknowledges after 40 ms; at first it does so at once, so the last count."""
    took = []
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(40):
        began = time.perf_counter()
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: milepost.example.com\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = re.findall(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length))
        took.append(time.perf_counter() - began)
    writer.close()
    assert min(took[-20:]) < 0.03
