"""Telling traces to a collector, by OpenTelemetry's SDK: the only room that knows its packages.

A provider of our own: an application's, and its samplers, are none of our business.
"""

import atexit
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import local
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace import set_span_in_context as within
from opentelemetry.util.types import AttributeValue

from dispatcher.tracing import Attempt, Making, Run, Tracer, ids

_TIMEOUT = 2.0
"""Seconds for one delivery: the end of a process waits for what it has not told yet."""
_ATTEMPT = "chunk attempt"
_PUSHED = ("accepted", "already_sent")
_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"

Attributes = Mapping[str, AttributeValue]

log = logging.getLogger("dispatcher.tracing")


def make_tracer(environ: Mapping[str, str], endpoint: str | None = None) -> "Telling":
    """What tells a collector, at `endpoint` or where the variables say, until we end."""
    timeout = None if environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") else _TIMEOUT
    made = Telling(_Deliveries(OTLPSpanExporter(endpoint, timeout=timeout)))
    atexit.register(made.close)
    return made


class Telling(Tracer):
    """Tells every campaign's trace, and those of chunks that the variables' sampler picks."""

    tells = True

    def __init__(self, exporter: SpanExporter) -> None:
        self._ids = _GivenIds()
        provider = TracerProvider(
            resource=_resource(), id_generator=self._ids, shutdown_on_exit=False
        )
        # It is asked for chunks alone, before any of their spans is made.
        self._sampler, provider.sampler = provider.sampler, ALWAYS_ON
        provider.add_span_processor(BatchSpanProcessor(exporter))
        self._provider = provider
        self._tracer = provider.get_tracer("dispatcher")

    def made(self, making: Making) -> None:
        caller = trace.get_current_span()
        links = [Link(caller.get_span_context())] if caller.get_span_context().is_valid else []
        root = _root_of(making.campaign)
        caller.add_link(root)
        attributes: Attributes = {
            "dispatcher.campaign.id": str(making.campaign),
            "dispatcher.members": making.members,
            "dispatcher.chunks": making.chunks,
        }
        began, prepared = _nanoseconds(making.began), _nanoseconds(making.prepared)
        committed = _nanoseconds(making.committed)
        with self._ids.given(root):
            span = self._tracer.start_span(
                "make campaign", Context(), SpanKind.PRODUCER, attributes, links, began
            )
        self._part(span, "prepare audience", began, prepared)
        self._part(span, "commit campaign", prepared, committed)
        span.end(committed)

    def tried(self, attempt: Attempt) -> None:
        where = self._where(attempt.campaign, attempt.chunk, attempt.number)
        if where is None:
            return
        asked, claimed = _nanoseconds(attempt.asked), _nanoseconds(attempt.claimed)
        answered = _nanoseconds(attempt.answered)
        links = [Link(_root_of(attempt.campaign))]
        with self._ids.given(where):
            span = self._tracer.start_span(
                _ATTEMPT, Context(), SpanKind.CONSUMER, _said_of(attempt), links, asked
            )
        self._part(span, "claim", asked, claimed)
        answer: dict[str, AttributeValue] = {"http.request.method": "POST"}
        if attempt.http_status is not None:
            answer["http.response.status_code"] = attempt.http_status
        request = self._tracer.start_span(
            "POST", within(span, Context()), SpanKind.CLIENT, answer, start_time=claimed
        )
        if attempt.outcome not in _PUSHED:
            request.set_status(StatusCode.ERROR)
            span.set_status(StatusCode.ERROR)
        request.end(answered)
        span.end(answered)

    def ran(self, run: Run) -> None:
        root = trace.NonRecordingSpan(_root_of(run.campaign))
        attributes: dict[str, AttributeValue] = {
            "dispatcher.campaign.id": str(run.campaign),
            "dispatcher.campaign.state": run.state,
        }
        attributes |= {f"dispatcher.members.{name}": count for name, count in run.members.items()}
        span = self._tracer.start_span(
            "run campaign",
            within(root, Context()),
            attributes=attributes,
            start_time=_at(run.began),
        )
        for at, verb in run.acts:
            span.add_event(verb, timestamp=_at(at))
        span.end(_at(run.ended))

    def ids(self, campaign: UUID, chunk: int, attempt: int) -> dict[str, str]:
        where = self._where(campaign, chunk, attempt)
        if where is None:
            return {}
        return {
            "trace_id": trace.format_trace_id(where.trace_id),
            "span_id": trace.format_span_id(where.span_id),
        }

    def close(self) -> None:
        """Tell what is not told yet; a collector that does not take it is not waited for long."""
        self._provider.shutdown()

    def _where(self, campaign: UUID, chunk: int, attempt: int) -> SpanContext | None:
        """Where an attempt stands, if the sampler picks its chunk's trace."""
        of = ids.chunk_trace(campaign, chunk)
        decided = self._sampler.should_sample(None, of, _ATTEMPT, SpanKind.CONSUMER)
        if decided.decision is not Decision.RECORD_AND_SAMPLE:
            return None
        return _context(of, ids.attempt_span(campaign, chunk, attempt))

    def _part(self, of: Span, name: str, began: int, ended: int) -> None:
        self._tracer.start_span(name, within(of, Context()), start_time=began).end(ended)


