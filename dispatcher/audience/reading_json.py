"""Rows of JSON as texts, see `reading`: each value is what it stands for, however it is written."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import orjson

from dispatcher.audience.columns import Layout, folded, text_of
from dispatcher.audience.engine import file_name, literal
from dispatcher.audience.identifiers import Identifier
from dispatcher.audience.phrases import (
    NO_NAME,
    UNKNOWN_KEY,
    lost_digits,
    must_be,
    no_whole_number,
    quoted,
    without_blanks,
)
from dispatcher.audience.sources import JsonLines
from dispatcher.audience.unpacking import LONGEST_LINE, TOO_LONG

_DECIMAL = r"-?[0-9]{1,30}\.0+"
_EXACT = 2**53
"""From there on a float stands for several whole numbers."""

_NUMBER_BEHIND = r"\s*:\s*(-?[0-9][^,}\s]*)"


def texts_of_json(source: JsonLines, layout: Layout) -> str:
    """The query of (fault, identifiers) for each line."""
    places = range(len(layout.names))
    paths = ", ".join(literal(_pointer(name)) for name in layout.names)
    found = " + ".join(f"(found[{place + 1}] IS NOT NULL)::INT" for place in places)
    values = ", ".join(f"{_not_null(f'found[{place + 1}]')} AS {_value(place)}" for place in places)
    columns = {quoted(each): held for each, held in layout.held.items()}
    columns |= {text_of(role): held for role, held in layout.beside.items()}
    texts = (
        f"{_either([_text(_value(place)) for place in held])} AS {column}"
        for column, held in columns.items()
    )
    return f"""
        SELECT {_fault(source, layout)} AS fault, {", ".join(texts)}
        FROM (SELECT json, keys, {found} AS known, {values}
              FROM (SELECT json, json_keys(json) AS keys,
                           json_extract(json, [{paths}])::VARCHAR[] AS found
                    FROM read_ndjson_objects({literal(file_name(source.path))},
                                             ignore_errors = true, compression = 'none',
                                             hive_partitioning = false)))"""


def _pointer(name: str) -> str:
    """A JSON pointer (RFC 6901) to the member of this name."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _value(place: int) -> str:
    return f"v{place}"


def _not_null(json: str) -> str:
    """The JSON, or NULL in place of what JSON, and Python that writes it, have for nothing."""
    nothing = "list_contains(['null', 'NaN', 'nan', '-NaN', '-nan']"
    return f"CASE WHEN left({json}, 1) = '\"' OR NOT {nothing}, {json}) THEN {json} END"


def _either(texts: Sequence[str]) -> str:
    return f"coalesce({', '.join(texts)})" if len(texts) > 1 else texts[0]


def _text(value: str) -> str:
    """The text that a JSON value is, whichever way it is written."""
    return f"""CASE
        WHEN left({value}, 1) <> '"' THEN CASE WHEN contains({value}, '.')
            THEN TRY_CAST(split_part({value}, '.', 1) AS HUGEINT)::VARCHAR ELSE {value} END
        WHEN contains({value}, '\') THEN json_extract_string({value}, '$')
        ELSE substring({value}, 2, length({value}) - 2) END"""


def _fault(source: JsonLines, layout: Layout) -> str:
    """As many keys as known values: no key is unknown, and none stands twice."""
    told = "json_extract_string(json, '$[0]')" if source.spooled else "'is not a JSON object'"
    names = f"[{', '.join(map(literal, layout.names))}]"
    strangers = _strangers(layout, names)
    ours = f"list_filter(keys, lambda k: list_contains({names}, k))"
    return f"""CASE
        WHEN json IS NULL THEN 'is not JSON'
        WHEN strlen(json) > {LONGEST_LINE} THEN {literal(TOO_LONG)}
        WHEN starts_with(json::VARCHAR, '[') THEN {told}
        WHEN NOT starts_with(json::VARCHAR, '{{') THEN 'is not a JSON object'
        WHEN len(keys) <> known AND len({strangers}) > 0
            THEN {literal(UNKNOWN_KEY)} || {strangers}[1]
        WHEN len(keys) <> known AND len({ours}) <> known THEN 'has a key twice'
        {" ".join(_faults(layout))} END"""


def _strangers(layout: Layout, names: str) -> str:
    """The keys that are not known, or that are another spelling where others do not matter."""
    other = f"NOT list_contains({names}, k)"
    if layout.only_identifiers:
        spelt = ", ".join(literal(folded(each.name)) for each in layout.known)
        plain = f"lower(replace({without_blanks('k')}, '_', ''))"
        other = f"({other} AND list_contains([{spelt}], {plain}))"
    return f"list_filter(keys, lambda k: {other})"


def _faults(layout: Layout) -> Iterator[str]:
    for place in layout.unnamed:
        value = _value(place)
        yield f"""WHEN {value} <> '""' AND NOT regexp_full_match({value}, '[0-9]+')
            THEN {literal(NO_NAME)}"""
    for identifier, places in layout.held.items():
        for place, other in pairwise(places):
            both = f"{layout.names[place]!r} and {layout.names[other]!r}"
            yield f"""WHEN {_value(place)} IS NOT NULL AND {_value(other)} IS NOT NULL
                THEN {literal(f"has {both}, which both are {identifier.name}")}"""
        for place in places:
            yield _type_fault(identifier, _value(place), layout.names[place])


def _type_fault(identifier: Identifier, value: str, name: str) -> str:
    """What is wrong with a value that is neither a text nor, exactly, a whole number.

    A float is read again as the line writes it: its value alone does not tell what was lost.
    """
    key = re.escape(orjson.dumps(name).decode())
    written = f"regexp_extract_all(json, {literal(key + _NUMBER_BEHIND)}, 1)"
    inexact = f"lambda w: NOT regexp_full_match(w, {literal(_DECIMAL)})"
    whole = f"abs(TRY_CAST(split_part({value}, '.', 1) AS HUGEINT))"
    plain = f"len({written}) > 0 AND len(list_filter({written}, {inexact})) = 0"
    return f"""
        WHEN left({value}, 1) <> '"' AND NOT regexp_full_match({value}, '-?[0-9]+')
             AND NOT (contains({value}, '.') AND {plain} AND {whole} < {_EXACT})
        THEN CASE WHEN left({value}, 1) NOT BETWEEN '0' AND '9' AND left({value}, 1) <> '-'
                  THEN {literal(must_be(identifier) + ", not ")} || CASE left({value}, 1)
                      WHEN '{{' THEN 'an object' WHEN '[' THEN 'an array' WHEN 't' THEN 'true'
                      WHEN 'f' THEN 'false' ELSE 'an infinite number' END
                  WHEN contains({value}, '.') AND {plain} THEN {literal(lost_digits(identifier))}
                  ELSE {literal(no_whole_number(identifier))} END"""
