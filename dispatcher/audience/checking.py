"""What makes a row valid, and two rows the same member: said in SQL, for every kind of source.

Each source gives its identifiers as JSON texts (`"abc"`, `123`, NULL where there is none); from
there all are treated alike. A checked row is (key, text): the member's JSON and the MD5 of what it
is known by, or NULL and the reason why the row is invalid.
"""

from collections.abc import Sequence

from dispatcher.audience.engine import file_name, literal
from dispatcher.audience.identifiers import LONGEST, TOKEN, Identifier, Kind, unknown
from dispatcher.audience.sources import CsvFile, JsonLines, Opened, ParquetFile
from dispatcher.audience.spool import WHOLE_NUMBER
from dispatcher.audience.unpacking import LONGEST_LINE, TOO_LONG
from dispatcher.errors import AudienceError

UNKNOWN_KEY = "has a key that no platform of the message knows: "
"""Begins the reason of a row that makes the whole audience bad input."""

_CSV_BUFFER = 8 * 2**20
"""Bytes. DuckDB's own buffers of 32 MB would take up a small memory."""


def checked_rows(source: Opened, columns: Sequence[str], identifiers: Sequence[Identifier]) -> str:
    """The query that gives (key, text) for each row of the source, in the source's order.

    `columns` are the source's own, where it has any: the others are absent.
    """
    present = [each for each in identifiers if each.name in columns]
    values = ", ".join(f"{_value(each)} AS {_quoted(each)}" for each in present)
    wrong = " ".join(
        f"WHEN {_is_wrong(each)} THEN {_complaint(each)} {_when_long(each)} {_when_nul(each)}"
        for each in present
    )
    return f"""
        SELECT CASE WHEN reason IS NULL THEN md5_number({_distinctness(present)}) END AS key,
               coalesce(reason, member) AS text
        FROM (
            SELECT *, {_member(present)} AS member,
                   CASE WHEN fault IS NOT NULL THEN fault {wrong}
                        WHEN {_all_absent(present)} THEN {literal(_no_identifier(present))}
                   END AS reason
            FROM (SELECT fault, {values} FROM ({_raw_rows(source, columns, present)}))
        )"""


def refuse_unknown_columns(
    name: str, columns: Sequence[str], identifiers: Sequence[Identifier]
) -> None:
    """Raise AudienceError, naming the known ones, where a column is none of the identifiers."""
    strangers = unknown(columns, identifiers)
    if strangers:
        raise AudienceError(
            f"The audience {name} has the column {strangers[0]!r}, which no platform of the "
            f"message knows; known are {names(identifiers)}."
        )
    if not columns:
        raise AudienceError(f"The audience {name} has no column; known are {names(identifiers)}.")


def names(identifiers: Sequence[Identifier]) -> str:
    """The identifiers' names, for a sentence."""
    return ", ".join(each.name for each in identifiers)


def _raw_rows(source: Opened, columns: Sequence[str], present: Sequence[Identifier]) -> str:
    match source:
        case CsvFile():
            return _raw_csv(source, columns, present)
        case JsonLines():
            return _raw_json(source, present)
        case ParquetFile():
            return _raw_parquet(source, present)


def _raw_csv(source: CsvFile, columns: Sequence[str], present: Sequence[Identifier]) -> str:
    positions = {name: f"c{index}" for index, name in enumerate(columns)}
    types = ", ".join(f"{column}: 'VARCHAR'" for column in positions.values())
    values = ", ".join(f"{_csv_cell(each, positions[each.name])}" for each in present)
    blank = f"WHERE {positions[columns[0]]} IS NOT NULL" if len(columns) == 1 else ""
    return f"""
        SELECT NULL::VARCHAR AS fault, {values}
        FROM read_csv({literal(file_name(source.path))}, auto_detect = false, header = true,
                      delim = ',', quote = '"', escape = '"', strict_mode = true,
                      columns = {{{types}}}, compression = 'none',
                      max_line_size = {LONGEST_LINE}, buffer_size = {_CSV_BUFFER},
                      hive_partitioning = false) {blank}"""


def _csv_cell(identifier: Identifier, column: str) -> str:
    as_text = f"to_json({column})::VARCHAR"
    if identifier.kind is Kind.NUMBER:
        pattern = literal(WHOLE_NUMBER)
        as_text = (
            f"CASE WHEN regexp_full_match({column}, {pattern}) THEN {column} ELSE {as_text} END"
        )
    return f"{as_text} AS {_quoted(identifier)}"


def _raw_json(source: JsonLines, present: Sequence[Identifier]) -> str:
    paths = ", ".join(literal(f"$.{each.name}") for each in present)
    values = ", ".join(
        f"values[{i}]::VARCHAR AS {_quoted(each)}" for i, each in enumerate(present, 1)
    )
    return f"""
        SELECT {_json_fault(source, present)} AS fault, {values}
        FROM (SELECT json, json_extract(json, [{paths}]) AS values, json_keys(json) AS keys
              FROM read_ndjson_objects({literal(file_name(source.path))}, ignore_errors = true,
                                       compression = 'none', hive_partitioning = false))"""


