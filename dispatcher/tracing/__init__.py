"""Traces, where OpenTelemetry's variables ask for them and its packages are installed.

A campaign has one trace, and each of its chunks another, linked to it: one trace of a hundred
thousand chunks is more than what shows traces can take. Spans are told once they are over, with the
times that they had.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dispatcher.errors import SettingError
from dispatcher.extras import require_tracing
from dispatcher.forks import not_while_forking
from dispatcher.redaction import remember, secrets_in
from dispatcher.tracing.variables import asks_for_traces, secrets

log = logging.getLogger("dispatcher.tracing")


@dataclass(frozen=True, slots=True)
class Making:
    """How a campaign was made: three times, in seconds since 1970."""

    campaign: UUID
    members: int
    chunks: int
    began: float
    prepared: float
    committed: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a chunk, and the times when it was asked for, claimed and answered.

    `outcome` is the name of what it came to, `state` the chunk's since; `http_status` and the
    vendor's `code` are None where there was none.
    """

    campaign: UUID
    chunk: int
    number: int
    outcome: str
    state: str
    http_status: int | None
    code: int | None
    asked: float
    claimed: float
    answered: float


@dataclass(frozen=True, slots=True)
class Run:
    """A campaign from its beginning to its end; `acts` is what was done to it meanwhile."""

    campaign: UUID
    state: str
    members: Mapping[str, int]
    began: datetime
    ended: datetime
    acts: Sequence[tuple[datetime, str]]


class Tracer:
    """Tells nothing: what a process has that was not asked for traces, or cannot tell them."""

    tells = False

    def made(self, making: Making) -> None:
        """A campaign was made."""

    def tried(self, attempt: Attempt) -> None:
        """A chunk was tried."""

    def ran(self, run: Run) -> None:
        """A campaign has ended."""

    def ids(self, campaign: UUID, chunk: int, attempt: int) -> dict[str, str]:
        """`trace_id` and `span_id` of an attempt, for log lines; nothing where it is not told."""
        return {}


_none = Tracer()
_making = threading.Lock()
_made: Tracer | None = None


def tracer(said: Callable[[str], None] = log.debug) -> Tracer:
    """This process's one tracer; `said` is told, once, why a wanted one cannot be had."""
    global _made
    with not_while_forking(), _making:
        if _made is None:
            _made = _make(os.environ, said)
        return _made


def _make(environ: Mapping[str, str], said: Callable[[str], None]) -> Tracer:
    try:
        if not asks_for_traces(environ):
            return _none
        require_tracing()
    except SettingError as error:
        said(f"No traces are told. {error}")
        return _none
    remember(*secrets(environ))
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        remember(*secrets_in(environ.get(name, "")))
    from dispatcher.tracing.telling import make_tracer

    return make_tracer(environ)


class Stopwatch:
    """The times of a campaign's making."""

    def __init__(self) -> None:
        self._began = self._prepared = time.time()

    def prepared(self) -> None:
        """Its audience is there."""
        self._prepared = time.time()

    def made(self, campaign: UUID, *, members: int, chunks: int) -> None:
        """It was made in this moment, or is with the caller's commit."""
        times = self._began, self._prepared, time.time()
        tracer().made(Making(campaign, members, chunks, *times))
