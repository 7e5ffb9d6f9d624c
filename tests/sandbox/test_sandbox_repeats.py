"""The vendor refuses a pack_id again for a while after it was accepted."""

from __future__ import annotations

import socket
from collections.abc import Callable

import orjson

from sandbox.packs import Packs
from tests.sandbox.process import Sandbox, push


def test_a_repeat_is_refused_until_the_window_closes_and_does_not_prolong_it(
    start_sandbox: Callable[..., Sandbox],
) -> None:
    sandbox = start_sandbox("--window", "0.5")
    assert sandbox.code(push(pack_id="p")) == 200
    assert sandbox.code(push(pack_id="p")) == 32

    while sandbox.code(push(pack_id="p")) == 32:
        assert sandbox.process.poll() is None

    first, *repeats, last = sandbox.journal()
    assert last["monotonic"] - first["monotonic"] >= 0.5
    assert {entry["verdict"] for entry in repeats} == {"refused"}
    assert repeats[-1]["monotonic"] - first["monotonic"] < 0.5
    assert sandbox.pushes({"token": "anna"}) == [2]


def test_a_refused_request_does_not_use_its_pack_id_up(sandbox: Sandbox) -> None:
    wrong = push(pack_id="unused", app_id="nowhere")
    nobody = push(pack_id="unused", audience=[{"androidId": "not for ios"}])
    assert [sandbox.code(wrong), sandbox.code(nobody)] == [6, 33]

    assert sandbox.code(push(pack_id="unused")) == 200


def test_a_repeat_is_refused_while_the_first_still_waits_for_its_reply(sandbox: Sandbox) -> None:
    sandbox.become(latency=60)
    body = orjson.dumps(push(pack_id="slow"))
    head = b"POST /api/v1/push/send HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(sandbox.address) as connection:
        connection.sendall(head + body)
        while sandbox.ledger()["accepted"] == 0:
            assert sandbox.process.poll() is None
        sandbox.become(latency=0)

        assert sandbox.code(push(pack_id="slow")) == 32


def test_requests_without_a_pack_id_are_never_repeats(sandbox: Sandbox) -> None:
    assert [sandbox.code(push()), sandbox.code(push())] == [200, 200]


def test_resetting_the_ledger_leaves_the_refusals(sandbox: Sandbox) -> None:
    sandbox.send(push(pack_id="kept"))
    sandbox.ask("DELETE", "ledger")

    assert sandbox.code(push(pack_id="kept")) == 32


def test_pack_ids_are_forgotten_after_their_window() -> None:
    packs = Packs(window=10)
    for second in range(10_000):
        packs.accept(f"pack-{second}", now=second)
        assert len(packs) <= 10

    assert packs.refuses("pack-9991", now=10_000)
    assert not packs.refuses("pack-9990", now=10_000)


def test_a_window_of_nothing_refuses_nothing() -> None:
    packs = Packs(window=0)
    packs.accept("p", now=1)

    assert not packs.refuses("p", now=1)


def test_a_request_with_a_poisoned_user_reaches_nobody_and_leaves_its_pack_id_unused(
    sandbox: Sandbox,
) -> None:
    both = [{"token": "anna"}, {"token": "bob"}]
    sandbox.become(poisoned=[{"token": "bob"}])
    assert sandbox.code(push(pack_id="poisoned", audience=both)) == 30
    assert sandbox.pushes(*both) == [0, 0]

    assert sandbox.code(push(pack_id="poisoned")) == 200
    assert sandbox.code(push(pack_id="poisoned", audience=both)) == 32