def _json_fault(source: JsonLines, present: Sequence[Identifier]) -> str:
    """As many keys as known values: no key is unknown, and none stands twice."""
    found = " + ".join(f"(values[{i}] IS NOT NULL)::INT" for i in range(1, len(present) + 1))
    known = ", ".join(literal(each.name) for each in present)
    strangers = f"list_filter(keys, lambda k: k NOT IN ({known}))"
    told = "json_extract_string(json, '$[0]')" if source.spooled else "'is not a JSON object'"
    return f"""CASE
        WHEN json IS NULL THEN 'is not JSON'
        WHEN strlen(json) > {LONGEST_LINE} THEN {literal(TOO_LONG)}
        WHEN starts_with(json::VARCHAR, '[') THEN {told}
        WHEN NOT starts_with(json::VARCHAR, '{{') THEN 'is not a JSON object'
        WHEN len(keys) = {found} THEN NULL
        WHEN len({strangers}) > 0 THEN {literal(UNKNOWN_KEY)} || {strangers}[1]
        ELSE 'has a key twice' END"""


def _raw_parquet(source: ParquetFile, present: Sequence[Identifier]) -> str:
    values = ", ".join(f"to_json({_quoted(each)})::VARCHAR AS {_quoted(each)}" for each in present)
    return f"""
        SELECT NULL::VARCHAR AS fault, {values}
        FROM read_parquet({literal(file_name(source.path))}, hive_partitioning = false)"""


def _value(identifier: Identifier) -> str:
    """NULL where the identifier is absent; a number in its one plain form, or marked with "!"."""
    column = _quoted(identifier)
    if identifier.kind is Kind.NUMBER:
        whole = f"TRY_CAST(split_part({column}, '.', 1) AS HUGEINT)"
        plain = f"regexp_full_match({column}, {literal(WHOLE_NUMBER)})"
        fits = f"{whole} BETWEEN -9223372036854775808 AND 18446744073709551615"
        return f"""CASE WHEN {column} IN ('null', '""') THEN NULL
                        WHEN {plain} AND {fits} THEN {whole}::VARCHAR ELSE '!' || {column} END"""
    if identifier.advertising:
        return f"""CASE WHEN {column} = 'null' OR trim({column}, '"0-') = '' THEN NULL
                        ELSE {column} END"""
    return f"""CASE WHEN {column} IN ('null', '""') THEN NULL ELSE {column} END"""


def _is_wrong(identifier: Identifier) -> str:
    mark = "= '!'" if identifier.kind is Kind.NUMBER else """<> '"'"""
    return f"left({_quoted(identifier)}, 1) {mark}"


def _when_long(identifier: Identifier) -> str:
    if identifier.kind is Kind.NUMBER:
        return ""
    return f"""WHEN strlen({_quoted(identifier)}) > {LONGEST + len('""')}
        THEN {literal(f"{identifier.name} takes more than {LONGEST:,} bytes as JSON")}"""


def _when_nul(identifier: Identifier) -> str:
    """PostgreSQL could store the JSON of a NUL, but could not read the text that it stands for."""
    if identifier.kind is Kind.NUMBER:
        return ""
    column = _quoted(identifier)
    return rf"""WHEN contains({column}, '\u0000')
        AND regexp_matches({column}, '(^|[^\\])(\\\\)*\\u0000')
        THEN {literal(identifier.name + " holds a NUL character")}"""


def _complaint(identifier: Identifier) -> str:
    text = f"{identifier.name} must be {identifier.kind.value}"
    if identifier.kind is Kind.NUMBER:
        return literal(text)
    return f"""{literal(text + ", not ")} || CASE left({_quoted(identifier)}, 1)
        WHEN '{{' THEN 'an object' WHEN '[' THEN 'an array'
        WHEN 't' THEN 'true' WHEN 'f' THEN 'false' ELSE 'a number' END"""


def _all_absent(present: Sequence[Identifier]) -> str:
    return f"coalesce({', '.join(_quoted(each) for each in present)}) IS NULL"


def _no_identifier(present: Sequence[Identifier]) -> str:
    zeros = " (an advertising id of zeros is none)" if any(x.advertising for x in present) else ""
    return f"has no identifier{zeros}"


def _member(present: Sequence[Identifier]) -> str:
    pairs = (f"""'"{each.name}":' || {_quoted(each)}""" for each in present)
    return f"""'{{' || concat_ws(',', {", ".join(pairs)}) || '}}'"""


def _distinctness(present: Sequence[Identifier]) -> str:
    """The token alone, or all identifiers; one can't be taken for the other."""
    if TOKEN not in present:
        return "member"
    return f"CASE WHEN {_quoted(TOKEN)} IS NULL THEN member ELSE {_member([TOKEN])} END"


def _quoted(identifier: Identifier) -> str:
    return f'"{identifier.name}"'
