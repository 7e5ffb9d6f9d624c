"""The chunk job as the peers' queues run it: the same claim and the same record as ours.

Two transactions a chunk, on tables like ours, one connection a thread, one HTTP session a process,
and a body that is spliced, not built: the queue is what differs.
"""

import os
import threading
from functools import cache

import psycopg2
import requests
from requests.adapters import HTTPAdapter

from benchmarks import campaign

THREADS = 32
_LEASE = "40 s"

_CLAIM = """
WITH due AS (
    SELECT campaign_id, sequence FROM job_chunk
    WHERE sequence = %(sequence)s AND state = 'pending' AND due_at <= clock_timestamp()
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE job_chunk
SET state = 'sending', attempt = attempt + 1, published_at = NULL,
    claimed_at = clock_timestamp(), claimed_by = %(worker)s,
    lease_until = clock_timestamp() + %(lease)s,
    in_doubt_since = coalesce(in_doubt_since, clock_timestamp())
FROM due
WHERE job_chunk.campaign_id = due.campaign_id AND job_chunk.sequence = due.sequence
RETURNING pack_id, members, attempt
"""
_RECORD = """
WITH settled AS (
    UPDATE job_chunk
    SET state = 'delivered', lease_until = NULL, in_doubt_since = NULL,
        settled_at = clock_timestamp(),
        audience = %(audience)s, successful = %(successful)s, erroneous = %(erroneous)s
    WHERE sequence = %(sequence)s AND state = 'sending' AND attempt = %(attempt)s
    RETURNING campaign_id, sequence, attempt, round, claimed_at, claimed_by
)
INSERT INTO job_attempt (campaign_id, sequence, attempt, round, worker, started_at, outcome,
                         chunk_state)
SELECT campaign_id, sequence, attempt, round, claimed_by, claimed_at, 'accepted', 'delivered'
FROM settled
"""
_local = threading.local()


def deliver(sequence: int) -> None:
    """Claim the chunk, send it, record what came back; nothing where somebody else has it."""
    worker = f"peer/{os.getpid()}"
    with _connection() as connection, connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"sequence": sequence, "worker": worker, "lease": _LEASE})
        claimed = cursor.fetchone()
    if claimed is None:
        return
    pack_id, members, attempt = claimed
    reply = _session().post(
        campaign.push_api_url(),
        data=campaign.whole_body(campaign.head_of_bodies(), pack_id, members),
        headers={"Content-Type": "application/json"},
        timeout=30,
        allow_redirects=False,
    )
    reply.raise_for_status()
    result = reply.json()["data"]["result"]
    with _connection() as connection, connection.cursor() as cursor:
        cursor.execute(_RECORD, {"sequence": sequence, "attempt": attempt, **result})


@cache
def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=THREADS))
    return session


def _connection() -> "psycopg2.extensions.connection":
    """This thread's own."""
    if not hasattr(_local, "connection"):
        _local.connection = psycopg2.connect(campaign.database_url())
    connection: psycopg2.extensions.connection = _local.connection
    return connection
