"""A Parquet file's rows as texts, see `reading`: its columns have types of their own."""

from collections.abc import Sequence

from dispatcher.audience.columns import Layout, text_of
from dispatcher.audience.engine import Engine, file_name, literal
from dispatcher.audience.identifiers import Identifier
from dispatcher.audience.phrases import (
    NO_NAME,
    REMEDY,
    has_value,
    lost_digits,
    must_be,
    no_whole_number,
    quoted,
)
from dispatcher.audience.sources import ParquetFile

_AS_THEY_ARE = frozenset(
    {
        *("VARCHAR", "UUID", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
    }
)
_EXACT = {"DOUBLE": 2**53, "FLOAT": 2**24}
"""Below, each whole number is one float; from there on, several numbers become the same."""


def columns_of(engine: Engine, source: ParquetFile) -> list[tuple[str, str]]:
    """The name and the type of each column, as the file has them; raises duckdb.Error.

    DuckDB itself would call the second of two `Id` and `ID` otherwise.
    """
    file = literal(file_name(source.path))
    with engine.rows(f"SELECT name, num_children FROM parquet_schema({file})") as rows:
        _, *elements = rows.fetchall()
    with engine.rows(f"DESCRIBE FROM read_parquet({file}, hive_partitioning = false)") as rows:
        types = [of for _, of, *_ in rows.fetchall()]
    names = []
    remaining = iter(elements)
    for name, children in remaining:
        names.append(name)
        below = children or 0
        while below:
            _, further = next(remaining)
            below += (further or 0) - 1
    return list(zip(names, types, strict=True))


def texts_of_parquet(source: ParquetFile, layout: Layout, types: Sequence[str]) -> str:
    """The query of (fault, identifiers) for each row; `types` are those of the columns."""
    columns = [f"c{place}" for place in range(len(layout.names))]
    held = [(each, columns[places[0]], types[places[0]]) for each, places in layout.held.items()]
    faults = [_fault(*each) for each in held]
    faults += [
        f"WHEN {has_value(f'{columns[place]}::VARCHAR', place)} "
        f"THEN {literal(f'{NO_NAME} (column {place + 1})')}"
        for place in layout.unnamed
    ]
    chain = " ".join(filter(None, faults))
    fault = f"CASE {chain} END" if chain else "NULL::VARCHAR"
    read = [f"{_text(column, of)} AS {quoted(each)}" for each, column, of in held]
    read += [
        f"{_text(columns[place], types[place])} AS {text_of(role)}"
        for role, (place,) in layout.beside.items()
    ]
    texts = ", ".join(read)
    return f"""
        SELECT {fault} AS fault, {texts}
        FROM read_parquet({literal(file_name(source.path))}, hive_partitioning = false)
            AS file ({", ".join(columns)})"""


def _text(column: str, of: str) -> str:
    if of == "VARCHAR":
        return column
    if of == "BLOB":
        return f"TRY(decode({column}))"
    if of in _EXACT:
        whole = f"TRY_CAST({column} AS HUGEINT)::VARCHAR"
        return f"CASE WHEN {column} = trunc({column}) THEN {whole} END"
    if of.startswith("DECIMAL"):
        return f"split_part({column}::VARCHAR, '.', 1)"
    return f"{column}::VARCHAR"


def _fault(identifier: Identifier, column: str, of: str) -> str:
    """When a value of such a column is none that an identifier can have, and the reason."""
    if of in _AS_THEY_ARE or of.startswith("ENUM"):
        return ""
    if of == "BLOB":
        reason = f"{identifier.name} holds bytes that are not UTF-8: export it as text"
        return f"WHEN {column} IS NOT NULL AND TRY(decode({column})) IS NULL THEN {literal(reason)}"
    if of in _EXACT:
        return f"""
            WHEN isinf({column}) OR {column} <> trunc({column})
                THEN {literal(no_whole_number(identifier))}
            WHEN NOT isnan({column}) AND abs({column}) >= {_EXACT[of]}
                THEN {literal(lost_digits(identifier))}"""
    if of.startswith("DECIMAL"):
        return f"WHEN {column} <> trunc({column}) THEN {literal(no_whole_number(identifier))}"
    kind = of.partition("(")[0].lower()
    reason = f"{must_be(identifier)}, not of the type {kind}: {REMEDY}"
    return f"WHEN {column} IS NOT NULL THEN {literal(reason)}"
