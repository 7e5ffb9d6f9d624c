"""Each fault as a client meets it, and what it leaves behind in the ledger."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import orjson
import pytest
import requests

from tests.sandbox.process import Sandbox, push
from tests.waiting import eventually

RESET = b"(reset)"


@contextmanager
def sent(sandbox: Sandbox) -> Iterator[socket.socket]:
    """A connection over which one push has just gone."""
    body = orjson.dumps(push())
    head = b"POST /api/v1/push/send HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(sandbox.address, timeout=10) as connection:
        connection.sendall(head + body)
        yield connection


def received(sandbox: Sandbox, fault: str) -> bytes:
    """Everything that comes before the sandbox closes the connection."""
    sandbox.next(fault)
    got = b""
    with sent(sandbox) as connection:
        try:
            while more := connection.recv(65536):
                got += more
        except ConnectionResetError:
            return got + RESET
    return got


def reply(sandbox: Sandbox, fault: str) -> requests.Response:
    sandbox.next(fault)
    return requests.post(sandbox.url, json=push(), timeout=10, allow_redirects=False)


def left_behind(sandbox: Sandbox) -> tuple[int, str]:
    """How often the member was reached, and what the journal says of the request."""
    (entry,) = sandbox.journal()
    assert sandbox.ledger()["faults"] == {entry["fault"]: 1}
    return sandbox.pushes({"token": "anna"})[0], entry["verdict"]


PROCESSED, UNPROCESSED = (1, "accepted"), (0, "unprocessed")


@pytest.mark.parametrize(
    ("fault", "got", "behind"),
    [
        ("drop_before", b"", UNPROCESSED),
        ("drop_after", b"", PROCESSED),
        ("reset_before", RESET, UNPROCESSED),
        ("reset_after", RESET, PROCESSED),
    ],
)
def test_a_lost_connection(
    sandbox: Sandbox, fault: str, got: bytes, behind: tuple[int, str]
) -> None:
    assert received(sandbox, fault) == got
    assert left_behind(sandbox) == behind


@pytest.mark.parametrize(
    ("fault", "behind"), [("error_500_before", UNPROCESSED), ("error_500_after", PROCESSED)]
)
def test_an_unknown_error(sandbox: Sandbox, fault: str, behind: tuple[int, str]) -> None:
    found = reply(sandbox, fault)

    assert found.status_code == 500
    assert found.json()["errors"] == [{"code": 1, "msg": "Unknown Error"}]
    assert left_behind(sandbox) == behind


def test_a_busy_vendor_asks_to_wait_if_it_is_told_to(sandbox: Sandbox) -> None:
    found = reply(sandbox, "error_503")
    assert (found.status_code, found.headers.get("Retry-After")) == (503, None)
    assert left_behind(sandbox) == UNPROCESSED

    sandbox.become(retry_after=7)
    assert reply(sandbox, "error_503").headers["Retry-After"] == "7"


def test_a_throttling_vendor_asks_to_wait_for_seconds(sandbox: Sandbox) -> None:
    found = reply(sandbox, "error_429")
    assert (found.status_code, found.headers["Retry-After"]) == (429, "1")
    assert left_behind(sandbox) == UNPROCESSED

    sandbox.become(retry_after=7)
    assert reply(sandbox, "error_429").headers["Retry-After"] == "7"


def test_a_throttling_vendor_asks_to_wait_until_a_date(sandbox: Sandbox) -> None:
    sandbox.become(retry_after=60)
    before = datetime.now(UTC)
    found = reply(sandbox, "error_429_date")

    assert found.status_code == 429
    wait = parsedate_to_datetime(found.headers["Retry-After"]) - before
    assert 60 <= wait.total_seconds() <= 63
    assert left_behind(sandbox) == UNPROCESSED


@pytest.mark.parametrize(
    ("fault", "behind"), [("hang_before", UNPROCESSED), ("hang_after", PROCESSED)]
)
def test_a_hanging_request_gets_no_byte_while_others_are_served(
    sandbox: Sandbox, fault: str, behind: tuple[int, str]
) -> None:
    sandbox.next(fault)
    with sent(sandbox) as connection:
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert left_behind(sandbox) == behind


def test_the_journal_tells_when_the_client_of_a_hanging_request_left(sandbox: Sandbox) -> None:
    sandbox.next("hang_after")
    with sent(sandbox):
        (entry,) = eventually(sandbox.journal)
        assert entry["ended"] is None
    eventually(lambda: sandbox.journal()[0]["ended"])


def test_garbage_is_a_200_without_json(sandbox: Sandbox) -> None:
    found = reply(sandbox, "garbage")

    assert found.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        found.json()
    assert left_behind(sandbox) == PROCESSED


def test_a_cut_reply_promises_more_than_it_sends(sandbox: Sandbox) -> None:
    head, _, body = received(sandbox, "cut_reply").partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 OK")
    promised = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    assert 0 < len(body) < promised
    assert left_behind(sandbox) == PROCESSED


def test_cut_headers_end_amid_a_header(sandbox: Sandbox) -> None:
    got = received(sandbox, "cut_headers")

    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in got
    assert left_behind(sandbox) == PROCESSED


def test_a_redirect_leads_to_a_page_that_answers_200(sandbox: Sandbox) -> None:
    found = reply(sandbox, "redirect")
    assert (found.status_code, found.headers["Location"]) == (302, "/")
    assert left_behind(sandbox) == UNPROCESSED

    sandbox.next("redirect")
    followed = requests.post(sandbox.url, json=push(), timeout=10)
    assert (followed.status_code, followed.headers["Content-Type"]) == (200, "text/plain")


def test_a_drip_keeps_the_client_waiting_with_single_bytes(sandbox: Sandbox) -> None:
    sandbox.next("drip")
    began, got = time.monotonic(), b""
    with sent(sandbox) as connection:
        while len(got) < 4:
            got += connection.recv(65536)
    took = time.monotonic() - began

    assert got.startswith(b"HTTP")
    assert took >= 0.19 * (len(got) - 1)
    assert left_behind(sandbox) == PROCESSED


@pytest.mark.parametrize(
    ("fault", "status", "msg"),
    [
        ("code_6", 400, "Invalid app id sandbox-app"),
        ("code_11", 401, "Authorization error. Wrong user token sandbox-token"),
        ("code_33", 400, "The requested users have not been found, or there have been no"),
        ("code_99", 400, "Undocumented error 99"),
    ],
)
def test_a_code_can_be_pretended(sandbox: Sandbox, fault: str, status: int, msg: str) -> None:
    found = reply(sandbox, fault)

    assert found.status_code == status
    assert found.json()["errors"][0]["code"] == int(fault.removeprefix("code_"))
    assert found.json()["errors"][0]["msg"].startswith(msg)
    assert left_behind(sandbox) == UNPROCESSED


@pytest.mark.parametrize("code", [1, 11, 28, 29, 30, 33, 99])
def test_a_refusal_can_quote_the_first_member_and_half_of_the_token(
    sandbox: Sandbox, code: int
) -> None:
    found = reply(sandbox, f"quote_{code}")

    (error,) = found.json()["errors"]
    assert error["code"] == code
    assert '{"token":"anna"}' in error["msg"]
    assert error["msg"].endswith("Token: SANDBO...")
    assert left_behind(sandbox) == UNPROCESSED


def test_a_pack_id_is_used_up_only_if_its_request_was_processed(sandbox: Sandbox) -> None:
    sandbox.next("error_500_before", "error_500_after", None)
    codes = [sandbox.code(push(pack_id="in-doubt")) for _ in range(3)]

    assert codes == [1, 1, 32]
    assert sandbox.pushes({"token": "anna"}) == [1]


def test_the_script_is_followed_once_and_then_done(sandbox: Sandbox) -> None:
    sandbox.next("code_33", None, "code_24")
    assert sandbox.ask("GET", "faults")["next"] == [
        {"fault": "code_33"},
        {"fault": None},
        {"fault": "code_24"},
    ]

    assert [sandbox.code(push()) for _ in range(4)] == [33, 200, 24, 200]


def test_the_same_seed_meets_the_same_faults(start_sandbox: Callable[..., Sandbox]) -> None:
    options = ["--fault", "code_24=0.3", "--fault", "code_33=0.2", "--fault-seed", "5"]
    runs = []
    for sandbox in (start_sandbox(*options), start_sandbox(*options)):
        runs.append([sandbox.code(push()) for _ in range(60)])
        assert sandbox.ledger()["faults"].keys() == {"code_24", "code_33"}

    assert runs[0] == runs[1]
    assert set(runs[0]) == {24, 33, 200}


def test_faults_change_while_it_runs(sandbox: Sandbox) -> None:
    assert sandbox.become(probabilities={"code_33": 1})["probabilities"] == {"code_33": 1.0}
    assert sandbox.code(push()) == 33

    assert sandbox.become(latency=0.05)["probabilities"] == {"code_33": 1.0}
    sandbox.become(probabilities={})
    began = time.monotonic()
    assert sandbox.code(push()) == 200
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"latency": -1}, "latency"),
        ({"latency": "slow"}, "latency"),
        ({"retry_after": 1.5}, "retry_after"),
        ({"probabilities": {"drop_after": 2}}, "drop_after"),
        ({"probabilities": {"flood": 0.5}}, "flood"),
        ({"probabilities": {"drop_after": 0.6, "drip": 0.6}}, "at most 1"),
        ({"conditions": [14]}, "conditions"),
        ({"conditions": [[13]]}, "conditions"),
        ({"not_found": 0.6, "unreachable": 0.6}, "at most 1"),
        ({"poisoned": ["anna"]}, "poisoned"),
        ({"poisoned": [{"userId": 7}]}, "poisoned"),
        ({"quote_poisoned": "no"}, "quote_poisoned"),
        ({"next": ["drop_after"]}, "next"),
        ({"next": [{"fault": "flood"}]}, "flood"),
        ({"speed": 5}, "speed"),
    ],
)
def test_settings_that_make_no_sense_change_nothing(
    sandbox: Sandbox, settings: dict[str, object], word: str
) -> None:
    before = sandbox.ask("GET", "faults")
    answer = sandbox.ask("PUT", "faults", {"latency": 1, **settings})

    assert list(answer) == ["error"]
    assert word in answer["error"]
    assert sandbox.ask("GET", "faults") == before
