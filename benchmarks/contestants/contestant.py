"""What all who send the same chunks have in common."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from benchmarks.programs import Program, output_of
from benchmarks.stage import Books


@dataclass(frozen=True, slots=True)
class Started:
    """When sending was asked for, in seconds since 1970; the CPU that asking took elsewhere."""

    at: float
    cpu: float = 0.0


class Contestant(Protocol):
    """Sends the chunks of the books' campaign, of which the first so many are asked for."""

    @property
    def name(self) -> str:
        """As the tables show it, with how it is configured."""

    def prepare(self, books: Books, chunks: int) -> None:
        """Bring its own tables into being, before anything is timed."""

    def workers(self, books: Books) -> AbstractContextManager[list[Program]]:
        """Its workers, once they are ready; they send nothing yet."""

    def start(self, books: Books, chunks: int) -> Started:
        """Let everything be sent."""

    def is_done(self, books: Books, chunks: int) -> bool:
        """Whether everything has been sent and written down."""


def publish(module: str, books: Books, chunks: int) -> Started:
    """Run a peer's own producer, which publishes within `Publishing`."""
    at, cpu = map(float, output_of([module, str(chunks)], books.environment).split())
    return Started(at, cpu)


def copy_chunks(books: Books, chunks: int) -> None:
    """The campaign's first chunks in a table like ours, and an empty one like that of attempts."""
    books.execute("DROP TABLE IF EXISTS job_chunk, job_attempt")
    books.execute("CREATE TABLE job_chunk (LIKE chunk INCLUDING ALL)")
    books.execute("CREATE TABLE job_attempt (LIKE attempt INCLUDING ALL)")
    books.execute(
        "INSERT INTO job_chunk (campaign_id, sequence, size, members)"
        " SELECT campaign_id, sequence, size, members FROM chunk"
        " WHERE campaign_id = (SELECT id FROM campaign ORDER BY created_at DESC LIMIT 1)"
        " AND sequence <= :chunks",
        {"chunks": chunks},
    )
    books.execute("ANALYZE job_chunk")


def copied_chunks_are_sent(books: Books, chunks: int) -> bool:
    """Whether the books of `copy_chunks` say so."""
    return books.count("SELECT count(*) FROM job_chunk WHERE state = 'delivered'") == chunks
