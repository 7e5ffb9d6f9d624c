"""Single chunks of a campaign, a page at a time, and what each attempt at one came to.

Nobody is named here: neither are a chunk's members read, nor what the vendor quotes of them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, TextClause, text

from dispatcher.errors import OptionError
from dispatcher.lifecycle import ChunkState
from dispatcher.words import counted

WORDS = {
    "accepted": "accepted by the vendor",
    "already_sent": "refused as sent before, so an earlier attempt had been accepted",
    "nobody_reached": "refused: nobody could be reached",
    "campaign_wrong": "refused: the vendor calls the campaign wrong",
    "access_refused": "refused: the credentials or the app's set-up",
    "corrupted": "refused as damaged on the way",
    "not_sent": "not sent: not a byte left the worker",
    "throttled": "throttled by the vendor",
    "in_doubt": "in doubt: may have been sent",
    "lease_lost": "never reported back by the worker: may have been sent",
    "withheld": "ended before a request: nobody was left who may get it",
}
"""What a person reads for an attempt's outcome."""
IN_DOUBT = "in_doubt"
LISTED = (*ChunkState, IN_DOUBT)
"""What chunks can be listed by: their states, and those of the pending that are in doubt."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a chunk; its fields are the keys of `attempts --json`.

    `started_at` is when the worker claimed the chunk. `ended_at`, `outcome` and `words`, which say
    what it came to, are None while it is on the wire; `http_status`, `code` and `message` are of an
    error.
    """

    attempt: int
    started_at: datetime
    ended_at: datetime | None
    worker: str
    pack_id: str
    outcome: str | None
    http_status: int | None
    code: int | None
    message: str | None
    words: str | None

    def as_json(self) -> dict[str, Any]:
        """An element of the document of `attempts --json`; times are ISO 8601."""
        times = {"started_at": self.started_at.isoformat(), "ended_at": _iso(self.ended_at)}
        return {**asdict(self), **times}


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk as it stands, with its `last` attempt; its fields are the keys of `chunks --json`.

    `members` are all, the `withheld` among them. It is `in_doubt` while it waits to be asked about,
    as it may have been sent. `due_at` is when it is to be sent, None where it is not (any more).
    """

    campaign: str
    chunk: int
    state: str
    in_doubt: bool
    canary: bool
    variant: str | None
    members: int
    withheld: int
    attempts: int
    pack_id: str
    due_at: datetime | None
    settled_at: datetime | None
    last: Attempt | None

    def as_json(self) -> dict[str, Any]:
        """An element of the document of `chunks --json`; times are ISO 8601."""
        times = {"due_at": _iso(self.due_at), "settled_at": _iso(self.settled_at)}
        return {**asdict(self), **times, "last": self.last and self.last.as_json()}


def told(outcome: str, http_status: int | None, code: int | None, message: str | None) -> str:
    """An outcome in words, with the vendor's numbers and reason where there are any."""
    numbers = [] if http_status is None else [f"HTTP {http_status}"]
    numbers += [] if code is None else [f"code {code}"]
    detail = ", ".join([*numbers, *([message] if message else [])])
    return f"{WORDS[outcome]} ({detail})" if detail else WORDS[outcome]


# What is on the wire has no row of an attempt yet: its chunk, which is there as `found`, tells.
_MADE = """
SELECT attempt, started_at, ended_at, worker, round, outcome, http_status, code, error
FROM attempt WHERE campaign_id = found.campaign_id AND sequence = found.sequence
UNION ALL
SELECT found.attempt, found.claimed_at, NULL, found.claimed_by, found.round, NULL, NULL, NULL, NULL
WHERE found.state = 'sending'
"""


