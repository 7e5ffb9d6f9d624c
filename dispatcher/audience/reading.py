"""The rows of a source as texts: said in SQL, for each kind of source.

Each row is (fault, and a text for each identifier): what each value is, however the file writes it,
NULL where there is none, and the reason why the row cannot be read, where it cannot. What a
column says besides is one more text.
"""

from collections.abc import Sequence

from dispatcher.audience.columns import Layout, text_of
from dispatcher.audience.engine import file_name, literal
from dispatcher.audience.phrases import NO_NAME, has_value, is_blank, quoted
from dispatcher.audience.reading_json import texts_of_json
from dispatcher.audience.reading_parquet import texts_of_parquet
from dispatcher.audience.sources import CsvFile, CsvRows, JsonLines, Opened, ParquetFile
from dispatcher.audience.unpacking import LONGEST_LINE

_CSV_BUFFER = 8 * 2**20
"""Bytes. DuckDB's own buffers of 32 MB would take up a small memory."""


def texts_of(source: Opened, layout: Layout, types: Sequence[str] = ()) -> str:
    """The query that gives (fault, identifiers) for each row of the source, in its order.

    `types` are those of a Parquet file's columns.
    """
    match source:
        case CsvFile() | CsvRows():
            return _csv(source, layout)
        case JsonLines():
            return texts_of_json(source, layout)
        case ParquetFile():
            return texts_of_parquet(source, layout, types)


def _csv(source: CsvFile | CsvRows, layout: Layout) -> str:
    columns = [f"c{place}" for place in range(len(layout.names))]
    texts = [f"c{places[0]} AS {quoted(each)}" for each, places in layout.held.items()]
    texts += [f"c{places[0]} AS {text_of(role)}" for role, places in layout.beside.items()]
    unnamed = " ".join(
        f"WHEN {has_value(f'c{place}', place)} THEN {literal(f'{NO_NAME} (column {place + 1})')}"
        for place in layout.unnamed
    )
    fault = f"CASE WHEN fault IS NOT NULL THEN fault {unnamed} END" if unnamed else "fault"
    return f"""
        SELECT {fault} AS fault, {", ".join(texts)}
        FROM ({_cells_of(source, columns)})
        WHERE fault IS NOT NULL OR NOT ({" AND ".join(map(is_blank, columns))})"""


def _cells_of(source: CsvFile | CsvRows, columns: Sequence[str]) -> str:
    if isinstance(source, CsvRows):
        cells = ", ".join(f"json_extract_string(json, '$.{each}') AS {each}" for each in columns)
        return f"""
            SELECT CASE WHEN starts_with(json::VARCHAR, '[')
                        THEN json_extract_string(json, '$[0]') END AS fault, {cells}
            FROM read_ndjson_objects({literal(file_name(source.path))}, compression = 'none',
                                     hive_partitioning = false)"""
    types = ", ".join(f"{each}: 'VARCHAR'" for each in columns)
    return f"""
        SELECT NULL::VARCHAR AS fault, *
        FROM read_csv({literal(file_name(source.path))}, auto_detect = false, header = true,
                      delim = {literal(source.header.separator)}, quote = '"', escape = '"',
                      skip = {source.header.line - 1}, strict_mode = true,
                      columns = {{{types}}}, compression = 'none',
                      max_line_size = {LONGEST_LINE}, buffer_size = {_CSV_BUFFER},
                      hive_partitioning = false)"""
