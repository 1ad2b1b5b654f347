"""The links that a customer finds in a message. Each names one message, for one purpose, and is signed by us.

A link must work for as long as somebody keeps the mail, so it never expires; and one for confirming is no link for
unsubscribing, so each purpose has a signature of its own. The message's id says whom and what it is about: nothing
personal is in a link.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from itsdangerous import BadData, URLSafeSerializer

Kind = Literal["unsubscribe", "preferences", "confirm"]

PATHS: dict[Kind, str] = {"unsubscribe": "u", "preferences": "preferences", "confirm": "confirm"}
"""The first part of a link's path; the token is the second."""


class Links:
    """Makes and reads links below `public_url`, signed with `secret_key`: whoever changes that key breaks them all.

    `secret` is that key, which keys the hashes of addresses as well.
    """

    def __init__(self, public_url: str, secret_key: str) -> None:
        self._url = public_url.rstrip("/")
        self.secret = secret_key.encode()
        self._signers = {
            kind: URLSafeSerializer(
                secret_key,
                salt=f"milepost.{kind}",
                signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
            )
            for kind in PATHS
        }

    def unsubscribe(self, message_id: str) -> str:
        """Where to withdraw consent to the message's topic; takes the one-click POST of RFC 8058."""
        return self._link("unsubscribe", message_id)

    def preferences(self, message_id: str) -> str:
        """Where the message's customer chooses topics by channel."""
        return self._link("preferences", message_id)

    def confirm(self, message_id: str) -> str:
        """Where the message's customer confirms that they asked for a topic."""
        return self._link("confirm", message_id)

    def read(self, kind: Kind, token: str) -> str | None:
        """The id of the message that a link of this kind names; None where the token is not one that we made."""
        try:
            message_id = self._signers[kind].loads(token)
        except BadData:
            return None
        # Base 64 passes over signs that it does not know: only the very token that we made is one.
        if not isinstance(message_id, str) or self._signers[kind].dumps(message_id) != token:
            return None
        return message_id

    def _link(self, kind: Kind, message_id: str) -> str:
        return f"{self._url}/{PATHS[kind]}/{self._signers[kind].dumps(message_id)}"
