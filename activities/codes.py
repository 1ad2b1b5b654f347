"""What an activity that fails tells Temporal: a code and a place, and no word of the error's own (rules.md 22).

An exception crosses into Temporal's history with all that hangs on it; a database quotes the row that it refused.
"""

from __future__ import annotations

from typing import Any

import structlog
from temporalio.exceptions import ApplicationError, TemporalError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from trouble import place_of

log = structlog.get_logger()


class CodesOnly(Interceptor):
    """For every worker that runs activities."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _CodesOnly(next)


class _CodesOnly(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await super().execute_activity(input)
        except TemporalError:  # ours, which hold codes already
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its words stay here
            kind, place = type(error).__name__, place_of(error)
            log.error("activity.failed", activity=input.fn.__name__, error=kind, at=place)  # noqa: TRY400
        # Raised out here, so that nothing of the first exception hangs on to this one.
        raise ApplicationError(f"{kind} at {place}", type=kind)
