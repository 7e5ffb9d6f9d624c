"""What this worker process counts of its own requests, for Prometheus.

The counters are in its memory and begin at nothing with it. No label names a campaign.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dispatcher.lifecycle import OUTCOME_NAMES, ChunkState, NotSent, Outcome, name_of
from dispatcher.metrics.serving import serve
from dispatcher.settings import Settings

if TYPE_CHECKING:
    from dispatcher.books.transitions import Report

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_SETTLED_BY_A_REQUEST = (
    ChunkState.DELIVERED,
    ChunkState.UNCOUNTED,
    ChunkState.REJECTED,
    ChunkState.UNRESOLVED,
)

log = logging.getLogger("dispatcher.worker")


class Meter:
    """Counts nothing: what a worker has whose metrics nobody asked for."""

    def requested(self, account: str, outcome: Outcome, seconds: float) -> None:
        """A request was made, or could not be, and took so long."""

    def recorded(self, report: Report) -> None:
        """What an attempt came to is in the books."""


class PrometheusMeter(Meter):
    """Counts for `metrics`, of the process besides.

    It makes requests for `accounts` alone, whose series are all there at once.
    """

    def __init__(self, accounts: tuple[str, ...]) -> None:
        from prometheus_client import (
            CollectorRegistry,
            Counter,
            Histogram,
            ProcessCollector,
            disable_created_metrics,
        )

        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.metrics = CollectorRegistry()
        ProcessCollector(registry=self.metrics)
        requests = Counter(
            "dispatcher_requests_total",
            "Requests to the Push API, by what they came to.",
            ("account", "outcome"),
            registry=self.metrics,
        )
        self._seconds = Histogram(
            "dispatcher_request_seconds",
            "How long requests took of which a byte was sent.",
            buckets=_SECONDS,
            registry=self.metrics,
        )
        members = Counter(
            "dispatcher_members_total",
            "Members whose chunk this worker's requests settled, by its state.",
            ("account", "state"),
            registry=self.metrics,
        )
        # To find a series by its labels takes longer than to count.
        self._requests_of = {
            (account, name): requests.labels(account, name)
            for account in accounts
            for name in OUTCOME_NAMES.values()
        }
        self._members_of = {
            (account, state): members.labels(account, state)
            for account in accounts
            for state in _SETTLED_BY_A_REQUEST
        }

    def requested(self, account: str, outcome: Outcome, seconds: float) -> None:
        self._requests_of[account, name_of(outcome)].inc()
        if not isinstance(outcome, NotSent):
            self._seconds.observe(seconds)

    def recorded(self, report: Report) -> None:
        state = report.decision.state
        if state in _SETTLED_BY_A_REQUEST:
            self._members_of[report.claim.account, state].inc(report.claim.size)


def serving_meter(settings: Settings) -> Meter:
    """The meter that DISPATCHER_METRICS_PORT asks for, served there.

    Raises SettingError where it cannot be.
    """
    if settings.metrics_port is None:
        return Meter()
    meter = PrometheusMeter(tuple(settings.tokens))
    url = serve(meter.metrics, settings.metrics_port, "DISPATCHER_METRICS_PORT")
    log.warning("This worker's metrics are at %s.", url)
    return meter
