"""Who is to get nothing: members with an identifier of a list, left out of the audience."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from dispatcher.audience import rejects, sources
from dispatcher.audience.engine import Engine, literal
from dispatcher.audience.identifiers import IDENTIFIERS
from dispatcher.audience.progress import Reporter
from dispatcher.audience.sources import Source
from dispatcher.audience.staging import Staging
from dispatcher.errors import AudienceError
from dispatcher.words import counted

_NAMES = "SELECT DISTINCT name FROM unwanted"

# A member whose first row is left out is left out with all its rows: these are not counted twice.
_LEAVE_OUT = """
    INSERT INTO left_out
    SELECT rowid, key FROM checked
    WHERE key IN (SELECT key FROM checked WHERE key IS NOT NULL AND ({unwanted}))
      AND rowid NOT IN (SELECT place FROM left_out)"""


@dataclass(frozen=True, slots=True)
class Suppression:
    """A list in the engine, beside the audience; what has to be spooled goes to `directory`."""

    engine: Engine
    directory: Path
    reporter: Reporter

    def read(self, source: Source) -> None:
        """Take up the list; AudienceError where a row cannot be used, as nobody may be missed."""
        self.directory.mkdir()
        try:
            self._stage(source)
        except AudienceError as error:
            # The list is read as an audience is, for all platforms, up to what its errors call it.
            words = str(error).replace("he audience", "he suppression list", 1)
            raise AudienceError(words.replace(" of the message", "", 1)) from error
        values = " UNION ALL ".join(
            f"SELECT {literal(each.name)} AS name, {_value(each.name)} AS value FROM listed"
            for each in IDENTIFIERS
        )
        self.engine.run(f"CREATE TABLE unwanted AS FROM ({values}) WHERE value IS NOT NULL")
        self.engine.run("DROP TABLE listed")

    def leave_out(self) -> None:
        """Add the rows of the table `checked` that are on the list to the table `left_out`."""
        with self.engine.rows(_NAMES) as names:
            found = [name for (name,) in names.fetchall()]
        unwanted = " OR ".join(
            f"{_value(name)} IN (SELECT value FROM unwanted WHERE name = {literal(name)})"
            for name in found
        )
        if unwanted:
            self.engine.run(_LEAVE_OUT.format(unwanted=unwanted))

    def _stage(self, source: Source) -> None:
        opened = sources.open_source(source, self.directory, self.reporter)
        staging = Staging(self.engine, self.directory, IDENTIFIERS, self.reporter, "listed")
        staged = staging.stage(opened)
        if staged.invalid:
            (first,) = islice(staging.rejects(opened), 1)
            raise AudienceError(
                f"The audience {opened.name} has {counted(staged.invalid, 'invalid row')}, so "
                f"nothing is sent: {rejects.unit(opened)} {first.line} {first.reason}."
            )


def _value(name: str) -> str:
    """The identifier in a row's JSON, however it is escaped there, by its MD5; NULL without one."""
    return f"md5_number(json_extract_string(text, '$.{name}'))"
