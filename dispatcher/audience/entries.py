"""What a person puts on a standing list, identifiers or files of them, as the hashes it keeps.

Both are read and checked as a suppression list is: a value means the same everywhere.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dispatcher.audience.checking import folded
from dispatcher.audience.columns import folded as folded_name
from dispatcher.audience.engine import Engine
from dispatcher.audience.hashes import hashed
from dispatcher.audience.identifiers import IDENTIFIERS, Identifier, Kind
from dispatcher.audience.listing import Source, listed
from dispatcher.audience.parts import Listing, RowsPart
from dispatcher.audience.phrases import NO_IDENTIFIER
from dispatcher.audience.progress import Reporter, Watcher
from dispatcher.audience.rejects import Rejects
from dispatcher.audience.rules import Rules, rules
from dispatcher.audience.scratch import scratch_directory
from dispatcher.audience.staging import Staging
from dispatcher.audience.suppression import called_suppression, json_of, whole_number
from dispatcher.audience.told import Told
from dispatcher.books.finding import Sought
from dispatcher.errors import AudienceError, OptionError
from dispatcher.words import counted

_KINDS = {folded_name(each.name): each for each in IDENTIFIERS}


@dataclass(frozen=True, slots=True)
class Workshop:
    """What reads lists: with the `key` of the hashes, so much `memory`, and room in `scratch`."""

    key: str = field(repr=False)
    memory: int
    scratch: Path

    def hashes_of(self, identifiers: Iterable[str]) -> list[int]:
        """The hash of each identifier, as in `userId=anna`, in their order.

        Raises OptionError, by its place, for one that has no kind, or that nobody can have: who it
        is must stand in no error.
        """
        given = _parsed(identifiers)
        rows = [{identifier.name: value} for identifier, value in given]
        listing = Listing("given", (RowsPart(rows),))
        with self._staged(listing, rules(None, None, None, ""), None) as (engine, told, rejects):
            if rejects.first:
                raise _unusable(rejects)
            hashes = ", ".join(self._hashed(told.held))
            query = f"SELECT coalesce({hashes}) FROM entered ORDER BY rowid"
            with engine.rows(query) as found:
                return [value for (value,) in found.fetchall()]

    def sought(self, identifier: str) -> Sought:
        """How an identifier, as in `userId=anna`, stands in the stored members that have it.

        Raises OptionError as `hashes_of` does.
        """
        (given,) = _parsed([identifier])
        listing = Listing("given", (RowsPart([{given[0].name: given[1]}]),))
        with self._staged(listing, rules(None, None, None, ""), None) as (engine, _, rejects):
            if rejects.first:
                raise _unusable(rejects)
            shouted = f"upper({json_of(given[0])})"
            member, whatever_case = engine.run(
                f"SELECT text, {folded(given[0], shouted)} <> {shouted} FROM entered"
            )
        pair = str(member)[1:-1]
        ends = ("",) if given[0].kind is Kind.TEXT else (",", "}")
        (value,) = json.loads(str(member)).values()
        return Sought(tuple(f"{pair}{end}" for end in ends), bool(whatever_case), str(value))

    @contextmanager
    def read(
        self,
        source: Source,
        said: Rules,
        *,
        format: str | None,
        progress: Watcher | None,
        told: Callable[[str], None] | None,
    ) -> Iterator["Entries"]:
        """The hashes of all identifiers of a list, in whatever row; nothing stays behind.

        Raises AudienceError where a row cannot be used, as nobody may be missed.
        """
        with called_suppression():
            listing = listed(source, format)
            with self._staged(listing, said, progress) as (engine, notes, rejects):
                if rejects.first:
                    (first,) = rejects.first
                    raise AudienceError(
                        f"The audience {listing.name} has {counted(rejects.count, 'invalid row')}, "
                        f"so nobody is put on the list: {first.place} {first.reason}."
                    )
                if told is not None:
                    for note in notes.all:
                        told(note)
                alike = " UNION ALL ".join(
                    f"SELECT {each} AS hash FROM entered"
                    for each in (*self._hashed(notes.held), *self._hashed(notes.held, whole_number))
                )
                query = f"FROM ({alike}) WHERE hash IS NOT NULL"
                engine.run(f"CREATE TABLE hashes AS SELECT DISTINCT hash {query} ORDER BY hash")
                (count,) = engine.run("SELECT count(*) FROM hashes")
                yield Entries(count, engine)

    def _hashed(
        self, held: Iterable[Identifier], value: Callable[[Identifier], str] = json_of
    ) -> list[str]:
        return [hashed(each, value(each), self.key) for each in IDENTIFIERS if each in set(held)]

    @contextmanager
    def _staged(
        self, listing: Listing, said: Rules, progress: Watcher | None
    ) -> Iterator[tuple[Engine, Told, Rejects]]:
        """The rows in the table `entered` of an engine, and the first that is invalid."""
        reporter = Reporter(progress)
        reporter.notes += listing.notes
        with (
            scratch_directory(self.scratch) as directory,
            Engine(directory, self.memory) as engine,
            Rejects(listing.several, keep=1) as rejects,
        ):
            told = Told(reporter)
            staging = Staging(engine, directory, IDENTIFIERS, said, told, reporter, "entered")
            staging.stage(listing, rejects)
            yield engine, told, rejects


@dataclass(frozen=True, slots=True)
class Entries:
    """So many different hashes."""

    count: int
    engine: Engine = field(repr=False)

    def steps(self, size: int) -> Iterator[list[int]]:
        """All of them, `size` at a time, the smallest first: neighbours share a page."""
        with self.engine.rows("SELECT hash FROM hashes") as rows:
            while some := rows.fetchmany(size):
                yield [value for (value,) in some]


def _parsed(identifiers: Iterable[str]) -> list[tuple[Identifier, str | int]]:
    if isinstance(identifiers, str) or not isinstance(identifiers, Iterable):
        raise OptionError("identifiers must be a list of texts as userId=anna.")
    given = [_identifier(place, each) for place, each in enumerate(identifiers, 1)]
    if not given:
        raise OptionError("No identifier is given: name who is meant, as in userId=anna.")
    return given


def _identifier(place: int, text: object) -> tuple[Identifier, str | int]:
    kind, equals, value = text.partition("=") if isinstance(text, str) else ("", "", "")
    identifier = _KINDS.get(folded_name(kind.strip()))
    if not equals or identifier is None:
        raise OptionError(
            f"Identifier {place} does not say of which kind it is: write it as in userId=anna; the "
            f"kinds are {', '.join(each.name for each in IDENTIFIERS)}."
        )
    return identifier, value


def _unusable(rejects: Rejects) -> OptionError:
    (first,) = rejects.first
    if first.reason.startswith(NO_IDENTIFIER):
        return OptionError(
            f"Identifier {first.line} is nobody's: it is empty, zeros, or a word for nothing."
        )
    return OptionError(f"Identifier {first.line} cannot be used: {first.reason}.")
