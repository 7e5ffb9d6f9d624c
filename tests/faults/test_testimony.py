"""The judge hears what the vendor's journal says of each chunk."""

from typing import Any

import pytest

from tests.faults.testimony import Chunk, contradictions, lost_replies

WINDOW = 12.0
NUMBERS = (980, 970, 10)


def asked(
    at: float, verdict: str, fault: str | None = None, ended: float | None = None
) -> dict[str, Any]:
    """A request for the one chunk, as the journal has it."""
    numbers = list(NUMBERS) if verdict == "accepted" else None
    return {
        "pack_id": "p",
        "monotonic": at,
        "verdict": verdict,
        "fault": fault,
        "numbers": numbers,
        "ended": at + 1 if ended is None else ended,
    }


def chunk(state: str, numbers: tuple[int, int, int] | None = None) -> Chunk:
    """The one chunk's row."""
    return Chunk("p", state, numbers or (None, None, None))


ACCEPTED = asked(0, "accepted")
IN_DOUBT = asked(0, "unprocessed", "drop_before")


@pytest.mark.parametrize(
    ("row", "requests"),
    [
        (chunk("delivered", NUMBERS), [ACCEPTED]),
        (chunk("delivered", NUMBERS), [IN_DOUBT, asked(11, "accepted")]),
        (
            chunk("delivered", NUMBERS),
            [asked(0, "unprocessed", "error_429"), asked(50, "accepted")],
        ),
        (chunk("uncounted"), [asked(0, "accepted", "drop_after"), asked(11, "refused")]),
        (chunk("unresolved"), [ACCEPTED]),
        (chunk("unresolved"), [IN_DOUBT]),
        (chunk("expired"), []),
        (chunk("uncounted"), [asked(0, "accepted", "hang_after", ended=9), asked(5, "refused")]),
    ],
)
def test_a_true_row_is_not_contradicted(row: Chunk, requests: list[dict[str, Any]]) -> None:
    assert list(contradictions([row], requests, window=WINDOW, request_timeout=4)) == []


@pytest.mark.parametrize(
    ("row", "requests", "says"),
    [
        (chunk("delivered", NUMBERS), [], "never accepted"),
        (chunk("uncounted"), [IN_DOUBT], "never accepted"),
        (chunk("rejected"), [ACCEPTED], "the vendor accepted it"),
        (chunk("cancelled"), [ACCEPTED], "the vendor accepted it"),
        (chunk("delivered", (980, 971, 9)), [ACCEPTED], "the vendor said (980, 970, 10)"),
        (chunk("unresolved"), [ACCEPTED, asked(11, "accepted")], "accepted 2 times"),
        (chunk("unresolved"), [IN_DOUBT, asked(13, "unprocessed", "hang_before")], "13.0 s after"),
        (chunk("unresolved"), [ACCEPTED, asked(13, "refused")], "13.0 s after"),
        (chunk("uncounted"), [asked(0, "accepted", ended=3), asked(2, "refused")], "on the wire"),
    ],
)
def test_a_false_row_is(row: Chunk, requests: list[dict[str, Any]], says: str) -> None:
    (contradiction,) = contradictions([row], requests, window=WINDOW, request_timeout=4)
    assert says in contradiction


def test_a_reply_is_lost_where_a_fault_spoilt_that_of_an_accepted_request() -> None:
    assert lost_replies([asked(0, "accepted", "garbage")]) == {"p"}
    assert lost_replies([ACCEPTED, asked(1, "refused", "garbage")]) == frozenset()
