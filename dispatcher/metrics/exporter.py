"""The books' metrics: read when somebody asks, at most once a second.

They are of the whole deployment. Several exporters of the same books say the same: of theirs one
counts, and they are never summed.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from threading import Lock

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from dispatcher.books import monitoring
from dispatcher.books.monitoring import Figures
from dispatcher.books.session import make_engine, snapshot
from dispatcher.errors import DispatcherError
from dispatcher.lifecycle import usable_window
from dispatcher.settings import Settings

_FRESH = 1.0
_HELD_BY = (
    *("window", "rate", "account", "canary", "paused", "schedule"),
    *("workers", "broker", "database", "doubt"),
)

log = logging.getLogger("dispatcher.metrics")


class BooksExporter(Collector):
    """What the books of these settings' database come to; `dispatcher_up` 0 where it is away."""

    def __init__(self, settings: Settings) -> None:
        self._engine: Engine = make_engine(settings.require_database_url(), connections=1)
        self._window = usable_window(settings.pack_id_window, settings.request_timeout)
        self._lock = Lock()
        self._read: tuple[Metric, ...] = ()
        self._until = 0.0
        self._is_up = True

    def collect(self) -> Iterable[Metric]:
        """The metrics as they are now; whoever asks within the same second gets the same."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._read = tuple(self._measured())
                self._until = time.monotonic() + _FRESH
            return self._read

    def _measured(self) -> Iterable[Metric]:
        try:
            with snapshot(self._engine) as connection:
                figures = monitoring.measure(connection, self._window)
        except DispatcherError as error:
            self._tell(error)
            return [_up(0)]
        self._tell(None)
        return [_up(1), *metrics_of(figures)]

    def _tell(self, error: DispatcherError | None) -> None:
        """The first failure, and the end of them."""
        if error is not None and self._is_up:
            log.warning("%s Trying again whenever somebody asks.", error)
        elif error is None and not self._is_up:
            log.warning("The books can be read again.")
        self._is_up = error is None


def _up(value: int) -> Metric:
    return _number("up", "Whether the books could be read.", value)


def metrics_of(figures: Figures) -> Iterable[Metric]:
    """The figures as Prometheus reads them."""
    due, doubt, fleet = figures.due, figures.doubt, figures.fleet
    yield _labelled("campaigns", "Campaigns, by state.", "state", figures.campaigns)
    yield _labelled("chunks", "Chunks of live campaigns, by state.", "state", figures.chunks)
    yield _number("due_chunks", "Chunks that may be sent now.", due.chunks)
    yield _number(
        "oldest_due_seconds",
        "How long the longest waiting of the chunks that may be sent has been due.",
        due.oldest.total_seconds(),
    )
    yield _number(
        "stalled_seconds",
        "How long a campaign with chunks that may be sent has made no request, at most.",
        due.stalled.total_seconds(),
    )
    yield _number(
        "in_doubt_chunks", "Chunks that may have been sent, to be asked about again.", doubt.chunks
    )
    if doubt.time_left is not None:
        yield _number(
            "doubt_window_seconds",
            "How much longer the oldest chunk in doubt can be asked about; absent without one.",
            doubt.time_left.total_seconds(),
        )
    yield _number(
        "unresolved_members",
        "Unresolved members of campaigns that are live or ended within the hour.",
        figures.unresolved_members,
    )
    by = {reason: figures.held.get(reason, 0) for reason in _HELD_BY}
    yield _labelled("held_campaigns", "Live campaigns that wait, by what holds them.", "by", by)
    yield _number(
        "self_paused_campaigns",
        "Campaigns that paused themselves and wait for a person.",
        figures.paused_themselves,
    )
    holds = {name: hold.total_seconds() for name, hold in figures.account_holds.items()}
    yield _labelled("account_hold_seconds", "How much longer an account rests.", "account", holds)
    told = figures.webhooks
    yield _number("waiting_webhooks", "Webhooks that are to be delivered yet.", told.waiting)
    yield _number(
        "oldest_webhook_seconds",
        "How long the longest waiting webhook has been there.",
        told.oldest.total_seconds(),
    )
    yield _number("given_up_webhooks", "Webhooks of the week that were given up.", told.given_up)
    yield _number("workers", "Live worker processes.", fleet.workers)
    yield _number("slots", "Requests that the live workers make at once, at most.", fleet.slots)
    yield _number("deaf_workers", "Live workers that take no message.", fleet.deaf)
    yield _number("leader", "Whether some worker publishes and sweeps.", int(fleet.is_led))


def _number(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"dispatcher_{name}", words, value=value)


def _labelled(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"dispatcher_{name}", words, labels=[label])
    for each, value in values.items():
        family.add_metric([str(each)], value)
    return family
