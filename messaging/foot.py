"""What the law wants to see in every marketing e-mail: who sent it, with a postal address, and the way out.

A message that does not show both to its reader is refused, whatever its template looks like (CAN-SPAM, and what the
mailbox providers ask for). Rendering is the last guard; `check` says it to the author, long before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from messaging import hrefs

_SHOWN_BY = {"no-postal-address": "postal_address", "no-unsubscribe-link": "unsubscribe_url"}
"""What may lack, by its code, and the name by which a template shows it."""


def lacking(html: str, text: str, given: Mapping[str, str]) -> list[str]:
    """What a marketing e-mail does not show: `no-postal-address`, `no-unsubscribe-link`, both or nothing.

    `text` is its text part, which holds what can be seen of the HTML; `given` is what Milepost gave the template.
    """
    address, url = _plain(given.get("postal_address", "")), given.get("unsubscribe_url", "")
    has_address = bool(address) and address in _plain(text)
    # The text part has the address of every link, unless the link's face is an image without words.
    has_link = bool(url) and (url in text or url in hrefs.links(html))
    return [code for code, found in zip(_SHOWN_BY, (has_address, has_link), strict=True) if not found]


def never_shown(names: Collection[str]) -> list[str]:
    """What a template surely does not show, judged by the names in it."""
    return [code for code, name in _SHOWN_BY.items() if name not in names]


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
