"""Who is on the app's standing list: left out as whom a suppression list names is."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from dispatcher.audience.engine import Engine, file_name, literal
from dispatcher.audience.hashes import hash_of_key, hashed
from dispatcher.audience.identifiers import IDENTIFIERS, TOKEN, Identifier
from dispatcher.audience.parquet import NumbersFile
from dispatcher.audience.reasons import Reason
from dispatcher.audience.suppression import json_of

_READ = "CREATE VIEW standing AS FROM read_parquet({file}, hive_partitioning = false)"

_FOUND = f"""
    SELECT rowid AS place, key, {literal(Reason.STANDING)}::reason AS reason FROM checked
    WHERE key IS NOT NULL AND {{hash}} IN (SELECT hash FROM standing)"""


@dataclass(frozen=True, slots=True)
class Standing:
    """An app's standing list with somebody on it.

    `key` is that of its hashes, see `hashes`; it has to be the salt of the members' keys, too.
    `copy` gives the hashes to what it is called with, some at a time: eight bytes each, the highest
    first.
    """

    key: str = field(repr=False)
    copy: Callable[[Callable[[bytes | memoryview], object]], object]


def taken_up(
    engine: Engine, directory: Path, standing: Standing, identifiers: Collection[Identifier]
) -> list[str]:
    """Queries for the keys of the rows of the table `checked` that are on the list.

    `identifiers` are those that the rows have. The list lies in a file in `directory`.
    """
    file = directory / "standing.parquet"
    with file.open("wb") as opened:
        numbers = NumbersFile(opened, "hash")
        standing.copy(numbers.add)
        numbers.end()
    engine.run(_READ.format(file=literal(file_name(file))))
    # Who is known by one identifier alone has its hash in the key already.
    hashes = [hash_of_key("key")]
    if len(identifiers) > 1:
        others = [each for each in IDENTIFIERS if each in identifiers and each != TOKEN]
        hashes += [hashed(each, json_of(each), standing.key) for each in others]
    return [_FOUND.format(hash=each) for each in hashes]
