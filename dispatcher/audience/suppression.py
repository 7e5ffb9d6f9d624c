"""Who is to get nothing: members with an identifier of a list, left out of the audience."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dispatcher.audience.checking import folded
from dispatcher.audience.engine import Engine, literal
from dispatcher.audience.identifiers import IDENTIFIERS, Identifier
from dispatcher.audience.parts import Listing
from dispatcher.audience.progress import Reporter
from dispatcher.audience.rejects import Rejects
from dispatcher.audience.rules import Rules
from dispatcher.audience.staging import Staging
from dispatcher.audience.told import Told
from dispatcher.errors import AudienceError
from dispatcher.words import counted

_NAMES = "SELECT DISTINCT name FROM unwanted"

# A member whose first row is left out is left out with all its rows: these are not counted twice.
_LEAVE_OUT = """
    INSERT INTO left_out
    SELECT rowid, key FROM checked
    WHERE key IN (SELECT key FROM checked WHERE key IS NOT NULL AND ({unwanted}))
      AND rowid NOT IN (SELECT place FROM left_out)"""


@contextmanager
def called_suppression() -> Iterator[None]:
    """What is wrong with an audience, said of a suppression list.

    The list is read as an audience is, for all platforms, up to what its errors call it.
    """
    try:
        yield
    except AudienceError as error:
        words = str(error).replace("he audience", "he suppression list", 1)
        raise AudienceError(words.replace(" of the message", "", 1)) from error


@dataclass(frozen=True, slots=True)
class Suppression:
    """A list in the engine, beside the audience; what has to be spooled goes to `directory`."""

    engine: Engine
    directory: Path
    rules: Rules
    told: Told
    reporter: Reporter

    def read(self, listing: Listing) -> None:
        """Take up the list; AudienceError where a row cannot be used, as nobody may be missed."""
        self.directory.mkdir()
        with called_suppression():
            self._stage(listing)
        values = " UNION ALL ".join(
            f"SELECT {literal(each.name)} AS name, md5_number({value}) AS value FROM listed"
            for each in IDENTIFIERS
            for value in (_value(each), _whole_number(each))
        )
        self.engine.run(f"CREATE TABLE unwanted AS FROM ({values}) WHERE value IS NOT NULL")
        self.engine.run("DROP TABLE listed")

    def leave_out(self) -> None:
        """Add the rows of the table `checked` that are on the list to the table `left_out`."""
        with self.engine.rows(_NAMES) as names:
            found = {name for (name,) in names.fetchall()}
        unwanted = " OR ".join(
            f"md5_number({_value(each)}) IN "
            f"(SELECT value FROM unwanted WHERE name = {literal(each.name)})"
            for each in IDENTIFIERS
            if each.name in found
        )
        if unwanted:
            self.engine.run(_LEAVE_OUT.format(unwanted=unwanted))

    def _stage(self, listing: Listing) -> None:
        staging = Staging(
            self.engine,
            self.directory,
            IDENTIFIERS,
            self.rules,
            self.told,
            self.reporter,
            "listed",
        )
        with Rejects(listing.several, keep=1) as rejects:
            staging.stage(listing, rejects)
        if rejects.count:
            (first,) = rejects.first
            raise AudienceError(
                f"The audience {listing.name} has {counted(rejects.count, 'invalid row')}, so "
                f"nothing is sent: {first.place} {first.reason}."
            )


def _value(identifier: Identifier) -> str:
    """The identifier in a row's JSON; NULL without one. Case counts as in members."""
    value = f"json_extract(text, {literal(f'$.{identifier.name}')})::VARCHAR"
    return folded(identifier, value)


def _whole_number(identifier: Identifier) -> str:
    """The whole number of a text as `1001.0`, NULL of any other.

    So pandas writes a column with gaps into a CSV file. Who is meant by such a text cannot be told:
    whoever may be is left out.
    """
    whole = f"regexp_extract({_value(identifier)}, '^\"([0-9]+)[.]0+\"$', 1)"
    return f"CASE WHEN {whole} <> '' THEN '\"' || {whole} || '\"' END"
