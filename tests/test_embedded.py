"""Temporal's server as a child: whoever starts one talks to that one, whatever others start at the same time."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from embedded import TemporalServer, free_port
from wiring import Unreachable


async def test_two_that_start_at_once_and_want_one_port_are_two_servers() -> None:
    port = free_port()
    async with contextlib.AsyncExitStack() as stack:
        wanted = (TemporalServer(port=port, or_any=True) for _ in range(2))
        first, second = await asyncio.gather(*(stack.enter_async_context(server) for server in wanted))
        assert first.address != second.address
        assert f"127.0.0.1:{port}" in (first.address, second.address)


async def test_one_that_finds_its_port_taken_says_so_and_does_not_work_with_the_server_of_another() -> None:
    async with TemporalServer() as other:
        port = int(other.address.rpartition(":")[2])
        with pytest.raises(Unreachable, match=f"did not start on port {port}; is the port free"):
            await TemporalServer(port=port).__aenter__()
