"""Who is to get nothing: identifiers of a list, taken up as unwanted, see `leaving_out`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dispatcher.audience.checking import folded, known
from dispatcher.audience.columns import BUT_FOR
from dispatcher.audience.engine import Engine, literal
from dispatcher.audience.identifiers import IDENTIFIERS, Identifier
from dispatcher.audience.parts import Listing
from dispatcher.audience.progress import Reporter
from dispatcher.audience.reasons import Reason
from dispatcher.audience.rejects import Rejects
from dispatcher.audience.rules import Rules
from dispatcher.audience.staging import Staging
from dispatcher.audience.told import Told
from dispatcher.errors import AudienceError
from dispatcher.words import counted

_ADD = f"""
    INSERT INTO unwanted
    SELECT name, value, {literal(Reason.SUPPRESSED)} FROM ({{values}}) WHERE value IS NOT NULL"""


@contextmanager
def called_suppression() -> Iterator[None]:
    """What is wrong with an audience, said of a suppression list.

    The list is read as an audience is, for all platforms, up to what its errors call it.
    """
    try:
        yield
    except AudienceError as error:
        words, *_ = str(error).split(BUT_FOR)
        words = words.replace("he audience", "he suppression list", 1)
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
            f"SELECT {literal(each.name)} AS name, {known(value)} AS value FROM listed"
            for each in IDENTIFIERS
            for value in (json_of(each), whole_number(each))
        )
        self.engine.run(_ADD.format(values=values))
        self.engine.run("DROP TABLE listed")

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


def json_of(identifier: Identifier) -> str:
    """The identifier in a row's JSON, folded, as an expression; NULL without one."""
    return folded(identifier, f"json_extract(text, {literal(f'$.{identifier.name}')})::VARCHAR")


def whole_number(identifier: Identifier) -> str:
    """The whole number of a text as `1001.0`, NULL of any other.

    So pandas writes a column with gaps into a CSV file. Who is meant by such a text cannot be told:
    whoever may be is left out.
    """
    whole = f"regexp_extract({json_of(identifier)}, '^\"([0-9]+)[.]0+\"$', 1)"
    return f"CASE WHEN {whole} <> '' THEN '\"' || {whole} || '\"' END"
