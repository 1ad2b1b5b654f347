"""Bodies of calls that send events: unpacked, measured and read.

A packed body is measured while it is unpacked, so that a few bytes which unpack to gigabytes cost nothing.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from fastapi import HTTPException, Request

from lifecycle.segment import NotJson, read_json

PACKED = frozenset({"gzip", "x-gzip"})

_shortest = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


async def body_of(request: Request, largest: int) -> bytes:
    """The body, unpacked; HTTPException where it is larger than that many bytes, or not packed as it says."""
    body = await request.body()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in PACKED:
        body = _unpacked(body, largest)
    elif encoding not in ("identity", ""):
        raise HTTPException(415, "The body is packed in a way that is not read here; send it as it is, or with gzip.")
    if len(body) > largest:
        raise _too_large(largest)
    return body


def json_of(body: bytes) -> Any:
    """What a body of JSON holds; HTTPException where it is none."""
    try:
        return read_json(body)
    except NotJson as error:
        raise HTTPException(400, f"The body cannot be read: {error}.") from None


def size_of(data: Any) -> int:
    """The bytes that plain data takes as JSON, written as short as can be."""
    return len(_shortest(data).encode())


def _unpacked(body: bytes, largest: int) -> bytes:
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacking.decompress(body, largest + 1)
    except zlib.error:
        raise HTTPException(400, "The body says that it is packed with gzip, and is not.") from None
    if len(unpacked) > largest:
        raise _too_large(largest)
    if not unpacking.eof or unpacking.unused_data:
        raise HTTPException(400, "The body is packed with gzip, and not whole.")
    return unpacked


def _too_large(largest: int) -> HTTPException:
    return HTTPException(413, f"The body is larger than {largest // 1024} KiB.")
