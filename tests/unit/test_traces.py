"""Which traces are told, and what becomes of them where nobody takes them."""

import logging
import time
from collections.abc import Mapping
from uuid import UUID

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from dispatcher import extras, tracing
from dispatcher.errors import SettingError
from dispatcher.redaction import redact
from dispatcher.tracing import Attempt, Making, ids
from dispatcher.tracing.telling import Telling, make_tracer
from dispatcher.tracing.variables import asks_for_traces
from tests.otlp_collector import collecting
from tests.waiting import eventually

CAMPAIGN = UUID("0b5a4d9e-3f60-4a52-9d63-0f4f7a3f1c2e")
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "shop"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, False),
        (ENDPOINT | {"OTEL_TRACES_SAMPLER": "always_off"}, False),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
    ],
)
def test_traces_are_told_where_a_variable_asks_for_them(
    variables: Mapping[str, str], asked: bool
) -> None:
    assert asks_for_traces(variables) is asked


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "write it as http://HOST:4318"),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "only http/protobuf"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "only otlp is known"),
    ],
)
def test_what_cannot_be_told_so_is_said_and_nothing_ends(
    variables: Mapping[str, str], said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        asks_for_traces(variables)
    heard: list[str] = []
    assert not tracing._make(variables, heard.append).tells
    assert len(heard) == 1
    assert heard[0].startswith("No traces are told. OTEL_")


def test_where_the_packages_lack_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    heard: list[str] = []
    assert not tracing._make(ENDPOINT, heard.append).tells
    assert heard == [
        "No traces are told. Traces need an extra: pip install 'push-campaign-dispatcher[tracing]'."
    ]


def test_a_campaign_s_trace_is_its_id_and_its_chunks_have_others() -> None:
    assert trace.format_trace_id(ids.campaign_trace(CAMPAIGN)) == CAMPAIGN.hex
    traces = {ids.chunk_trace(CAMPAIGN, chunk) for chunk in range(1, 1_001)}
    spans = {ids.attempt_span(CAMPAIGN, 1, attempt) for attempt in range(1, 1_001)}
    assert len(traces) == len(spans) == 1_000
    assert all(0 < span < 2**64 for span in spans)
    assert ids.chunk_trace(CAMPAIGN, 12) != ids.chunk_trace(CAMPAIGN, 1)


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """One chunk in ten."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.1")


def attempt(chunk: int, number: int = 1) -> Attempt:
    now = time.time()
    times = now - 0.2, now - 0.1, now
    return Attempt(CAMPAIGN, chunk, number, "accepted", "delivered", 200, None, *times)


def making() -> Making:
    now = time.time()
    return Making(CAMPAIGN, 1_000_000, 1_000, now - 2, now - 1, now)


@pytest.mark.usefixtures("sampled")
def test_a_part_of_the_chunks_is_told_with_all_their_attempts_and_every_campaign() -> None:
    with collecting() as collector:
        told = make_tracer({}, f"{collector.url}/v1/traces")
        told.made(making())
        for chunk in range(1, 1_001):
            told.tried(attempt(chunk, 1))
            told.tried(attempt(chunk, 2))
        told.close()
    attempts = collector.named("chunk attempt")
    chunks = {it.attributes["dispatcher.chunk"] for it in attempts}
    assert 60 < len(chunks) < 140
    assert len(attempts) == 2 * len(chunks)
    assert len(collector.named("make campaign")) == 1
    for chunk in (*list(chunks)[:5], *({*range(1, 1_001)} - chunks)):
        where = told.ids(CAMPAIGN, chunk, 2)
        assert bool(where) == (chunk in chunks)
    by_id = {it.span: it.trace for it in attempts}
    where = told.ids(CAMPAIGN, min(chunks), 2)
    assert by_id[where["span_id"]] == where["trace_id"]


def test_a_caller_s_trace_and_the_campaign_s_are_linked() -> None:
    caller = TracerProvider().get_tracer("application")
    with collecting() as collector:
        told = make_tracer({}, f"{collector.url}/v1/traces")
        with caller.start_as_current_span("request") as request:
            told.made(making())
        told.close()
    (made,) = collector.named("make campaign")
    there = request.get_span_context()
    assert made.links == (
        (trace.format_trace_id(there.trace_id), trace.format_span_id(there.span_id)),
    )
    assert made.trace == CAMPAIGN.hex
    (link,) = request.links  # type: ignore[attr-defined]
    assert link.context.trace_id == CAMPAIGN.int


def test_a_collector_that_takes_nothing_is_said_once_and_so_is_its_return(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    caplog.set_level(logging.WARNING)
    with collecting() as collector:
        collector.status = 500
        told = make_tracer({}, f"{collector.url}/v1/traces")

        def lines() -> int:
            told.tried(attempt(1))
            return len(caplog.messages)

        eventually(lambda: lines() == 1)
        before = len(collector.spans)
        collector.status = 200
        eventually(lambda: lines() == 2)
        told.close()
    assert before == 0
    assert [words.partition(",")[0] for words in caplog.messages] == [
        "traces are lost",
        "traces are told again",
    ]


def test_the_collector_s_keys_are_secrets() -> None:
    variables = ENDPOINT | {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=of-the-telescope,x=y"}
    made = tracing._make(variables, print)
    assert isinstance(made, Telling)
    made.close()
    assert redact("refused: of-the-telescope") == "refused: ***"
