"""The database: tables, the transactions that change them, and every query.

Rules of this room:

- Every query of the project is here, one module an aggregate. A query function takes the session first, does one
  thing, and leaves the transaction to `Database.write` or `Database.read`.
- A function given to `write` may be run a second time (a group commit that failed is repeated call by call), so it has
  no effect but through its session, and nothing is awaited in it.
- One schema serves SQLite and PostgreSQL. What differs between them is in `connections.py` and `types.py` only.
- Whoever locks more than one row locks customers before journeys, and each in the order of their ids: two who took the
  same in different orders would wait for each other, and PostgreSQL would break one of them off. Who cannot keep to
  that passes over what is locked (SKIP LOCKED).
- Whatever is compared (due times, pauses, claims) is stamped by the caller's clock, never by the database's: a journey
  in simulation lives days ahead of it (rules.md 5).
- Text holds no NUL character and no half of a surrogate pair, and JSON no NaN: PostgreSQL cannot keep them.
"""
