"""An identity provider that speaks OpenID Connect: authorization code flow with PKCE (RFC 7636).

It says who somebody is, and nothing about what they may do. Only an address that it has verified counts: otherwise
anybody could claim one.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

PATIENCE = 10
"""Seconds that the provider has to answer."""

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Signatures that count; none that are made with the client's own secret, or with nothing."""


class ProviderFailed(Exception):
    """The provider did not answer, or not as OpenID Connect says."""


class NotVerified(Exception):
    """The provider does not vouch for the address of whoever signed in."""


@dataclass
class Provider:
    """An identity provider, by its issuer's address. It is asked for its addresses and keys when they are needed."""

    issuer: str
    client_id: str
    client_secret: str
    name: str = "your identity provider"
    _known: dict[str, Any] = field(default_factory=dict)

    def asking(self, back: str, state: str, nonce: str, verifier: str) -> str:
        """The address at which somebody signs in there."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": back, "scope": "openid email",
            "state": state, "nonce": nonce, "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        asked = requests.Request("GET", self._configuration()["authorization_endpoint"], params=query).prepare().url
        assert asked is not None
        return asked

    def email_of(self, code: str, back: str, nonce: str, verifier: str) -> str:
        """The verified address of whoever signed in, in lower case. Raises ProviderFailed and NotVerified."""
        told = self._call(
            "POST", self._configuration()["token_endpoint"], auth=(self.client_id, self.client_secret),
            data={"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier},
        )  # fmt: skip
        claims = self._claims(str(told.get("id_token", "")))
        wanted = jwt.JWTClaimsRegistry(
            leeway=60,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            wanted.validate(claims)
        except JoseError as error:
            raise ProviderFailed(f"a token that is not for us: {error.error}") from None
        if not isinstance(claims.get("email"), str) or claims.get("email_verified") is not True:
            raise NotVerified
        email: str = claims["email"].strip().lower()
        return email

    def _claims(self, token: str) -> dict[str, Any]:
        """What a token says, its signature checked; with the provider's keys of now where those we know do not fit."""
        for fresh in (False, True):
            if fresh or "keys" not in self._known:
                self._known["keys"] = self._call("GET", self._configuration()["jwks_uri"])
            try:
                return dict(jwt.decode(token, KeySet.import_key_set(self._known["keys"]), algorithms=ALGORITHMS).claims)
            except (JoseError, ValueError) as error:
                failed = error
        raise ProviderFailed(f"a token that cannot be checked: {type(failed).__name__}")

    def _configuration(self) -> dict[str, Any]:
        if "configuration" not in self._known:
            found = self._call("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self.issuer:
                raise ProviderFailed("it calls itself by another issuer")
            self._known["configuration"] = found
        known: dict[str, Any] = self._known["configuration"]
        return known

    def _call(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        try:
            answer = requests.request(method, url, timeout=PATIENCE, allow_redirects=False, **more)
            answer.raise_for_status()
            found = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise ProviderFailed(type(error).__name__) from None
        if not isinstance(found, dict):
            raise ProviderFailed("no JSON object")
        return found
