"""HTTP to one provider: connections kept open, limits of time, and what an answer, or none, proves about a message.

A message is handed over by one request. Nothing here tries again or follows a redirect: no provider can tell a second
try from a second message. Nothing of an answer's text is kept, as it may quote an address; an answer is its numbers.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import inf
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests
import structlog
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3 import exceptions as urllib3
from whenever import Instant

from messaging.sending import Outcome

TIMEOUTS = (5.0, 30.0)
"""Seconds to connect, and seconds to wait for an answer."""

THREADS = 32
"""How many threads send at once; each finds a connection of its own."""

REST = 15.0
"""Seconds without use after which a connection is opened anew: a provider closes it sooner or later, and a message that
is being written at that moment would be unknown."""

PAUSE = 30.0
"""Seconds to wait where the provider does not say how long."""

LONGEST = 3600.0
"""Seconds after which we ask again, however long a provider wants us to wait."""

log = structlog.get_logger()

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# It writes the address of every request to its log, and a question about a number has the number in its address.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


class Answered(Exception):
    """The provider's answer is another than the one hoped for. `wait`: seconds it asks for; `code`: its own number."""

    def __init__(self, status: int, wait: float | None = None, code: int | None = None) -> None:
        super().__init__(f"status {status}, code {code}")
        self.status, self.wait, self.code = status, wait, code


class Connection:
    """Keeps up to `threads` connections to one provider open. Safe to use from several threads.

    A proxy and a bundle of certificates come from the environment, as for every program (`HTTPS_PROXY`,
    `REQUESTS_CA_BUNDLE`). ValueError where `base_url` is no address of a server.
    """

    def __init__(
        self, base_url: str, *, threads: int, timeouts: tuple[float, float], clock: Callable[[], Instant]
    ) -> None:
        split = urlsplit(base_url)
        if split.scheme not in {"http", "https"} or not split.hostname or split.query or split.fragment:
            raise ValueError("a provider's address is https://HOST")
        self.base_url, self._timeouts, self._clock = base_url.rstrip("/"), timeouts, clock
        self._session = requests.Session()
        # Asked once and not for every request; and a netrc file would put another key in the place of ours.
        found = self._session.merge_environment_settings(base_url, {}, None, None, None)
        self._session.trust_env = False
        self._session.proxies, self._session.verify = found["proxies"], found["verify"]
        adapter = HTTPAdapter(pool_maxsize=threads, max_retries=0)
        adapter.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        self._session.mount(f"{split.scheme}://", adapter)

    def request(
        self,
        method: str,
        url: str,
        expected: int,
        *,
        data: Any = None,
        params: Any = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> requests.Response:
        """The answer, which has the status `expected`. Raises Answered for any other, RequestException for none."""
        answer = self._session.request(
            method, url, params=params, data=data, headers=headers, auth=auth,
            timeout=self._timeouts, allow_redirects=False,
        )  # fmt: skip
        if answer.status_code != expected:
            raise Answered(answer.status_code, self._wait(answer), _code(answer))
        return answer

    def close(self) -> None:
        self._session.close()

    def _wait(self, answer: requests.Response) -> float | None:
        """Seconds that the answer asks us to wait. Retry-After is meant for us; the reset is that of a window."""
        seconds = None
        after, reset = answer.headers.get("Retry-After", ""), answer.headers.get("X-RateLimit-Reset", "")
        if after.isdecimal():
            seconds = float(after)
        elif after:
            seconds = self._until(after)
        if seconds is None and reset.isdecimal():
            seconds = float(reset) - self._clock().timestamp()
        return None if seconds is None else min(max(seconds, 1.0), LONGEST)

    def _until(self, date: str) -> float | None:
        try:
            when = parsedate_to_datetime(date)
        except ValueError:
            return None
        return when.replace(tzinfo=when.tzinfo or UTC).timestamp() - self._clock().timestamp()


def meaning(error: Exception, sender: str) -> Outcome:
    """What a failed request proves: the table of results that both providers share."""
    if isinstance(error, Answered):
        return _answered(error, sender)
    if isinstance(error, requests.RequestException) and _never_left(error):
        return Outcome("later", "provider-unreachable", wait=PAUSE, sender=sender)
    if not isinstance(error, requests.RequestException):
        log.error("provider.trouble", provider=sender, error=type(error).__name__)
    return Outcome("unknown", "no-answer", sender=sender)


def unfit(*headers: str, text: str = "") -> bool:
    """Whether a message cannot be put on the wire as it is: a header that would go on in a second line, or signs that
    no encoding has.
    """
    try:
        for part in (*headers, text):
            part.encode()
    except UnicodeEncodeError:
        return True
    return any(_CONTROL.search(header) for header in headers)


class _Resting:
    """Notes when a connection comes back, and closes one that has rested for too long; urllib3 then opens it anew."""

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.resting_since = monotonic()
        super()._put_conn(conn)  # type: ignore[misc]  # that of the pool beside it

    def _get_conn(self, timeout: float | None = None) -> Any:
        conn = super()._get_conn(timeout)  # type: ignore[misc]  # that of the pool beside it
        if monotonic() - getattr(conn, "resting_since", inf) > REST:
            conn.close()
        return conn


class _Pool(_Resting, HTTPConnectionPool):
    pass


class _SecurePool(_Resting, HTTPSConnectionPool):
    pass


def _answered(answer: Answered, sender: str) -> Outcome:
    match answer.status:
        case 429:
            wait = PAUSE if answer.wait is None else answer.wait
            return Outcome("later", "rate-limited", wait=wait, sender=sender)
        # 404, 405 and a proxy's 407 speak of our account and our settings too, and not of the message: rejecting would
        # burn every message of a campaign for a wrong address in a setting.
        case 401 | 403 | 404 | 405 | 407:
            return Outcome("later", "provider-refuses-us", wait=PAUSE, sender=sender)
        case 408:
            return Outcome("unknown", "no-answer", sender=sender)
        case status if 400 <= status < 500:
            return Outcome("rejected", "rejected", sender=sender)
        case _:
            return Outcome("unknown", "provider-failed", sender=sender)


def _never_left(error: requests.RequestException) -> bool:
    """Whether the connection failed before anything of the request was written.

    An error of TLS may also come in the middle of an answer, so only that of the certificate counts.
    """
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, urllib3.SSLError):
        return bool(reason.args) and isinstance(reason.args[0], ssl.SSLCertVerificationError)
    if isinstance(reason, urllib3.ProxyError):
        # Also a connection that breaks after the request is told as one of the proxy. A CONNECT that the proxy refuses
        # is a plain OSError with these words, and comes before anything of the request.
        reason = reason.original_error
        if type(reason) is OSError:
            return str(reason).startswith("Tunnel connection failed")
    return isinstance(reason, urllib3.NewConnectionError | urllib3.ConnectTimeoutError)


def _code(answer: requests.Response) -> int | None:
    """The number that Twilio gives to an error, beside the status."""
    try:
        code = answer.json().get("code")
    except (ValueError, AttributeError):
        return None
    return code if isinstance(code, int) else None
