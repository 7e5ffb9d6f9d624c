"""The dispatcher, driven by its public verbs and commands."""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.campaign import APP, MESSAGE
from benchmarks.contestants.contestant import Started
from benchmarks.programs import Program
from benchmarks.stage import Books


@dataclass(frozen=True, slots=True)
class Ours:
    """So many worker processes with so many threads; `audience` has the members to send to."""

    audience: Path
    processes: int = 2
    slots: int = 32

    @property
    def name(self) -> str:
        return f"ours, {self.processes} x {self.slots} threads"

    def prepare(self, books: Books, chunks: int) -> None:
        """Commit the campaign, and let it rest."""
        campaign = books.dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=self.audience)
        found = books.dispatcher.pause(campaign).chunks.total
        if found != chunks:
            raise ValueError(f"{self.audience} makes {found} chunks, not {chunks}")

    def workers(self, books: Books) -> AbstractContextManager[list[Program]]:
        return books.workers(self.processes, self.slots)

    def start(self, books: Books, chunks: int) -> Started:
        started = Started(time.time())
        books.dispatcher.resume("last")
        return started

    def is_done(self, books: Books, chunks: int) -> bool:
        """As cheap a look as at the others' books: what `show` costs is measured apart."""
        return books.count("SELECT count(*) FROM campaign WHERE state = 'completed'") == 1
