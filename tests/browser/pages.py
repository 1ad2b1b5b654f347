"""The pages of the console, by name: what is looked at in a browser, and drawn for the documentation."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from store import customers
from tests.browser.site import Site

PAGES: Mapping[str, str] = {
    "find": "/",
    "your sessions": "/account",
}
"""Below /console. In braces stand customers of tests/console/people.py, and `JOURNEY` of one through `PLAYBOOK`:
`{ada}` is the customer's id, `{ada:first-90-days}` the journey's.
"""


class Names(dict[str, str]):
    """Makes addresses of the patterns above."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def __missing__(self, name: str) -> str:
        customer = customers.get(self.session, name)
        assert customer is not None, f"nobody is called {name}"
        return customer.id


async def addresses(site: Site) -> dict[str, str]:
    """Every page's address, by its name."""
    return await site.database.read(lambda session: {name: _filled(session, path) for name, path in PAGES.items()})


def _filled(session: Session, path: str) -> str:
    return path.format_map(Names(session))
