"""Campaigns straight in the books, and the verbs on them as a worker and a relay use them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, DateTime, Engine, Row, text

from dispatcher.books import acts, campaigns, fence, making, transitions, upkeep
from dispatcher.books.acts import Actor
from dispatcher.books.campaigns import Campaign, Input
from dispatcher.books.making import NewCampaign
from dispatcher.books.models import Base
from dispatcher.books.session import allow_long_statements, transaction
from dispatcher.books.transitions import Claim, Report
from dispatcher.books.upkeep import Duty, Terms
from dispatcher.lifecycle import (
    Accepted,
    AccessRefused,
    AlreadySent,
    CampaignWrong,
    Corrupted,
    Decision,
    InDoubt,
    NobodyReached,
    NotSent,
    Outcome,
    Reason,
    Throttled,
    decide,
    usable_window,
)

TIMEOUT = timedelta(seconds=30)
LEASE = timedelta(seconds=40)
WINDOW = usable_window(timedelta(seconds=600), TIMEOUT)
TERMS = Terms.of(WINDOW, timedelta(days=30))
SIZE = 10

ACCEPTED = Accepted(audience=9, successful=8, erroneous=1, error_details='[{"code":"bad"}]')
ALREADY_SENT = AlreadySent(Reason("The sending was blocked", 400, 32))
NOBODY_FOUND = NobodyReached(Reason("The requested users have not been found", 400, 33))
UNKNOWN_APP = NobodyReached(Reason("Invalid app id nowhere", 400, 6))
WRONG = CampaignWrong(Reason("Unexpected field sond", 400, 29))
REFUSED = AccessRefused(Reason("Wrong user token ***", 401, 11))
CORRUPTED = Corrupted(Reason("Malformed json", 400, 3))
NOT_SENT = NotSent(Reason("Connection refused"))
THROTTLED = Throttled(Reason("Too many requests", 429), timedelta(seconds=30))
IN_DOUBT = InDoubt(Reason("Connection reset by peer"))
BUSY = InDoubt(Reason("HTTP 503 without a known reason", 503), timedelta(seconds=30))


@dataclass(frozen=True)
class Books:
    """The books of one test: each verb is a transaction of its own, as in the program."""

    engine: Engine

    def ordered(self, campaign_id: UUID, by: str) -> None:
        """The campaign waits for an approval, as somebody by this name ordered it."""
        actor = Actor(by, "console")
        values = {"campaign_id": campaign_id, "by": actor}
        self.do(acts.write, "send", **values)
        self.do(transitions.await_approval, campaign_id, 0, actor)

    def campaign(self, chunks: int = 1, **given: Any) -> "OneCampaign":
        """A campaign that runs, with so many chunks of ten members; `given` are its columns."""
        new = new_campaign(chunks, **given)
        with transaction(self.engine) as connection:
            allow_long_statements(connection)
            assert making.create(connection, new) == new.id
            add_chunks(connection, new.id, chunks)
        return OneCampaign(self, new.id)

    def do(self, verb: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call `verb(connection, ...)` in a transaction of its own."""
        with transaction(self.engine) as connection:
            return verb(connection, *arguments, **named)

    def run(self, statement: str, **values: Any) -> None:
        """Execute one statement, and commit."""
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def value(self, query: str, **values: Any) -> Any:
        """The one value that a query gives."""
        with self.engine.begin() as connection:
            return connection.scalar(text(query), values)

    def rows(self, query: str, **values: Any) -> Sequence[Row[Any]]:
        """What a query gives."""
        with self.engine.begin() as connection:
            return connection.execute(text(query), values).all()

    def needing(self, duty: Duty) -> list[UUID]:
        """The campaigns to which a sweep would do this now."""
        needs = self.do(upkeep.needed, TERMS, purged=100)
        return sorted(need.campaign_id for need in needs if need.duty == duty)

    def account(self) -> Row[Any]:
        """The row of account `default`."""
        return self.rows("SELECT * FROM account WHERE name = 'default'")[0]

    def account_is(self, **columns: Any) -> None:
        """Set columns of account `default`."""
        self.run(
            f"UPDATE account SET {_assignments(columns)} WHERE name = 'default'",
            **columns,
        )

    def now(self) -> datetime:
        """The database's time."""
        moment = self.value("SELECT clock_timestamp()")
        assert isinstance(moment, datetime)
        return moment

    def time_passes(self, by: timedelta) -> None:
        """Move every time in the books into the past, as if so long had passed."""
        with self.engine.begin() as connection:
            for table in Base.metadata.sorted_tables:
                times = [c.name for c in table.columns if isinstance(c.type, DateTime)]
                if not times:
                    continue
                shifts = ", ".join(f"{name} = {name} - :by" for name in times)
                if shifts:
                    connection.execute(text(f"UPDATE {table.name} SET {shifts}"), {"by": by})


