"""The limit: one asyncio process that reads the same chunks and posts them, so many at a time.

`python -m benchmarks.contestants.loop CLIENT CONNECTIONS` waits for the word on the broker.
There is no queue, no claim and no retry, and what was sent is written down in batches.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass

import psycopg2
import redis

from benchmarks import campaign
from benchmarks.contestants.clients import CLIENTS, Post
from benchmarks.contestants.contestant import Started, copied_chunks_are_sent, copy_chunks
from benchmarks.meters import wait_until
from benchmarks.programs import Program, program
from benchmarks.stage import Books

CONNECTIONS = 64
_READ_AT_ONCE = 64
_GO = "benchmark-go"
_READY = "ready"

_SETTLE = """
UPDATE job_chunk
SET state = 'delivered', settled_at = clock_timestamp(),
    audience = size, successful = size, erroneous = 0
WHERE sequence = ANY(%(sequences)s)
"""

Chunk = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Loop:
    """The contestant; `client` is one of `CLIENTS`, `connections` how many requests at once."""

    client: str
    connections: int = CONNECTIONS

    @property
    def name(self) -> str:
        width = "" if self.connections == CONNECTIONS else f" x {self.connections}"
        return f"loop without a queue, {self.client}{width}"

    def prepare(self, books: Books, chunks: int) -> None:
        copy_chunks(books, chunks)

    @contextmanager
    def workers(self, books: Books) -> Iterator[list[Program]]:
        with program(
            ["benchmarks.contestants.loop", self.client, str(self.connections)],
            environment=books.environment,
            directory=books.directory,
            name="loop",
        ) as running:
            wait_until(lambda: running.said(_READY) > 0, within=30, what="the loop is ready")
            yield [running]

    def start(self, books: Books, chunks: int) -> Started:
        started = Started(time.time())
        with redis.Redis.from_url(books.broker_url) as broker:
            broker.lpush(_GO, 1)
        return started

    def is_done(self, books: Books, chunks: int) -> bool:
        return copied_chunks_are_sent(books, chunks)


async def _read(queue: "asyncio.Queue[Chunk | None]", database_url: str, connections: int) -> None:
    """Bring the chunks into the queue as there is room, and an end for each who sends."""
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor("chunks") as cursor:
        await asyncio.to_thread(
            cursor.execute, "SELECT sequence, pack_id, members FROM job_chunk ORDER BY sequence"
        )
        while rows := await asyncio.to_thread(cursor.fetchmany, _READ_AT_ONCE):
            for row in rows:
                await queue.put(row)
    connection.close()
    for _ in range(connections):
        await queue.put(None)


async def _send(
    queue: "asyncio.Queue[Chunk | None]",
    sent: "asyncio.Queue[int | None]",
    posting: AbstractAsyncContextManager[Post],
) -> None:
    """One of those in flight."""
    head = campaign.head_of_bodies()
    async with posting as post:
        while (chunk := await queue.get()) is not None:
            sequence, pack_id, members = chunk
            await post(campaign.whole_body(head, pack_id, members))
            sent.put_nowait(sequence)


async def _write_down(sent: "asyncio.Queue[int | None]", database_url: str) -> None:
    """Everything that was sent since the last batch, again and again, until the end."""
    connection = psycopg2.connect(database_url)
    ended = False
    while not ended:
        batch = [await sent.get()]
        while not sent.empty():
            batch.append(sent.get_nowait())
        ended = batch[-1] is None
        await asyncio.to_thread(_settle, connection, [number for number in batch if number])
    connection.close()


def _settle(connection: "psycopg2.extensions.connection", batch: list[int]) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(_SETTLE, {"sequences": batch})


async def _main(database_url: str, push_api_url: str, client: str, connections: int) -> None:
    queue: asyncio.Queue[Chunk | None] = asyncio.Queue(2 * connections)
    sent: asyncio.Queue[int | None] = asyncio.Queue()
    books = asyncio.create_task(_write_down(sent, database_url))
    async with asyncio.TaskGroup() as everybody:
        everybody.create_task(_read(queue, database_url, connections))
        for _ in range(connections):
            everybody.create_task(_send(queue, sent, CLIENTS[client](push_api_url)))
    sent.put_nowait(None)
    await books


def main(client: str, connections: int) -> None:
    """Wait for the word, and send."""
    print(_READY, flush=True)
    with redis.Redis.from_url(campaign.broker_url()) as broker:
        broker.blpop([_GO])
    asyncio.run(_main(campaign.database_url(), campaign.push_api_url(), client, connections))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
