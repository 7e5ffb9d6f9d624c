"""Whom other campaigns were for, read from their chunks into the tables of `leaving_out`."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from shutil import rmtree
from typing import BinaryIO

from dispatcher.audience.checking import folded, known
from dispatcher.audience.engine import Engine, file_name, literal
from dispatcher.audience.identifiers import Identifier
from dispatcher.audience.phrases import quoted
from dispatcher.audience.progress import Reporter
from dispatcher.audience.reasons import Reason
from dispatcher.audience.unpacking import LONGEST_LINE
from dispatcher.books.exclusions import Take


@dataclass(frozen=True, slots=True)
class Frozen:
    """The chunks of other campaigns that decide who is left out.

    `read` gives them to what it is called with, all of one moment, and returns sentences for the
    person; None where it turns out that nobody is to be left out. Whoever is in one that was sent
    is excluded; where `only_unsent`, so is whoever is in none that was not.
    """

    read: Callable[[Take], list[str] | None]
    only_unsent: bool = False


def read(
    engine: Engine,
    directory: Path,
    frozen: Frozen,
    identifiers: Sequence[Identifier],
    reporter: Reporter,
) -> bool:
    """Fill the tables `unwanted` and `wanted` with those of these identifiers that members have.

    Returns whether anybody is to be left out. What is spooled meanwhile goes to `directory`.
    """
    directory.mkdir()
    with ExitStack() as stack:
        files = [stack.enter_context(open(directory / name, "wb")) for name in ("1", "2", "3", "4")]
        sent, unsent = _Spool(files[:2]), _Spool(files[2:])
        done = 0

        def take(was_sent: bool, size: int, members: bytes) -> None:
            nonlocal done
            (sent if was_sent else unsent).add(members)
            done += size
            reporter.report("reading", done)

        notes = frozen.read(take)
        sent.end()
        unsent.end()
    _load(engine, sent, identifiers, f"unwanted SELECT *, {literal(Reason.EXCLUDED)}")
    if frozen.only_unsent:
        _load(engine, unsent, identifiers, "wanted SELECT *")
    rmtree(directory)
    reporter.notes += notes or []
    return notes is not None


class _Spool:
    """Members as JSON arrays in files, those of the first chunk in `first`, too.

    There are several files because DuckDB reads each of them with one thread.
    """

    def __init__(self, files: Sequence[BinaryIO]) -> None:
        self.files = files
        self.first = b""
        self._turns = cycle(files)

    def add(self, members: bytes) -> None:
        """Write a chunk's members down, if there are any."""
        if not members:
            return
        file = next(self._turns)
        file.write(b"," if file.tell() else b"[")
        file.write(members)
        self.first = self.first or members

    def end(self) -> None:
        """Close the arrays."""
        for file in self.files:
            file.write(b"]" if file.tell() else b"[]")


def _load(engine: Engine, spool: _Spool, identifiers: Sequence[Identifier], into: str) -> None:
    """Insert those of these identifiers that the spooled members have; each is looked at once.

    What they are is guessed by the first chunk; where others turn up, all are read again.
    """
    if not spool.first:
        return
    held = [each for each in identifiers if f'"{each.name}":'.encode() in spool.first]
    while further := _read(engine, spool, held, [each for each in identifiers if each not in held]):
        held += further
    found = " UNION ALL ".join(
        f"SELECT {literal(each.name)} AS name, {quoted(each)} AS value FROM frozen" for each in held
    )
    if found:
        engine.run(f"INSERT INTO {into} FROM ({found}) WHERE value IS NOT NULL")
    engine.run("DROP TABLE frozen")


def _read(
    engine: Engine, spool: _Spool, held: Sequence[Identifier], others: Sequence[Identifier]
) -> list[Identifier]:
    """Make the table `frozen` of the identifiers `held`; those of the others that turned up."""
    columns = ", ".join(f"{quoted(each)}: 'JSON'" for each in (*held, *others))
    values = [f"{_known(each)} AS {quoted(each)}" for each in held]
    values += [f"{quoted(each)} IS NOT NULL AS {quoted(each)}" for each in others]
    files = ", ".join(literal(file_name(Path(file.name))) for file in spool.files)
    # Left to find out whether these are records, it takes more memory for one identifier alone.
    engine.run(f"""
        CREATE OR REPLACE TABLE frozen AS SELECT {", ".join(values)}
        FROM read_json([{files}], format = 'array', columns = {{{columns}}},
                       maximum_object_size = {LONGEST_LINE}, records = true, compression = 'none',
                       hive_partitioning = false)""")
    if not others:
        return []
    turned_up = engine.run(
        f"SELECT {', '.join(f'bool_or({quoted(each)})' for each in others)} FROM frozen"
    )
    return [each for each, is_there in zip(others, turned_up, strict=True) if is_there]


def _known(identifier: Identifier) -> str:
    return known(folded(identifier, f"{quoted(identifier)}::VARCHAR"))