def _page(condition: str) -> TextClause:
    """The page's chunks first, by their key; then what belongs to each of them."""
    return text(f"""
SELECT CAST(found.campaign_id AS text), found.sequence, found.state,
       found.state = 'pending' AND in_doubt_since IS NOT NULL, canary, variant.name, size,
       withheld, found.attempt, pack_id,
       CASE WHEN found.state = 'pending' THEN due_at END, settled_at, last.*
FROM (SELECT campaign_id, sequence, state, in_doubt_since, canary, variant, size, withheld, attempt,
             round, claimed_at, claimed_by, pack_id, due_at, settled_at
      FROM chunk
      WHERE campaign_id = :campaign_id AND sequence >= :first
        AND {condition}
      ORDER BY sequence LIMIT :limit) AS found
LEFT JOIN variant ON variant.campaign_id = found.campaign_id AND variant.number = found.variant
LEFT JOIN LATERAL (SELECT * FROM ({_MADE}) AS made ORDER BY attempt DESC LIMIT 1) AS last ON true
ORDER BY found.sequence
""")


_PAGE = _page("(CAST(:state AS text) IS NULL OR state = :state)")
# They are few: found by their own index, all of them, before any are put in order.
_PAGE_IN_DOUBT = _page("""sequence = ANY (ARRAY(
            SELECT sequence FROM chunk
            WHERE campaign_id = :campaign_id AND state = 'pending' AND in_doubt_since IS NOT NULL))
""")
_NEWEST = text(f"""
SELECT made.* FROM chunk AS found CROSS JOIN LATERAL ({_MADE}) AS made
WHERE found.campaign_id = :campaign_id AND found.sequence = :sequence
  AND (CAST(:before AS integer) IS NULL OR made.attempt < :before)
ORDER BY made.attempt DESC LIMIT :limit
""")
_STORED = text("""
SELECT chunks_total, EXISTS (
    SELECT FROM chunk WHERE campaign_id = campaign.id AND sequence = :sequence) AS is_stored
FROM campaign WHERE id = :campaign_id
""")


def read_page(
    connection: Connection, campaign_id: UUID, *, state: str | None, first: int, limit: int
) -> tuple[Chunk, ...]:
    """The campaign's chunks from number `first` on, `limit` at most; only those in one `state`.

    state: one of `LISTED`.
    """
    values = {"campaign_id": campaign_id, "first": first, "limit": limit}
    if state == IN_DOUBT:
        rows = connection.execute(_PAGE_IN_DOUBT, values)
    else:
        rows = connection.execute(_PAGE, values | {"state": state})
    return tuple(_chunk(campaign_id, row) for row in rows)


def attempts(
    connection: Connection, campaign_id: UUID, chunk: int, *, before: int | None, limit: int
) -> tuple[Attempt, ...]:
    """The newest attempts at a chunk, `limit` at most, or those before another; the newest first.

    Raises OptionError where the campaign has no such chunk.
    """
    values = {"campaign_id": campaign_id, "sequence": chunk, "before": before, "limit": limit}
    made = (_attempt(campaign_id, chunk, row) for row in connection.execute(_NEWEST, values))
    found = tuple(filter(None, made))
    if not found:
        _check_is_stored(connection, campaign_id, chunk)
    return found


_OWN = len(Chunk.__slots__) - 1
"""So many columns of a page are the chunk's own; the others are its last attempt's."""


def _chunk(campaign_id: UUID, row: Row[Any]) -> Chunk:
    fields = [*row[:_OWN], _attempt(campaign_id, row.sequence, row[_OWN:])]
    return Chunk(*fields)


def _attempt(campaign_id: UUID, chunk: int, row: Sequence[Any]) -> Attempt | None:
    number, started_at, ended_at, worker, round_, outcome, http_status, code, error = row
    if number is None:
        return None
    return Attempt(
        attempt=number,
        started_at=started_at,
        ended_at=ended_at,
        worker=worker,
        pack_id=f"{campaign_id}-{chunk}-{round_}",
        outcome=outcome,
        http_status=http_status,
        code=code,
        message=error,
        words=None if outcome is None else told(outcome, http_status, code, error),
    )


def _check_is_stored(connection: Connection, campaign_id: UUID, chunk: int) -> None:
    values = {"campaign_id": campaign_id, "sequence": chunk}
    total, is_stored = connection.execute(_STORED, values).one()
    if not is_stored:
        raise OptionError(
            f"The campaign has no chunk {chunk}: it has {counted(total, 'chunk')}, which "
            "`dispatcher chunks` lists."
        )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
