"""A stage for one story: servers behind proxies, the vendor's sandbox, and workers to hire."""

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import redis
from sqlalchemy import Engine, text

from dispatcher import Dispatcher, publishing
from dispatcher.books import fleet
from dispatcher.books.campaigns import Campaign
from dispatcher.books.session import transaction
from dispatcher.errors import DatabaseUnavailable
from dispatcher.settings import Settings
from tests.faults.cast import Worker, hired
from tests.faults.judge import Verdict, judge
from tests.faults.servers import Mortals
from tests.proxy import Proxy, Snare
from tests.sandbox.process import APP
from tests.sandbox_process import PushApi
from tests.waiting import eventually

CHUNK = 1000
TERMINATE_BACKENDS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
MESSAGE = {"ios": {"payload": {"text": "Hello"}}}


@dataclass(frozen=True, slots=True)
class Timing:
    """What a story shortens, in seconds; both are settings."""

    request_timeout: float = 1.0
    pack_id_window: float = 60.0


@dataclass
class Theatre:
    """What a story plays with. Workers reach the servers through the three proxies."""

    servers: Mortals
    push_api: PushApi
    timing: Timing
    settings: Settings
    engine: Engine
    directory: Path
    database: Proxy
    broker: Proxy
    api: Proxy
    _environment: dict[str, str]
    _troupe: ExitStack
    workers: list[Worker] = field(default_factory=list)
    _campaigns: int = 0
    _hired: int = 0

    def hire(self, count: int = 1, *, slots: int = 4, rate: float | None = None) -> list[Worker]:
        """Start so many workers, and return when the fleet counts them.

        `rate` is each account's limit, as the workers are told.
        """
        new = [self.start_worker(slots=slots, rate=rate) for _ in range(count)]
        eventually(lambda: all(map(self._is_counted, new)), within=60)
        return new

    def hire_one(self, *, slots: int = 4) -> Worker:
        """One worker more."""
        return self.hire(slots=slots)[0]

    def start_worker(self, *, slots: int = 4, rate: float | None = None) -> Worker:
        """One worker more, though it may have to wait for its servers."""
        self._hired += 1
        own = {} if rate is None else {"DISPATCHER_RATE": f"{rate:g}"}
        worker = self._troupe.enter_context(
            hired(
                f"w{self._hired}",
                slots=slots,
                environment=self._environment | own,
                directory=self.directory,
            )
        )
        self.workers.append(worker)
        return worker

    def enqueue(self, chunks: int, **options: object) -> str:
        """Commit a campaign of so many full chunks, to members whom no other campaign has.

        `options` are those of the public interface; one `key` has the same members each time.
        """
        self._campaigns += 1
        name = options.get("key") or self._campaigns
        return self.dispatcher.enqueue(
            app_id=APP,
            message=MESSAGE,
            audience=({"token": f"{name}-{n}"} for n in range(chunks * CHUNK)),
            **options,  # type: ignore[arg-type]
        )

    @property
    def dispatcher(self) -> Dispatcher:
        """The verbs, not through the proxies."""
        return Dispatcher(self.settings, self.engine)

    def redis(self) -> "redis.Redis":
        """The broker, not through the proxy."""
        return redis.Redis.from_url(self.servers.valkey.url)

    def execute(self, statement: str, **values: object) -> None:
        """One statement of the story's own."""
        with transaction(self.engine) as connection:
            connection.execute(text(statement), values)

    def chunks_in(self, state: str) -> int:
        """How many chunks stand there, by their own rows."""
        with transaction(self.engine) as connection:
            query = text("SELECT count(*) FROM chunk WHERE state = :state")
            return int(connection.execute(query, {"state": state}).scalar_one())

    def books(self, campaign: str) -> Campaign:
        """The campaign as it stands."""
        return self.dispatcher.show(campaign)

    def ended(self, *campaigns: str, within: float = 30) -> Verdict:
        """The verdict on all that was enqueued, once it has ended."""

        def all_ended() -> bool:
            try:
                return not self._unfinished(campaigns)
            except DatabaseUnavailable:
                return False

        try:
            eventually(all_ended, within=within)
        except AssertionError as error:
            left = [self.books(campaign) for campaign in self._unfinished(campaigns)]
            raise AssertionError(f"not ended within {within:g} s: {left}") from error
        return self.verdict(*campaigns)

    def verdict(self, *campaigns: str) -> Verdict:
        """Whether any promise is broken; `campaigns` are all that were enqueued."""
        books = tuple(map(self.books, campaigns))
        return judge(books, self.push_api, self.engine, self.settings)

    def held_by(self, snare: Snare) -> Worker:
        """The worker whose connection is in the snare, once one is."""
        eventually(lambda: snare.caught, within=20)
        for worker in self.workers:
            if worker.lives and snare.client_port in worker.ports():
                return worker
        raise AssertionError("no worker has this connection")

    def claimant(self, campaign: str) -> Worker:
        """The worker that has claimed a chunk of the campaign."""
        with transaction(self.engine) as connection:
            claimed_by = connection.scalar(
                text("SELECT claimed_by FROM chunk WHERE campaign_id = :id AND state = 'sending'"),
                {"id": campaign},
            )
        pid = int(str(claimed_by).rpartition("/")[2])
        return next(worker for worker in self.workers if worker.pid == pid)

    def ring(self, campaign: str, chunks: Iterable[int]) -> None:
        """Send workers a message about these chunks, due or not."""
        with closing(publishing.Bell(publishing.producer(self.settings))) as bell:
            bell.ring([publishing.Batch(UUID(campaign), tuple(chunks))])

    def lose_the_next_message(self, campaign: str) -> bool:
        """Let a doubtful chunk count as published without a message; False while there is none."""
        with transaction(self.engine) as connection:
            lost = connection.execute(
                text("""
                    UPDATE chunk SET published_at = clock_timestamp()
                    WHERE campaign_id = :id AND state = 'pending' AND published_at IS NULL
                      AND in_doubt_since IS NOT NULL
                """),
                {"id": campaign},
            )
            return lost.rowcount > 0

    def is_whole(self) -> bool:
        """Whether every worker that nobody sent away lives and is counted."""
        living = all(worker.lives for worker in self.workers)
        return living and self._live_slots() == self.slots

    def assert_all_workers_go_on(self) -> None:
        """Every worker lives, is counted, and takes its part in one more campaign."""
        eventually(self.is_whole, within=20)
        campaign = self.enqueue(4 * len(self.workers))
        eventually(lambda: self.books(campaign).ended, within=40)
        assert self.books(campaign).members.failed == 0

    @property
    def slots(self) -> int:
        """The requests that all workers can make at once."""
        return sum(worker.slots for worker in self.workers)

    @property
    def lease(self) -> float:
        """Seconds for which a claim holds a chunk."""
        return self.settings.lease.total_seconds()

    def requests(self) -> int:
        """How many requests have arrived at the vendor's."""
        return int(self.push_api.ledger()["requests"])

    def _unfinished(self, campaigns: Sequence[str]) -> list[str]:
        with transaction(self.engine) as connection:
            unfinished = connection.scalars(
                text("SELECT id FROM campaign WHERE id::text = ANY(:ids) AND finished_at IS NULL"),
                {"ids": list(campaigns)},
            )
            return list(map(str, unfinished))

    def _is_counted(self, worker: Worker) -> bool:
        """Whether the fleet has seen this worker: one that was killed is counted for a while."""
        with transaction(self.engine) as connection:
            query = text("SELECT true FROM worker WHERE name LIKE :name")
            return connection.scalar(query, {"name": f"%/{worker.pid}"}) is not None

    def _live_slots(self) -> int:
        with transaction(self.engine) as connection:
            return fleet.live_slots(connection)


def for_seconds(seconds: float) -> None:
    """Let a fault last so long."""
    time.sleep(seconds)
