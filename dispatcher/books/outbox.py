"""Webhooks: what a campaign's receiver is told, written in the transaction of the change.

Each event has a number of its campaign, and is delivered when those before it are, or were given
up. It is taken for one attempt by moving its time on, and committed before the request: whoever
dies over one leaves it to others.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books.holding import NOT_FENCED
from dispatcher.errors import ImpossibleInState, OptionError
from dispatcher.lifecycle import SETTLED

KEPT_FOR = timedelta(days=7)
"""How long what was delivered, or given up, can be seen and delivered again."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An event and what became of it; its fields are the keys of `webhook list --json`.

    `receiver` is whom it is for, without the path. It is due for its next attempt at `due_at`,
    unless it was delivered or given up. `http_status` and `error` are the last attempt's.
    """

    campaign: str
    sequence: int
    id: str
    type: str
    receiver: str
    created_at: datetime
    attempts: int
    due_at: datetime | None
    delivered_at: datetime | None
    given_up_at: datetime | None
    http_status: int | None
    error: str | None

    def as_json(self) -> dict[str, Any]:
        """An element of the document of `webhook list --json`; times are ISO 8601."""
        document = asdict(self)
        for name, value in document.items():
            if isinstance(value, datetime):
                document[name] = value.isoformat()
        return document


@dataclass(frozen=True, slots=True)
class Delivery:
    """The right to make one attempt; it has been tried for so long, this time included.

    `id` is the same for every attempt: receivers tell repeats by it.
    """

    campaign_id: UUID
    sequence: int
    id: str
    attempt: int
    url: str
    origin: str
    body: str
    tried_for: timedelta


@dataclass(frozen=True, slots=True)
class Troubles:
    """How many events wait, how many of them for a minute or longer, and how many were given up.

    `oldest` is how long the longest waiting one has been there; nothing where none waits.
    """

    waiting: int
    late: int
    oldest: timedelta
    given_up: int


_MEMBERS = ", ".join(f"'{name}', members_{name}" for name in ("total", *SETTLED, "remaining"))
_PUT = text(f"""
WITH numbered AS (
    UPDATE campaign SET events = events + 1
    WHERE id = :campaign_id AND notify_url IS NOT NULL
    RETURNING *
)
INSERT INTO webhook (campaign_id, sequence, type, body)
SELECT id, events, CAST(:type AS text), CAST(json_build_object(
    'type', CAST(:type AS text),
    'timestamp', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'data', json_build_object(
        'id', id, 'sequence', events, 'state', state, 'reason', reason,
        'members', json_build_object({_MEMBERS}), 'campaign_tag', campaign_tag)) AS text)
FROM numbered
""")
_UNDELIVERED = "delivered_at IS NULL AND given_up_at IS NULL"
# Books that were put back from a copy may tell something else under a number that was told before:
# the time tells them apart. A purge takes words out of the body, and leaves this as it was.
_IDENTITY = """
concat_ws('.', webhook.campaign_id, webhook.sequence, CAST(body AS json) ->> 'timestamp')
"""
_ID = f"'msg_' || encode(sha256(convert_to({_IDENTITY}, 'UTF8')), 'hex')"
_ORIGIN = "substring(notify_url FROM '^[a-z]+://[^/?]+')"
# One at a time of each receiver, the longest due first: who hangs holds up nobody else.
_TAKE = text(f"""
WITH next AS (
    SELECT DISTINCT ON (campaign_id) campaign_id, sequence, due_at
    FROM webhook WHERE {_UNDELIVERED} ORDER BY campaign_id, sequence
), due AS (
    SELECT DISTINCT ON (origin) campaign_id, sequence, notify_url, origin
    FROM next JOIN campaign ON campaign.id = campaign_id
    CROSS JOIN LATERAL (SELECT {_ORIGIN} AS origin) AS receiver
    WHERE due_at <= clock_timestamp() AND NOT origin = ANY(CAST(:busy AS text[])) AND {NOT_FENCED}
    ORDER BY origin, due_at
), taken AS (
    SELECT webhook.campaign_id, webhook.sequence, notify_url, origin
    FROM webhook JOIN due USING (campaign_id, sequence)
    WHERE {_UNDELIVERED} AND webhook.due_at <= clock_timestamp()
    ORDER BY webhook.due_at LIMIT :most FOR NO KEY UPDATE OF webhook SKIP LOCKED
)
UPDATE webhook
SET attempts = attempts + 1, due_at = clock_timestamp() + :lease,
    first_tried_at = coalesce(first_tried_at, clock_timestamp())
FROM taken
WHERE webhook.campaign_id = taken.campaign_id AND webhook.sequence = taken.sequence
RETURNING webhook.campaign_id, webhook.sequence, {_ID}, attempts, notify_url, origin, body,
          clock_timestamp() - first_tried_at
""")
_RECORD = text("""
UPDATE webhook
SET delivered_at = CASE WHEN :delivered THEN clock_timestamp() END,
    given_up_at = CASE WHEN NOT :delivered AND CAST(:again_in AS interval) IS NULL
                       THEN clock_timestamp() END,
    due_at = coalesce(clock_timestamp() + CAST(:again_in AS interval), due_at),
    http_status = :http_status, error = :error
WHERE campaign_id = :campaign_id AND sequence = :sequence AND attempts = :attempt
  AND delivered_at IS NULL AND given_up_at IS NULL
