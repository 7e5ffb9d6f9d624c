"""Traces of a campaign: from the producer and the worker to a collector, over OTLP."""

import json

from tests.acceptance.audiences import csv_of, tokens
from tests.acceptance.conftest import NewProgram
from tests.otlp_collector import collecting
from tests.sandbox_process import running_push_api
from tests.waiting import eventually


def test_a_campaign_is_one_trace_and_each_of_its_chunks_another_that_is_linked(
    new_program: NewProgram,
) -> None:
    with collecting() as collector, running_push_api() as push_api:
        program = new_program(
            DISPATCHER_PUSH_API_URL=push_api.url,
            DISPATCHER_LOG="json",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_EXPORTER_OTLP_HEADERS="api-key=of-the-collector",
            OTEL_BSP_SCHEDULE_DELAY="200",
        )
        push_api.set_faults(next=[{"fault": "error_500_before"}, {"fault": "code_33"}])
        with program.worker() as worker:
            campaign = program.send(csv_of(program, "traced.csv", tokens("traced", 5_000)))
            program.until(campaign, "completed")
            eventually(lambda: collector.named("run campaign"), within=20)
        lines = [json.loads(line) for line in worker.said().splitlines() if line.startswith("{")]

    trace = campaign["id"].replace("-", "")
    (made,) = collector.named("make campaign")
    (ran,) = collector.named("run campaign")
    parts = [*collector.named("prepare audience"), *collector.named("commit campaign"), ran]
    assert (made.trace, made.parent, made.service) == (trace, "", "dispatcher")
    assert [(part.trace, part.parent) for part in parts] == [(trace, made.span)] * 3
    assert (ran.events, ran.attributes["dispatcher.campaign.state"]) == (
        ("send", "complete"),
        "completed",
    )
    assert ran.attributes["dispatcher.members.rejected"] == 1_000

    attempts = collector.named("chunk attempt")
    assert len(attempts) == 6
    assert {attempt.links for attempt in attempts} == {((made.trace, made.span),)}
    assert len({attempt.trace for attempt in attempts} - {trace}) == 5
    ways = {
        attempt.attributes["dispatcher.outcome"]: attempt
        for attempt in attempts
        if attempt.attributes["dispatcher.attempt"] == 1
    }
    assert {name: way.failed for name, way in ways.items()} == {
        "accepted": False,
        "in_doubt": True,
        "nobody_reached": True,
    }
    doubted = [it for it in attempts if it.trace == ways["in_doubt"].trace]
    assert [it.attributes["dispatcher.attempt"] for it in doubted] == [1, 2]
    statuses = {
        request.parent: request.attributes["http.response.status_code"]
        for request in collector.named("POST")
    }
    assert statuses[ways["in_doubt"].span] == 500
    assert statuses[ways["accepted"].span] == 200

    (told,) = (line for line in lines if "nobody_reached" in line["message"])
    nobody = ways["nobody_reached"]
    assert (told["trace_id"], told["span_id"]) == (nobody.trace, nobody.span)
    assert collector.headers["api-key"] == "of-the-collector"
    for secret in (b"traced-0", b"Hello", b"sandbox-token"):
        assert secret not in collector.raw
    assert not [span for span in collector.spans if span.began > span.ended]
