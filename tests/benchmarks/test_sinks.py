"""The Push API's stand-ins accept what workers send, and remember when it came."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import requests

from benchmarks.sinks import sink
from dispatcher.lifecycle import Accepted
from dispatcher.settings import Secret
from workers.envelope import Envelope
from workers.replies import read_reply

LATENCY = timedelta(seconds=0.05)


def test_a_sink_accepts_every_request_and_knows_when_each_came(tmp_path: Path) -> None:
    envelope = Envelope.of(Secret("t"), "app", None, '{"ios":{}}')
    with sink(tmp_path, LATENCY.total_seconds()) as target, requests.Session() as session:
        for number in range(3):
            body = envelope.body(str(number), '[{"token":"a"}]' * 5_000)
            reply = session.post(target.url, data=body)
            outcome = read_reply(reply.status_code, reply.headers, reply.content, envelope)
            assert outcome == Accepted(1000, 1000, 0, "[]")

    times = target.requests()
    assert len(times) == 3
    assert all(time.ended - time.began > LATENCY.total_seconds() / 2 for time in times)
    assert all(one.ended <= next_one.began for one, next_one in pairwise(times))


def test_a_sink_without_latency_remembers_its_requests(tmp_path: Path) -> None:
    with sink(tmp_path) as target, requests.Session() as session:
        statuses = [session.post(target.url, data=b"x" * 60_000).status_code for _ in range(3)]

    assert statuses == [200] * 3
    assert len(target.requests()) == 3