""")
_PRUNE = text(f"""
DELETE FROM webhook WHERE (campaign_id, sequence) IN (
    SELECT campaign_id, sequence FROM webhook
    WHERE created_at < statement_timestamp() - :kept AND NOT ({_UNDELIVERED})
    FOR UPDATE SKIP LOCKED)
""")
_READ = text(f"""
SELECT CAST(campaign_id AS text), sequence, {_ID}, type, {_ORIGIN}, webhook.created_at, attempts,
       CASE WHEN {_UNDELIVERED} THEN due_at END, delivered_at, given_up_at, http_status, error
FROM webhook JOIN campaign ON campaign.id = campaign_id
WHERE (CAST(:campaign_id AS uuid) IS NULL OR campaign_id = :campaign_id)
  AND (CAST(:end AS timestamptz) IS NULL
       OR (webhook.created_at, campaign_id, sequence) < (:end, :end_campaign, :end_sequence))
ORDER BY webhook.created_at DESC, campaign_id DESC, sequence DESC LIMIT :limit
""")
_CREATED = text("""
SELECT created_at FROM webhook WHERE campaign_id = :campaign_id AND sequence = :sequence
""")
_AGAIN = text("""
UPDATE webhook
SET due_at = clock_timestamp(), first_tried_at = NULL, delivered_at = NULL, given_up_at = NULL
WHERE campaign_id = :campaign_id
  AND CASE WHEN CAST(:sequence AS integer) IS NULL THEN delivered_at IS NULL
           ELSE sequence = :sequence END
""")
_TROUBLES = text(f"""
SELECT count(*) FILTER (WHERE {_UNDELIVERED}) AS waiting,
       count(*) FILTER (WHERE {_UNDELIVERED}
                          AND created_at < statement_timestamp() - interval '1 min') AS late,
       coalesce(statement_timestamp() - min(created_at) FILTER (WHERE {_UNDELIVERED}),
                interval '0') AS oldest,
       count(*) FILTER (WHERE given_up_at IS NOT NULL) AS given_up
FROM webhook WHERE delivered_at IS NULL
""")


def put(connection: Connection, campaign_id: UUID, type: str) -> None:
    """Note an event, such as `campaign.paused`, for the campaign's receiver, where it has one.

    The caller's transaction has changed the campaign's row: the event tells it as it stands.
    """
    connection.execute(_PUT, {"campaign_id": campaign_id, "type": type})


def take(
    connection: Connection, busy: Collection[str], *, most: int, lease: timedelta
) -> list[Delivery]:
    """Take what is due for an attempt each, one of a receiver, none of those that are `busy`.

    Nobody else takes them within `lease`, and nobody any of books that nothing is sent from. The
    caller commits before the requests.
    """
    rows = connection.execute(_TAKE, {"busy": list(busy), "most": most, "lease": lease})
    return [Delivery(*row) for row in rows]


def record(
    connection: Connection,
    delivery: Delivery,
    *,
    delivered: bool,
    http_status: int | None,
    error: str | None,
    again_in: timedelta | None,
) -> None:
    """Write down what an attempt came to: again after `again_in`, or given up where that is None.

    Nothing where somebody took it after this attempt's lease, or ordered it anew.
    """
    values = {
        "campaign_id": delivery.campaign_id,
        "sequence": delivery.sequence,
        "attempt": delivery.attempt,
        "delivered": delivered,
        "http_status": http_status,
        "error": error,
        "again_in": again_in,
    }
    connection.execute(_RECORD, values)


def prune(connection: Connection) -> None:
    """Drop what came to its end long ago."""
    connection.execute(_PRUNE, {"kept": KEPT_FOR})


def read(
    connection: Connection,
    campaign_id: UUID | None = None,
    limit: int | None = None,
    before: tuple[UUID, int] | None = None,
) -> tuple[Webhook, ...]:
    """The newest events, `limit` at most, of this campaign or of all; the newest first.

    Only those older than the one that is `before`, named by its campaign and its number. Raises
    OptionError where there is no such event (any more).
    """
    end = None if before is None else _created(connection, *before)
    last_campaign, last_sequence = before or (None, None)
    values = {
        "campaign_id": campaign_id,
        "end": end,
        "end_campaign": last_campaign,
        "end_sequence": last_sequence,
        "limit": limit,
    }
    return tuple(Webhook(*row) for row in connection.execute(_READ, values))


def _created(connection: Connection, campaign_id: UUID, sequence: int) -> datetime:
    values = {"campaign_id": campaign_id, "sequence": sequence}
    found: datetime | None = connection.scalar(_CREATED, values)
    if found is None:
        raise OptionError(
            f"Campaign {campaign_id} has no webhook {sequence} (any more), so that none comes "
            "before it: see `dispatcher webhook list`."
        )
    return found


def redeliver(connection: Connection, campaign_id: UUID, sequence: int | None) -> int:
    """Let one event be due now, or all that were not delivered; how many.

    Later ones of the campaign wait for it, as always. Raises OptionError where there is no such
    event, and ImpossibleInState where all were delivered.
    """
    values = {"campaign_id": campaign_id, "sequence": sequence}
    again = connection.execute(_AGAIN, values).rowcount
    if again:
        return again
    if sequence is None:
        raise ImpossibleInState(
            f"Campaign {campaign_id} has no webhook that was not delivered: give the number of one."
        )
    raise OptionError(
        f"Campaign {campaign_id} has no webhook {sequence}: see `dispatcher webhook list`."
    )


def troubles(connection: Connection) -> Troubles:
    """What was not delivered of the last days."""
    return Troubles(*connection.execute(_TROUBLES).one())