@dataclass(frozen=True)
class OneCampaign:
    """A campaign in the books, by its number."""

    books: Books
    id: UUID
    worker: str = field(default="worker-1")

    def claim(self, sequence: int = 1, *, worker: str = "worker-1") -> Claim | None:
        """Claim a chunk as a worker does."""
        key = (self.id, sequence)
        with transaction(self.books.engine) as connection:
            exchanged = transitions.exchange(
                connection, {}, [key], worker=worker, lease=LEASE, window=WINDOW
            )
        return exchanged.claims.get(key)

    def claimed(self, sequence: int = 1, *, worker: str = "worker-1") -> Claim:
        """Claim a chunk that can be claimed."""
        claim = self.claim(sequence, worker=worker)
        assert claim is not None
        return claim

    def record(self, claim: Claim, outcome: Outcome) -> bool:
        """Decide and record what an attempt came to."""
        with transaction(self.books.engine) as connection:
            return transitions.record(connection, self.report(claim, outcome)) is not None

    def was_recorded(self, claim: Claim, outcome: Outcome) -> bool:
        """Whether what the attempt came to is in the books."""
        with transaction(self.books.engine) as connection:
            return transitions.was_recorded(connection, self.report(claim, outcome))

    def report(self, claim: Claim, outcome: Outcome) -> Report:
        """What an attempt came to, decided now."""
        return Report(claim, outcome, self.decision(claim, outcome))

    def decision(self, claim: Claim, outcome: Outcome) -> Decision:
        """What the outcome makes of the chunk now."""
        return decide(outcome, claim.facts(WINDOW), self.books.now())

    def attempt(self, outcome: Outcome, sequence: int = 1) -> Claim:
        """Claim and record: one whole attempt in time."""
        claim = self.claimed(sequence)
        assert self.record(claim, outcome)
        return claim

    def attempts_each(self, outcome: Outcome, sequences: Sequence[int]) -> None:
        """One whole attempt at each of several chunks."""
        for sequence in sequences:
            self.attempt(outcome, sequence)

    def in_doubt(self, *sequences: int) -> "OneCampaign":
        """Let an attempt at each of these chunks end in doubt, and their back-off be over."""
        self.attempts_each(IN_DOUBT, sequences)
        return self.due(*sequences)

    def due(self, *sequences: int) -> "OneCampaign":
        """Let these chunks be due."""
        self.set_chunks(*sequences, due_at=self.books.now() - timedelta(seconds=1))
        return self

    def set_chunks(self, *sequences: int, **columns: Any) -> None:
        """Write columns of chunks, past every verb."""
        self.books.run(
            f"UPDATE chunk SET {_assignments(columns)}"
            " WHERE campaign_id = :id AND sequence = ANY(:sequences)",
            id=self.id,
            sequences=list(sequences),
            **columns,
        )

    def set(self, **columns: Any) -> "OneCampaign":
        """Write columns of the campaign's row, past every verb."""
        self.books.run(
            f"UPDATE campaign SET {_assignments(columns)} WHERE id = :id", id=self.id, **columns
        )
        return self

    def expire(self) -> None:
        """Let the campaign's time run out, and be expired by a sweep."""
        self.set(expires_at=self.books.now())
        assert self.do(transitions.expire)

    def do(self, verb: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call `verb(connection, this campaign, ...)` in a transaction of its own."""
        return self.books.do(verb, self.id, *arguments, **named)

    def publish(self, count: int = 100, fresh: int = 100) -> list[int]:
        """Mark chunks as published; their numbers."""
        published: list[int] = self.do(transitions.mark_published, count=count, fresh=fresh)
        return published

    def rolled_up(self) -> Campaign:
        """The campaign after a rollup."""
        self.do(transitions.roll_up)
        return self.shown()

    def shown(self) -> Campaign:
        """The campaign as `show` gives it."""
        campaign: Campaign = self.do(campaigns.read)
        return campaign

    def chunk(self, sequence: int = 1) -> Row[Any]:
        """A chunk's row."""
        return self.books.rows(
            "SELECT * FROM chunk WHERE campaign_id = :id AND sequence = :sequence",
            id=self.id,
            sequence=sequence,
        )[0]

    def states(self) -> list[str]:
        """The chunks' states, in the audience's order."""
        rows = self.books.rows(
            "SELECT state FROM chunk WHERE campaign_id = :id ORDER BY sequence", id=self.id
        )
        return [row.state for row in rows]

    def attempts(self, sequence: int = 1) -> Sequence[Row[Any]]:
        """A chunk's rows in the attempt log, the oldest first."""
        return self.books.rows(
            "SELECT * FROM attempt WHERE campaign_id = :id AND sequence = :sequence"
            " ORDER BY attempt",
            id=self.id,
            sequence=sequence,
        )

    def published(self) -> list[int]:
        """The numbers of the chunks that are marked as published."""
        rows = self.books.rows(
            "SELECT sequence FROM chunk WHERE campaign_id = :id AND published_at IS NOT NULL"
            " ORDER BY sequence",
            id=self.id,
        )
        return [row.sequence for row in rows]


def new_campaign(chunks: int = 1, **given: Any) -> NewCampaign:
    """What a producer asks for, with so many chunks of ten members."""
    values: dict[str, Any] = {
        "id": uuid4(),
        "key": None,
        "content_digest": "digest",
        "app_id": "app",
        "standing_version": 0,
        "campaign_tag": None,
        "platforms": ("ios",),
        "account": "default",
        "message": '{"ios":{"payload":{"text":"Hello"}}}',
        "rate": None,
        "send_at": None,
        "expires_at": None,
        "windows": None,
        "finish_by": None,
        "account_rate": None,
        "input": Input(read=chunks * SIZE, invalid=0, duplicates=0, suppressed=0),
        "members": chunks * SIZE,
        "chunks": chunks,
    }
    return NewCampaign(**values | given)


def add_chunks(connection: Connection, campaign_id: UUID, chunks: int) -> None:
    """The campaign's chunks, of ten members each."""
    connection.execute(
        text("""
            INSERT INTO chunk (campaign_id, sequence, size, members)
            SELECT :id, sequence, :size, '[]' FROM generate_series(1, :chunks) AS sequence
        """),
        {"id": campaign_id, "size": SIZE, "chunks": chunks},
    )


def raise_fence(books: Books, reason: str) -> None:
    """Let nothing be sent from the books, as a worker does that finds an older copy."""
    found = books.do(fence.read)
    assert books.do(fence.raise_, reason, found.standing.mark.epoch_id)


def _assignments(columns: dict[str, Any]) -> str:
    return ", ".join(f"{name} = :{name}" for name in columns)
