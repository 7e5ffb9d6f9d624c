"""DuckDB, held to a memory limit, to this machine and to Ctrl-C."""

import errno
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from dispatcher.audience.arrow import Texts, texts
from dispatcher.audience.progress import SECONDS_BETWEEN
from dispatcher.errors import AudienceError, SettingError
from dispatcher.forks import not_while_forking

_THREADS = 2
"""More would be faster on a larger machine, but each holds buffers of its own."""

_MEMORY_FOR_THREADS = 160 * 10**6
"""Bytes; below, the buffers of two would leave nothing to work with."""

_LIMITED_SHARE = 0.8
"""Of the memory allowed: DuckDB counts most of what it takes, but not all."""


def literal(text: str | Path) -> str:
    """The text as a literal of SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def file_name(path: Path) -> str:
    """The path as DuckDB wants it: with *, ? or [ it would be a pattern for several files."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


class Engine:
    """One in-memory database that spills to `directory` beyond `memory` bytes.

    Statements run in a thread of their own, so that Ctrl-C interrupts them at once.
    """

    def __init__(self, directory: Path, memory: int) -> None:
        self._memory = memory
        self._spilled = directory / "spilled"
        with not_while_forking():
            self._connection = duckdb.connect(
                ":memory:",
                config={
                    "memory_limit": f"{int(memory * _LIMITED_SHARE)}B",
                    "threads": 1 if memory < _MEMORY_FOR_THREADS else _THREADS,
                    "temp_directory": str(self._spilled),
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    "preserve_insertion_order": True,
                    "enable_external_file_cache": False,  # a path may lead to another file later
                },
            )
        # It would make a join of each list of words that a text is compared with.
        self._connection.execute("SET disabled_optimizers = 'in_clause'")
        self._connection.execute("SET enable_progress_bar = true")
        self._connection.execute("SET enable_progress_bar_print = false")
        self._is_alone = memory < _MEMORY_FOR_THREADS
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audience")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._thread.shutdown()
        self._connection.close()

    def run(self, sql: str, watch: Callable[[float], None] | None = None) -> tuple[Any, ...]:
        """Run one statement to its end and return its first row (or an empty tuple).

        `watch` gets the done fraction (0 to 1) several times a second. Raises duckdb.Error,
        SettingError where the memory does not suffice, and OSError where the disk is full.
        """
        running = self._thread.submit(self._first_row, sql)
        try:
            with self._translated():
                while True:
                    try:
                        return running.result(timeout=SECONDS_BETWEEN)
                    except TimeoutError:
                        if watch is not None:
                            watch(max(0.0, self._connection.query_progress()) / 100)
        finally:
            while not running.done():  # Ctrl-C, or a watcher that raised
                self._connection.interrupt()
                wait([running], timeout=0.05)

    @property
    def spilled(self) -> int:
        """Bytes that are on the disk, as the memory does not hold them."""
        found = 0
        with suppress(FileNotFoundError), os.scandir(self._spilled) as files:
            for file in files:
                found += file.stat().st_size
        return found

    @contextmanager
    def rows(self, sql: str) -> Iterator["duckdb.DuckDBPyConnection"]:
        """A cursor over the statement's rows, which are not held in memory all at once.

        It raises what `run` raises, to the end of the block.
        """
        with self._translated(), self._connection.cursor() as cursor:
            yield cursor.execute(sql)

    @contextmanager
    def texts(self, sql: str) -> Iterator[Iterator[Texts]]:
        """The same for statements of which the last one gives a single column of texts."""
        with self._translated(), self._connection.cursor() as cursor:
            yield texts(cursor.sql(sql))

    def columns(self, query: str) -> tuple[str, ...]:
        """The names of the query's columns, without running it; raises duckdb.Error."""
        with self.rows(f"SELECT * FROM ({query}) LIMIT 0") as rows:
            return tuple(column[0] for column in rows.description or ())

    def _first_row(self, sql: str) -> tuple[Any, ...]:
        """What several threads hold at once may be too much where rows are long: then one does."""
        try:
            return self._connection.execute(sql).fetchone() or ()
        except duckdb.OutOfMemoryException:
            if self._is_alone:
                raise
            self._is_alone = True
            self._connection.execute("SET threads = 1")
            return self._connection.execute(sql).fetchone() or ()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What DuckDB says of too little room, as our own errors."""
        try:
            yield
        except duckdb.OutOfMemoryException as error:
            raise SettingError(
                f"DISPATCHER_PREPARE_MEMORY of {self._memory // 10**6} MB is too little for this "
                f"audience, or the disk is full: {first_line(error)}"
            ) from error
        except duckdb.IOException as error:
            if str(self._spilled) not in str(error):
                raise
            reason = first_line(error).rpartition(": ")[2]
            raise OSError(errno.ENOSPC, reason) from error


def first_line(error: duckdb.Error) -> str:
    """What DuckDB says, without its advice."""
    return str(error).partition("\n")[0]


def unreadable(name: str, error: duckdb.Error) -> AudienceError:
    """The error of a file that DuckDB could not read to its end."""
    return AudienceError(
        f"The audience {name} cannot be read: {first_line(error)}; the file is damaged, make it "
        "again."
    )
