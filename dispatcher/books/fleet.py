"""Which workers are alive, and how many requests they can make at once."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

_IS_LIVE = "seen_at BETWEEN clock_timestamp() - interval '5 s' AND clock_timestamp()"
_MAY_LEAD = """
(relays AND seen_at BETWEEN clock_timestamp() - interval '2.5 s' AND clock_timestamp())
"""
_SEEN = text(f"""
WITH seen AS (
    INSERT INTO worker (name, slots, rate, clock_ahead, relays)
    VALUES (:name, :slots, :rate, :clock - clock_timestamp(), :relays)
    ON CONFLICT (name) DO UPDATE
    SET slots = :slots, rate = :rate, seen_at = clock_timestamp(),
        clock_ahead = excluded.clock_ahead, relays = :relays
)
SELECT :relays AND NOT EXISTS (
    SELECT FROM worker
    WHERE name < :name AND {_MAY_LEAD}) AS leads
""")
LIVE_SLOTS = f"""
(SELECT coalesce(sum(slots), 0) FROM worker WHERE {_IS_LIVE})
"""
"""In SQL, the slots of the workers that were seen in the last five seconds."""
LIVE_WORKERS = f"""
(SELECT name FROM worker WHERE {_IS_LIVE})
"""
"""In SQL, the names of these workers: one that was started again has another."""

SILENCE = f"""
(SELECT CASE WHEN bool_and(silence IS NOT NULL) THEN min(silence) END FROM worker WHERE {_IS_LIVE})
"""
"""In SQL, why live workers take no message, where none of them does."""
ELSEWHERE = "it listens to "
"""What the silence of a worker begins with whose broker is well."""

RATE = """
(SELECT min(rate) FROM worker WHERE seen_at > clock_timestamp() - interval '5 s')
"""
"""In SQL, each account's limit in requests a second, as the live workers were told."""

_DRIFT = text("""
SELECT max(greatest(clock_ahead, -clock_ahead)) FROM worker
WHERE seen_at > clock_timestamp() - interval '5 s'
""")
_FORGET = text("DELETE FROM worker WHERE name = :name")
_FORGET_THE_DEAD = text("""
DELETE FROM worker WHERE name IN (
    SELECT name FROM worker
    WHERE NOT seen_at BETWEEN statement_timestamp() - interval '1 h'
                          AND statement_timestamp() + interval '1 h'
    FOR UPDATE SKIP LOCKED)
""")


def seen(
    connection: Connection,
    name: str,
    slots: int,
    rate: float | None = None,
    *,
    relays: bool = True,
) -> bool:
    """Note that this worker process is alive, with so many slots, and what its clock says.

    `rate` is each account's limit in requests a second. Whether it leads: the first by name of
    those that were seen in the last 2.5 seconds and whose relay goes round, as `relays` says of
    this one.
    """
    values = {
        "name": name,
        "slots": slots,
        "rate": rate,
        "clock": datetime.now(UTC),
        "relays": relays,
    }
    return bool(connection.scalar(_SEEN, values))


_TELL_SILENCE = text("UPDATE worker SET silence = :silence WHERE name = :name")
_SILENCES = text("""
SELECT name, silence FROM worker
WHERE silence IS NOT NULL AND seen_at > clock_timestamp() - interval '5 s' ORDER BY name
""")
_UNCLAIMED = text("""
SELECT clock_timestamp() - min(published_at) FROM chunk
JOIN campaign ON campaign.id = chunk.campaign_id
WHERE published_at IS NOT NULL AND chunk.state = 'pending' AND campaign.state = 'running'
""")


def tell_silence(connection: Connection, name: str, silence: str | None) -> bool:
    """Write down why a worker takes no message, None while it does; whether the fleet knows it."""
    values = {"name": name, "silence": silence}
    return connection.execute(_TELL_SILENCE, values).rowcount > 0


def silences(connection: Connection) -> dict[str, str]:
    """Why live workers take no message, by their names: of those that do not."""
    return {row.name: row.silence for row in connection.execute(_SILENCES)}


def unclaimed_for(connection: Connection) -> timedelta:
    """For how long some published chunk has been waiting for a worker to claim it."""
    longest: timedelta | None = connection.scalar(_UNCLAIMED)
    return longest or timedelta(0)


def live_slots(connection: Connection) -> int:
    """The slots of the workers that were seen in the last five seconds."""
    return int(connection.execute(text(f"SELECT {LIVE_SLOTS}")).scalar_one())


@dataclass(frozen=True, slots=True)
class Strength:
    """The live workers: how many, how many requests they make at once, and how many hear nothing.

    `is_led` says whether one of them leads.
    """

    workers: int
    slots: int
    deaf: int
    is_led: bool


_STRENGTH = text(f"""
SELECT count(*), coalesce(sum(slots), 0), count(silence),
    coalesce(bool_or({_MAY_LEAD}), false)
FROM worker WHERE {_IS_LIVE}
""")


def strength(connection: Connection) -> Strength:
    """The workers that were seen in the last five seconds."""
    return Strength(*connection.execute(_STRENGTH).one())


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process as it told of itself at `seen_at`; fields as in `workers --json`.

    It is `live` where that was in the last five seconds, and `leads` where it publishes for all.
    `rate` is each account's limit in requests a second, as it was told; `silence` is why it takes
    no message, where it does not, and `clock_ahead` by how many seconds its clock is.
    """

    name: str
    slots: int
    rate: float | None
    live: bool
    leads: bool
    seen_at: datetime
    clock_ahead: float
    silence: str | None

    @property
    def state(self) -> str:
        """In a word: leads, works, hears nothing, or silent: nobody heard of it lately."""
        if not self.live:
            return "silent"
        if self.silence is not None:
            return "hears nothing"
        return "leads" if self.leads else "works"

    def as_json(self) -> dict[str, Any]:
        """An element of the document of `workers --json`; times are ISO 8601."""
        return {**asdict(self), "seen_at": self.seen_at.isoformat()}


_READ = text(f"""
WITH known AS (SELECT *, {_IS_LIVE} AS live, {_MAY_LEAD} AS may_lead FROM worker)
SELECT name, slots, rate, live,
    may_lead AND name = min(name) FILTER (WHERE may_lead) OVER () AS leads, seen_at,
    CAST(round(extract(epoch FROM clock_ahead), 3) AS float) AS clock_ahead, silence
FROM known ORDER BY name
""")


def read_all(connection: Connection) -> tuple[Worker, ...]:
    """Every worker that is not forgotten yet, by name."""
    return tuple(Worker(*row) for row in connection.execute(_READ))


def clock_drift(connection: Connection) -> timedelta:
    """How far the clock of a live worker is from the database's, at most."""
    drift: timedelta | None = connection.scalar(_DRIFT)
    return drift or timedelta(0)


def gone(connection: Connection, name: str) -> None:
    """Forget a worker that stops."""
    connection.execute(_FORGET, {"name": name})


def forget_the_dead(connection: Connection) -> None:
    """Forget the workers that ended without a word an hour ago: nobody counts them any more."""
    connection.execute(_FORGET_THE_DEAD)
