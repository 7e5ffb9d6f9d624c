"""What the vendor's replies mean, as they come over a real connection."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import parse_headers

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.lifecycle import (
    Accepted,
    AccessRefused,
    AlreadySent,
    CampaignWrong,
    ChunkFacts,
    Corrupted,
    InDoubt,
    NobodyReached,
    NotSent,
    Outcome,
    Throttled,
    decide,
)
from dispatcher.settings import Secret
from tests.workers.conftest import TOKEN
from tests.workers.scripted_server import Peer, Script, ScriptedServer, http, replying
from tests.workers.sending import attempt, refusal, result
from workers.envelope import Envelope
from workers.push_api import PushApi
from workers.replies import read_reply

Serve = Callable[[Script], ScriptedServer]
Ask = Callable[[bytes], Outcome]
ENVELOPE = Envelope.of(Secret(TOKEN), "app", None, "{}")


@pytest.fixture
def ask(serve: Serve, push_api: Callable[..., PushApi], envelope: Envelope) -> Ask:
    """What an attempt comes to that gets this reply."""
    return lambda reply: attempt(push_api(serve(replying(reply)).url), envelope)


def test_an_accepted_request_has_the_vendors_numbers_and_the_places_of_whom_it_names(
    ask: Ask,
) -> None:
    details = [{"userId": "bob", "error": "BadDeviceToken"}, {"token": "x", "error": "unknown"}]
    assert ask(http(result(error_details=details))) == Accepted(2, 1, 1, '[[1,"BadDeviceToken"]]')


@pytest.mark.parametrize("details", [b"null", b"7", b"true", b'"bad"', b"{}", b"1e999", b"[[]]"])
def test_an_accepted_request_counts_whatever_its_details_are(ask: Ask, details: bytes) -> None:
    assert isinstance(ask(http(with_details(details))), Accepted)


def test_an_accepted_request_counts_though_a_number_in_its_details_is_absurd(ask: Ask) -> None:
    accepted = ask(http(with_details(b"9" * 5_000)))
    assert accepted == Accepted(2, 1, 1, "[]")


def with_details(details: bytes) -> bytes:
    """The document of an accepted request with these details, as they are spelt."""
    return result(error_details="here").replace(b'"here"', details)


def test_a_chunked_reply_is_read_whole(ask: Ask) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = b"".join(b"1\r\n%c\r\n" % byte for byte in result())
    assert isinstance(ask(head + parts + b"0\r\n\r\n"), Accepted)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"It works!",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b"9" * 5_000,
        b'{"data": {"status": "complete"}}',
        result(audience=-1),
        result(audience=True),
        result(audience=1.0),
        result(audience="2"),
        result(audience=None),
        result(successful=2**31),
        result(erroneous=10**400),
        result().replace(b"complete", b"partial"),
        result().replace(b": 200", b": 500"),
        b'{"data": {"status": "complete", "result": {"audience": 2}}}',
        b"\xff\xfe" + result(),
    ],
)
def test_a_200_without_a_valid_result_is_in_doubt(ask: Ask, body: bytes) -> None:
    assert isinstance(ask(http(body)), InDoubt)


def test_a_reply_without_an_end_is_in_doubt(
    serve: Serve, push_api: Callable[..., PushApi], envelope: Envelope
) -> None:
    def flood(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(b" " * 65_536)

    outcome = attempt(push_api(serve(flood).url), envelope)
    assert isinstance(outcome, InDoubt)
    assert outcome.reason.message == "the reply is longer than 4000000 bytes"


@pytest.mark.parametrize("status", ["201 Created", "204 No Content", "304 Not Modified"])
def test_a_success_of_another_status_is_in_doubt(ask: Ask, status: str) -> None:
    body = b"" if status[:3] in ("204", "304") else result()
    assert isinstance(ask(http(body, status)), InDoubt)


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_a_redirect_is_not_followed(
    serve: Serve, push_api: Callable[..., PushApi], envelope: Envelope, status: str
) -> None:
    elsewhere = serve(replying(http(result())))
    moved = serve(replying(http(b"", f"{status} Moved", f"Location: {elsewhere.url}")))
    outcome = attempt(push_api(moved.url), envelope)
    assert isinstance(outcome, InDoubt)
    assert outcome.reason.http_status == int(status)
    assert not elsewhere.peers


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1, InDoubt),
        (2, Corrupted),
        (4, CampaignWrong),
        (6, NobodyReached),
        (11, AccessRefused),
        (32, AlreadySent),
        (33, NobodyReached),
        (99, InDoubt),
    ],
)
@pytest.mark.parametrize("status", ["400 Bad Request", "200 OK", "502 Bad Gateway"])
def test_a_known_code_counts_whatever_the_status(
    ask: Ask, code: int, kind: type[Outcome], status: str
) -> None:
    outcome = ask(http(refusal(code), status))
    assert type(outcome) is kind
    assert not isinstance(outcome, Accepted)
    assert (outcome.reason.http_status, outcome.reason.code) == (int(status[:3]), code)


@pytest.mark.parametrize("code", [2**31, 10**30, -1, 4.0, "4", True, None])
def test_a_code_that_the_books_cannot_hold_is_none(ask: Ask, code: object) -> None:
    outcome = ask(http(refusal(code), "400 Bad Request"))
    assert isinstance(outcome, InDoubt)
    assert outcome.reason.code is None


def test_an_error_document_beside_a_result_is_no_success(ask: Ask) -> None:
    both = json.loads(result()) | json.loads(refusal(1))
    assert isinstance(ask(http(json.dumps(both).encode())), InDoubt)


@pytest.mark.parametrize("body", [b"", b"Internal Server Error", refusal(1)])
def test_a_500_is_in_doubt_with_and_without_a_document(ask: Ask, body: bytes) -> None:
    assert isinstance(ask(http(body, "500 Internal Server Error")), InDoubt)


def test_a_429_comes_before_its_document(ask: Ask) -> None:
    outcome = ask(http(refusal(4), "429 Too Many Requests", "Retry-After: 7"))
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after == timedelta(seconds=7)


NONSENSE = [
    *("", "soon", "-3", "1.5", "9" * 5_000, "Wed, 99 Foo 2", "\xb2", "1e9"),
    "Fri, 25 Nov 99999 10:00:00 GMT",
    "Wed, 25 Nov 2026 10:00:00 +9999",
    "Wed, 25 Nov 2026 10:00:00 +99999999999999999999",
    "Wed, 25 Nov 2026 99999999999999999999:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Sat, 01 Jan 0001 00:00:00 +2359",
]


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_a_retry_after_that_makes_no_sense_is_as_if_absent(ask: Ask, nonsense: str) -> None:
    outcome = ask(http(b"", "429 Too Many Requests", f"Retry-After: {nonsense}"))
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after is None


headers = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(NONSENSE).map(lambda text: text.encode("latin-1")),
    st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT").encode()),
    st.from_regex(rb"\A\w{3}, \d+ Nov \d+ \d+:\d+:\d+ [+-]\d+\Z"),
).map(lambda value: b" ".join(value.split()))


@given(st.sampled_from([200, 429, 500, 503]), headers, headers, st.binary(max_size=40))
def test_whatever_bytes_the_headers_are_they_give_a_time_or_none_and_raise_nothing(
    status: int, retry_after: bytes, date: bytes, body: bytes
) -> None:
    raw = b"Retry-After: " + retry_after + b"\r\nDate: " + date + b"\r\n\r\n"
    outcome = read_reply(status, parse_headers(io.BytesIO(raw)), body, ENVELOPE)
    moment = datetime.now(UTC)
    facts = ChunkFacts(1, moment, None, 0, timedelta(seconds=500))
    decision = decide(outcome, facts, moment)
    if decision.hold is not None:
        assert timedelta(0) < decision.hold <= timedelta(days=1)


def test_a_retry_after_may_be_a_date_by_the_vendors_own_clock(ask: Ask) -> None:
    sent = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    dates = (
        f"Date: {format_datetime(sent, usegmt=True)}",
        f"Retry-After: {format_datetime(sent + timedelta(seconds=90), usegmt=True)}",
    )
    outcome = ask(http(b"", "429 Too Many Requests", *dates))
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after == timedelta(seconds=90)


@pytest.mark.parametrize("form", ["%a %b %d %H:%M:%S %Y", "%A, %d-%b-%y %H:%M:%S GMT"])
def test_a_retry_after_in_an_old_form_of_dates_counts(ask: Ask, form: str) -> None:
    date = (datetime.now(UTC) + timedelta(seconds=60)).strftime(form)
    outcome = ask(http(b"", "429 Too Many Requests", f"Retry-After: {date}"))
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after is not None
    assert timedelta(seconds=55) < outcome.retry_after <= timedelta(seconds=60)


@pytest.mark.parametrize("header", [(), ("Retry-After: 5",)])
def test_a_503_is_in_doubt_and_may_ask_to_wait(ask: Ask, header: tuple[str, ...]) -> None:
    outcome = ask(http(b"", "503 Service Unavailable", *header))
    assert isinstance(outcome, InDoubt)
    assert outcome.retry_after == (timedelta(seconds=5) if header else None)


def test_the_token_is_in_no_reason_and_in_no_detail(ask: Ask) -> None:
    quoting = f"Authorization error. Wrong user token {TOKEN}"
    refused = ask(http(refusal(11, quoting), "401 Unauthorized"))
    assert isinstance(refused, AccessRefused)
    assert refused.reason.message == "Authorization error. Wrong user token ***"
    accepted = ask(http(result(error_details=[{"request": {"user_token": TOKEN}}])))
    assert isinstance(accepted, Accepted)
    assert TOKEN not in accepted.error_details


def test_an_exception_that_quotes_the_token_is_redacted(
    push_api: Callable[..., PushApi], envelope: Envelope
) -> None:
    outcome = attempt(push_api(f"http://{TOKEN}.invalid/"), envelope)
    assert isinstance(outcome, NotSent)
    assert outcome.reason.message.startswith("***.invalid: ")


def test_a_message_is_one_printable_line_of_bounded_length(ask: Ask) -> None:
    outcome = ask(http(refusal(30, "a\0b\nc\ud800\x1b" + "d" * 10_000), "400 Bad Request"))
    assert isinstance(outcome, CampaignWrong)
    assert outcome.reason.message.startswith("a b c  ddd")
    assert len(outcome.reason.message) == 500


@pytest.mark.parametrize("message", [None, 5, ["x"], {"a": "b"}])
def test_a_message_of_another_type_does_no_harm(ask: Ask, message: object) -> None:
    assert isinstance(ask(http(refusal(4, message), "400 Bad Request")), CampaignWrong)
