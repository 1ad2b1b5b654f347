"""What Prometheus reads: how events come in, and how far applying them lags.

Nothing here names a customer, a key or a milestone: a metric is not a place for personal data, and what many things are
counted by grows without end.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.fields import Handed
from api.problems import documented
from intake.acceptor import Acceptor
from intake.overview import Lag, lag

router = APIRouter()


@router.get("/metrics", tags=["health"], response_class=Response, responses=documented(503))
async def metrics(parts: Handed) -> Response:
    """Counters of this process, and the lag of the whole, in Prometheus's text format."""
    now = parts.clock()
    found = await parts.database.read(lambda session: lag(session, now))
    registry = CollectorRegistry()
    registry.register(_Figures(parts.acceptor, found))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    def __init__(self, acceptor: Acceptor, found: Lag) -> None:
        self._acceptor, self._lag = acceptor, found

    def collect(self) -> Iterator[Metric]:
        counts, lag = self._acceptor.counts, self._lag
        for name, says, value in (
            ("accepted", "Events that this process stored.", counts.accepted),
            ("duplicate", "Events that were there before.", counts.duplicates),
            ("unstorable", "Events with a value that cannot be stored.", counts.unstorable),
            ("overloaded", "Events that were refused because too many waited.", counts.overloaded),
        ):
            yield CounterMetricFamily(f"milepost_events_{name}", says, value)
        for name, says, level in (
            ("queued", "Events that wait in this process to be stored.", self._acceptor.waiting),
            ("waiting", "Stored events that wait to be applied.", lag.waiting),
            ("lag_seconds", "For how long the oldest of them has waited.", lag.seconds),
            ("failed", "Events that were set aside after too many attempts.", lag.failed),
        ):
            yield GaugeMetricFamily(f"milepost_events_{name}", says, level)
