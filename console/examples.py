"""What the description shows as answers of the routes of single chunks and of throughput."""

from datetime import UTC, datetime, timedelta
from typing import Any

from console.problems import PREFIX
from dispatcher import Attempt, Chunk

_CAMPAIGN = "01980f3c-9b8e-7c31-a4d2-5f60b1c2d3e4"
_BEGUN = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
_ENDED = _BEGUN + timedelta(milliseconds=240)
_PACK_ID = f"{_CAMPAIGN}-17-1"
_MADE = Attempt(
    attempt=1,
    started_at=_BEGUN,
    ended_at=_ENDED,
    worker="worker-1",
    pack_id=_PACK_ID,
    outcome="accepted",
    http_status=None,
    code=None,
    message=None,
    words="accepted by the vendor",
)
_SENT = Chunk(
    campaign=_CAMPAIGN,
    chunk=17,
    state="delivered",
    in_doubt=False,
    canary=False,
    variant=None,
    members=1_000,
    withheld=0,
    attempts=1,
    pack_id=_PACK_ID,
    due_at=None,
    settled_at=_ENDED,
    last=_MADE,
)
_STEP = {"at": _BEGUN.isoformat(), "requests": 50, "members": 49_000, "errors": 1}

_ANSWERS = {
    "chunks": [_SENT.as_json()],
    "chunks/{chunk}/attempts": [_MADE.as_json()],
    "throughput": {"campaign": _CAMPAIGN, "seconds": 1, "steps": [_STEP]},
}


def show(paths: dict[str, Any]) -> None:
    """Put the examples into a description's `paths`.

    The framework, given them with the routes, would leave out whatever is null.
    """
    for verb, document in _ANSWERS.items():
        answer = paths[f"{PREFIX}/campaigns/{{campaign}}/{verb}"]["get"]["responses"]["200"]
        answer["content"]["application/json"]["example"] = document
