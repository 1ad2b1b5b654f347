"""Work that takes all cores: the same function over many chunks, in processes of their own.

Processes are spawned, not forked, so that it goes the same way on every system and next to any thread. Each is handed
`work` once and then one chunk after the other. Ctrl-C is the parent's affair: it ends them all.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TypeVar

from cli.common import FAULTS, Refused

FEWEST = 4
"""Fewer chunks than that are few."""

Chunk = TypeVar("Chunk")
Part = TypeVar("Part")


def cores() -> int:
    """How many cores this process may use."""
    with contextlib.suppress(AttributeError):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(work: Callable[[Chunk], Part], chunks: Iterable[Chunk], number: int) -> Iterator[Part]:
    """What `work` makes of each chunk, in the order in which they get done. Both travel between processes.

    Of `number` chunks that are few, all are done here: starting processes does not pay.
    """
    count = min(cores(), number)
    if count < 2 or number < FEWEST:
        yield from map(work, chunks)
        return
    context = multiprocessing.get_context("spawn")
    processes = []
    pipes: list[Connection] = []
    left = iter(chunks)
    try:
        with _deaf():
            for _ in range(count):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, work), daemon=True)
                process.start()
                theirs.close()
                processes.append(process)
                pipes.append(ours)
        yield from _gather(pipes, left)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        for pipe in pipes:
            pipe.close()


def _gather(pipes: Iterable[Connection], left: Iterator[Chunk]) -> Iterator[Part]:
    busy = {pipe for pipe in pipes if _hand(pipe, left)}
    while busy:
        for pipe in wait(list(busy)):
            assert isinstance(pipe, Connection)
            try:
                part = pipe.recv()
            except (EOFError, OSError):
                raise Refused(
                    "a process of this command was ended from outside, for want of memory perhaps; run it again", FAULTS
                ) from None
            if isinstance(part, BaseException):
                raise part
            if not _hand(pipe, left):
                busy.discard(pipe)
            yield part


def _hand(pipe: Connection, left: Iterator[Chunk]) -> bool:
    """Hand the next chunk to a process; False where there is none left."""
    for chunk in left:
        with contextlib.suppress(OSError):  # it is dead, which is seen where its answer is awaited
            pipe.send(chunk)
        return True
    return False


def _serve(pipe: Connection, work: Callable[[Chunk], Part]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        while True:
            chunk = pipe.recv()
            try:
                pipe.send(work(chunk))
            except Exception as error:  # noqa: BLE001 - it is raised where it can be told
                pipe.send(error)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """While processes start, Ctrl-C waits: what is blocked is inherited by them, and comes to the parent afterwards."""
    # Beforehand: where it is started with the first process, it lets Ctrl-C through again, to all that follow.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
