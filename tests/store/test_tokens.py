"""Keys of the API, and callbacks as they arrive."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from store import callbacks, tokens
from store.database import Database
from store.tables import Callback, Token
from tests.store.rows import START, at


def key(digest: str) -> Token:
    return Token(name="crm", digest=digest, scope="read", created_at=START)


def test_a_key_is_found_by_its_hash_until_it_is_revoked(database: Database) -> None:
    first = database.write_now(lambda session: tokens.add(session, key("a")))
    second = database.write_now(lambda session: tokens.add(session, key("b")))
    assert [one.id for one in database.read_now(tokens.every)] == [first, second]
    assert database.write_now(lambda session: tokens.revoke(session, first, at(1)))
    assert not database.write_now(lambda session: tokens.revoke(session, first, at(2)))
    assert not database.write_now(lambda session: tokens.revoke(session, 999, at(2)))
    assert database.read_now(lambda session: tokens.by_digest(session, "a")) is None
    found = database.read_now(lambda session: tokens.by_digest(session, "b"))
    revoked = database.read_now(lambda session: tokens.get(session, first))
    assert found is not None
    assert revoked is not None
    assert (found.id, revoked.revoked_at) == (second, at(1))


def test_no_two_keys_have_one_hash(database: Database) -> None:
    database.write_now(lambda session: tokens.add(session, key("a")))
    with pytest.raises(IntegrityError):
        database.write_now(lambda session: tokens.add(session, key("a")))


def test_a_callback_is_stored_once(database: Database) -> None:
    def post(body: bytes) -> bool:
        row = Callback(provider="sendgrid", digest="d", body=body, received_at=START)
        return database.write_now(lambda session: callbacks.insert_new(session, row))

    assert post(b"\x00\xff")
    assert not post(b"other")