class _GivenIds(RandomIdGenerator):
    """Random ids, but where a span is to have given ones."""

    def __init__(self) -> None:
        self._local = local()

    def given(self, context: SpanContext) -> "_GivenIds":
        """Within a `with`, this thread's next span is the one of the context."""
        self._local.context = context
        return self

    def __enter__(self) -> None:
        """What is given is given already."""

    def __exit__(self, *_: object) -> None:
        self._local.context = None

    def generate_trace_id(self) -> int:
        context = getattr(self._local, "context", None)
        return super().generate_trace_id() if context is None else context.trace_id

    def generate_span_id(self) -> int:
        context = getattr(self._local, "context", None)
        return super().generate_span_id() if context is None else context.span_id


class _Deliveries(SpanExporter):
    """An exporter that says once that it cannot deliver, and once that it can again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._local = local()
        self._troubled = False
        # Its own words come with every attempt; those of an application's exporter are not ours.
        logging.getLogger(_EXPORTER).addFilter(self._overhear)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._local.words = ""
        try:
            result = self._exporter.export(spans)
            words = self._local.words
        finally:
            self._local.words = None
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._troubled:
            log.warning("traces are lost, as nobody takes them; nothing else waits: %s", words)
        elif self._troubled and not failed:
            log.warning("traces are told again")
        self._troubled = failed
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def _overhear(self, record: logging.LogRecord) -> bool:
        """The first of its words in a delivery, which tell more than the last."""
        if (words := getattr(self._local, "words", None)) is None:
            return True
        self._local.words = words or record.getMessage()
        return False


def _resource() -> Resource:
    """What the variables say of this service; `dispatcher` where they do not name it."""
    named = Resource.create()
    if str(named.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return named.merge(Resource({SERVICE_NAME: "dispatcher"}))
    return named


def _root_of(campaign: UUID) -> SpanContext:
    return _context(ids.campaign_trace(campaign), ids.campaign_span(campaign))


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, True, TraceFlags(TraceFlags.SAMPLED))


def _said_of(attempt: Attempt) -> Attributes:
    """Whose text or token it was, nobody is told."""
    said: dict[str, AttributeValue] = {
        "dispatcher.campaign.id": str(attempt.campaign),
        "dispatcher.chunk": attempt.chunk,
        "dispatcher.attempt": attempt.number,
        "dispatcher.outcome": attempt.outcome,
        "dispatcher.chunk.state": attempt.state,
    }
    if attempt.code is not None:
        said["dispatcher.code"] = attempt.code
    return said


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)


def _at(moment: datetime) -> int:
    return _nanoseconds(moment.timestamp())
