"""What makes a row valid, and two rows the same member: said in SQL, for every kind of source.

Each source gives its identifiers as texts, see `reading`; from there all are treated alike. A
checked row is (key, text, told): the member's JSON and the MD5 of what it is known by, or NULL and
the reason why the row is invalid; `told` has a line for each thing that was read otherwise than it
stands there, NULL where there is none. Behind these comes a column for each identifier that is to
be compared with others: the MD5 of its folded JSON; and of a message with variants, the number of
the row's.
"""

import secrets
from collections.abc import Sequence

from dispatcher.audience import columns as named
from dispatcher.audience.absent import Absent
from dispatcher.audience.columns import Layout, text_of
from dispatcher.audience.dealing import ByColumn, BySplit, Dealt
from dispatcher.audience.engine import literal
from dispatcher.audience.identifiers import IDENTIFIERS, LONGEST, TOKEN, Identifier, Kind
from dispatcher.audience.phrases import (
    NO_IDENTIFIER,
    lost_digits,
    must_be,
    no_whole_number,
    quoted,
    without_blanks,
)
from dispatcher.audience.reading import texts_of
from dispatcher.audience.rules import Rules
from dispatcher.audience.sources import CsvFile, Opened

_WHOLE_NUMBER = r"-?[0-9]{1,30}(\.0+)?"
"""pandas writes 12.0 where a column has gaps."""

_PLAIN_NUMBER = "[1-9][0-9]{0,17}"
_FLOAT = r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"
_EXACT = 2**53
"""From there on a double stands for several whole numbers."""

_ZEROS = r"\{?[0-]+\}?"
_WRAPPED = "<[0-9A-Fa-f ]{64,}>"
"""A push token as NSData describes it, whole."""

_UNDERSCORES = 4
"""In a spelling of a name."""

_SECRET = f"{secrets.token_hex(4)}:"
"""Nine characters: no eight of the value are hashed together both times."""

_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{80}-\x{9f}]"
_SPREADSHEET_ERRORS = "['#REF!', '#VALUE!', '#DIV/0!', '#NAME?', '#NUM!', '#NULL!', '#ERROR!']"


def checked_rows(
    source: Opened,
    layout: Layout,
    rules: Rules,
    compared: Sequence[Identifier] = (),
    types: Sequence[str] = (),
) -> str:
    """The query that gives (key, text, told) for each row of the source, in the source's order.

    `compared` have columns of their own behind these; the variant's number and the zone, where the
    rules know of such, are the last ones. `types` are those of a Parquet file's columns.
    """
    held = list(layout.held)
    texts = [each for each in held if each.kind is Kind.TEXT]
    plain = isinstance(source, CsvFile) and source.plain
    query = texts_of(source, layout, types)
    query = _with(query, [(_of(each, "json"), _json(quoted(each))) for each in texts])
    query = _with(query, [(_of(each, "rough"), _is_rough(each, plain)) for each in held])
    query = _with(query, [(_of(each, "bare"), _bare(each)) for each in held])
    query = _with(query, [(_of(each, "absent"), _is_absent(each, rules.absent)) for each in held])
    query = _with(query, [(_of(each, "value"), _value(each)) for each in held])
    query = _with(query, [(_of(each, "folded"), folded(each, _of(each, "value"))) for each in held])
    values = [(each, _of(each, "value")) for each in held]
    plain_values = [(each, _of(each, "folded")) for each in held]
    told = [("member", member(values)), ("reason", _reason(layout)), ("told", _told(held))]
    query = _with(query, told)
    known = known_by(values, plain_values, "member")
    further = "".join(f", {_compared(each, held)} AS {quoted(each)}" for each in compared)
    if rules.dealing is not None or rules.zoning is not None:
        return _dealt_rows(_with(query, [("known", known)]), layout, rules, further)
    return f"""
        SELECT CASE WHEN reason IS NULL THEN {key_of(known, rules.salt)} END AS key,
               coalesce(reason, member) AS text, told{further}
        FROM ({query})"""


def _dealt_rows(query: str, layout: Layout, rules: Rules, compared: str) -> str:
    """(key, text, told), what is `compared`, the variant and the zone for each row of the query.

    The query has `known`, too.
    """
    missing = [role for role in rules.columns.beside if role not in layout.beside]
    if missing:
        query = _with(query, [(text_of(role), "NULL::VARCHAR") for role in missing])
    dealt: dict[str, Dealt] = {}
    match rules.dealing:
        case ByColumn():
            dealt["variant"] = rules.dealing.dealt(rules.absent)
        case BySplit():
            dealt["variant"] = rules.dealing.dealt("known")
    if rules.zoning is not None:
        dealt["zone"] = rules.zoning.dealt(rules.absent)
    for each in dealt.values():
        for name, expression in each.columns:
            query = _with(query, [(name, expression)])
    why = f"coalesce(reason, {', '.join(each.fault for each in dealt.values())})"
    lines = ", ".join(each.told for each in dealt.values())
    worked_out = [
        *((name, each.number) for name, each in dealt.items()),
        ("why", why),
        ("lines", f"CASE WHEN {why} IS NULL THEN nullif(concat_ws(chr(10), {lines}), '') END"),
    ]
    return f"""
        SELECT CASE WHEN why IS NULL THEN {key_of("known", rules.salt)} END AS key,
               coalesce(why, member) AS text,
               CASE WHEN lines IS NULL THEN told
                    ELSE concat_ws(chr(10), told, lines) END AS told{compared},
               {", ".join(dealt)}
        FROM ({_with(query, worked_out)})"""


def key_of(known: str, salt: str) -> str:
    """The key of a member who is known by the text of this expression."""
    return f"md5_number({literal(salt)} || {known})" if salt else f"md5_number({known})"


def known(value: str) -> str:
    """What an identifier is compared by, as an expression of its folded JSON: 128 bits of hashes.

    NULL without one. They take less than half the time of an MD5, and are kept nowhere. What goes
    into the second half is new in each process, so that nobody can choose an identifier to pass for
    another one.
    """
    hashed = f"(hash({value})::UHUGEINT << 64) | hash({literal(_SECRET)} || {value})"
    return f"CASE WHEN {value} IS NOT NULL THEN {hashed} END"


def known_by(
    values: Sequence[tuple[Identifier, str]], plain: Sequence[tuple[Identifier, str]], whole: str
) -> str:
    """What a member is known by: the token's JSON alone, or all identifiers, as an expression.

    One can't be taken for the other. `values` are expressions of JSON, and `plain` of the same,
    folded; `whole` is the object of all values.
    """
    tokens = [value for each, value in plain if each == TOKEN]
    if tokens and len(plain) == 1:
        return tokens[0]
    pairs = zip(values, plain, strict=True)
    differ = " OR ".join(f"{value} <> {other}" for (_, value), (_, other) in pairs)
    alike = f"CASE WHEN {differ} THEN {member(plain)} ELSE {whole} END"
    return f"coalesce({tokens[0]}, {alike})" if tokens else alike


def _compared(identifier: Identifier, held: Sequence[Identifier]) -> str:
    return known(_of(identifier, "folded")) if identifier in held else "NULL::UHUGEINT"


def _with(query: str, columns: Sequence[tuple[str, str]]) -> str:
    """The query's columns, and further ones that are worked out of them."""
    return f"SELECT *, {', '.join(f'{what} AS {name}' for name, what in columns)} FROM ({query})"


def _of(identifier: Identifier, name: str) -> str:
    """What is worked out of an identifier, as a column's name."""
    return f'"{identifier.name} {name}"'


def _is_rough(identifier: Identifier, plain: bool) -> str:
    """Whether a text needs a closer look: told by signs that cost little.

    A text does where it has a character that JSON escapes or that is not of ASCII, or a blank where
    none should be; blanks at its ends and controls are among those. `plain` texts have neither.
    """
    text = quoted(identifier)
    if identifier.kind is Kind.NUMBER:
        return f"NOT regexp_full_match({text}, {literal(_PLAIN_NUMBER)})"
    signs = [f"strlen({_of(identifier, 'json')}) <> strlen({text}) + 2"]
    if identifier == TOKEN:
        signs.append(f"({text} >= '<' AND {text} < '=')")
    if not plain:
        blank = "contains" if identifier == TOKEN else "suffix"
        signs += [f"{blank}({text}, ' ')", f"{text} < '!'", f"length({text}) <> strlen({text})"]
    return f"CASE WHEN {' OR '.join(signs)} THEN true ELSE false END"


def _bare(identifier: Identifier) -> str:
    text = quoted(identifier)
    return f"CASE WHEN {_of(identifier, 'rough')} THEN {without_blanks(text)} ELSE {text} END"


def _is_absent(identifier: Identifier, absent: Absent) -> str:
    bare = _of(identifier, "bare")
    words = sorted(absent.words | identifier.shared | {""})
    longest = max(len(word.encode()) for word in words)
    listed = f"[{', '.join(map(literal, words))}]"
    zeros = f"WHEN {_is_zeros(identifier)} THEN true" if identifier.device else ""
    return f"""CASE
        WHEN strlen({bare}) <= {longest} AND list_contains({listed}, lower({bare})) THEN true
        {zeros} ELSE false END"""


def _is_zeros(identifier: Identifier) -> str:
    bare = _of(identifier, "bare")
    if not identifier.device:
        return "false"
    return f"({bare} < '1' OR {bare} >= '{{') AND regexp_full_match({bare}, {literal(_ZEROS)})"


def _value(identifier: Identifier) -> str:
    """The JSON of the identifier, NULL where it is absent; of no number, its text behind a "!"."""
    bare = _of(identifier, "bare")
    rough, json = _of(identifier, "rough"), _of(identifier, "json")
    roughly = f"WHEN {rough} THEN {_json(bare)} ELSE {json}"
    if identifier.kind is Kind.NUMBER:
        whole = f"TRY_CAST(split_part({bare}, '.', 1) AS HUGEINT)"
        plain = f"regexp_full_match({bare}, {literal(_WHOLE_NUMBER)})"
        exact = f"(NOT contains({bare}, '.') OR abs({whole}) < {_EXACT})"
        fits = f"{whole} BETWEEN {-(2**63)} AND {2**64 - 1}"
        given = f"""WHEN NOT {rough} THEN {bare}
                    WHEN {plain} AND {fits} AND {exact} THEN {whole}::VARCHAR
                    ELSE '!' || {bare}"""
    elif identifier == TOKEN:
        unwrapped = f"regexp_replace({bare}, '[<> ]', '', 'g')"
        given = f"WHEN {_is_wrapped(bare)} THEN {_json(unwrapped)} {roughly}"
    else:
        given = roughly
    return f"CASE WHEN {_of(identifier, 'absent')} THEN NULL {given} END"


def _is_wrapped(bare: str) -> str:
    return f"(left({bare}, 1) = '<' AND regexp_full_match({bare}, {literal(_WRAPPED)}))"


def _json(text: str) -> str:
    return f"to_json({text})::VARCHAR"


def _reason(layout: Layout) -> str:
    """Why a row is invalid; NULL where it is not."""
    held = list(layout.held)
    faults = " ".join(_number_fault(x) if x.kind is Kind.NUMBER else _text_fault(x) for x in held)
    nothing = f"coalesce({', '.join(_of(each, 'value') for each in held)}) IS NULL"
    return f"""CASE WHEN fault IS NOT NULL THEN fault
                    WHEN {_is_header(layout)} THEN 'repeats the header' {faults}
                    WHEN {nothing} THEN {literal(_no_identifier(layout.known or held))} END"""


def _is_header(layout: Layout) -> str:
    """Whether the row says names of columns, as files put together by `cat` do.

    Those of another file may be spelt otherwise, or stand in another order.
    """
    bare = [_of(each, "bare") for each in layout.held]
    names = {named.folded(layout.names[place]) for at in layout.held.values() for place in at}
    names |= {named.folded(each.name) for each in (IDENTIFIERS if len(bare) > 1 else layout.held)}
    longest = max(len(name.encode()) for name in names) + _UNDERSCORES
    listed = f"[{', '.join(map(literal, sorted(names)))}]"
    said = " AND ".join(
        f"({text} IS NULL OR (strlen({text}) <= {longest} "
        f"AND list_contains({listed}, lower(replace({text}, '_', '')))))"
        for text in bare
    )
    return f"({said} AND coalesce({', '.join(bare)}) IS NOT NULL)"


def _number_fault(identifier: Identifier) -> str:
    value, bare = _of(identifier, "value"), _of(identifier, "bare")
    return f"""WHEN left({value}, 1) = '!' THEN CASE
        WHEN regexp_full_match({bare}, {literal(_WHOLE_NUMBER)}) AND contains({bare}, '.')
            THEN {literal(lost_digits(identifier))}
        WHEN NOT regexp_full_match({bare}, '[-+]?[0-9]+')
             AND regexp_full_match({bare}, {literal(_FLOAT)})
            THEN {literal(no_whole_number(identifier))}
        ELSE {literal(must_be(identifier))} END"""


def _text_fault(identifier: Identifier) -> str:
    """What no identifier holds; PostgreSQL could not even read a NUL."""
    name, bare, rough = identifier.name, _of(identifier, "bare"), _of(identifier, "rough")
    control = f"regexp_extract({bare}, {literal(_CONTROL)})"
    code = f"'U+' || lpad(upper(to_hex(unicode({control}))), 4, '0')"
    faults = f"""
        WHEN strlen({_of(identifier, "value")}) > {LONGEST + len('""')}
            THEN {literal(f"{name} takes more than {LONGEST:,} bytes as JSON")}
        WHEN {rough} AND contains({bare}, chr(0)) THEN {literal(f"{name} holds a NUL character")}
        WHEN {rough} AND regexp_matches({bare}, {literal(_CONTROL)})
            THEN {literal(f"{name} holds the control character ")} || {code}
        WHEN left({bare}, 1) = '#' AND list_contains({_SPREADSHEET_ERRORS}, {bare})
            THEN {literal(f"{name} is an error of a spreadsheet")}"""
    if identifier != TOKEN:
        return faults
    return f"""{faults}
        WHEN {rough} AND regexp_matches({bare}, '[\\s\\p{{Z}}]') AND NOT {_is_wrapped(bare)}
            THEN CASE WHEN starts_with({bare}, '{{length')
                      THEN 'token is a description of NSData, which does not tell the token'
                      ELSE 'token holds a blank, so it can be no push token' END"""


def _no_identifier(held: Sequence[Identifier]) -> str:
    zeros = " (an advertising id of zeros is none)" if any(x.device for x in held) else ""
    return f"{NO_IDENTIFIER}{zeros}"


def _told(held: Sequence[Identifier]) -> str:
    """A line for each value that is read otherwise than it stands there: what, and which."""
    any_is = " OR ".join(f"{_of(each, 'rough')} OR {_of(each, 'absent')}" for each in held)
    lines = ", ".join(map(_line, held))
    return (
        f"CASE WHEN fault IS NULL AND ({any_is}) THEN nullif(concat_ws(chr(10), {lines}), '') END"
    )


def _line(identifier: Identifier) -> str:
    text, bare = quoted(identifier), _of(identifier, "bare")
    unwrapped = f"WHEN {_is_wrapped(bare)} THEN 'unwrapped'" if identifier == TOKEN else ""
    return f"""CASE
        WHEN {_of(identifier, "absent")} THEN CASE
            WHEN {bare} <> '' THEN
                'absent ' || CASE WHEN {_is_zeros(identifier)} THEN 'zeros' ELSE {bare} END
            WHEN {text} <> '' THEN 'absent blank' END
        {unwrapped}
        WHEN {bare} <> {text} THEN {literal(f"trimmed {identifier.name}")} END"""


def member(values: Sequence[tuple[Identifier, str]]) -> str:
    """The JSON object of these identifiers, as an expression of their JSON."""
    pairs = (f"""'"{each.name}":' || {value}""" for each, value in values)
    return f"""'{{' || concat_ws(',', {", ".join(pairs)}) || '}}'"""


def folded(identifier: Identifier, value: str) -> str:
    """The JSON in lower case where case means nothing: a UUID, and some hexadecimal numbers."""
    if identifier.kind is Kind.NUMBER:
        return value
    return f"CASE WHEN {_is_upper(identifier, value)} THEN lower({value}) ELSE {value} END"


def _is_upper(identifier: Identifier, value: str) -> str:
    """Whether the JSON of a text is not in lower case where case means nothing."""
    uuid, *others = (f"regexp_full_match({value}, {literal(each)})" for each in _quoted(identifier))
    least = f"strlen({value}) = 38"
    forms = f"{least} AND {uuid}"
    if identifier.hexadecimal is not None:
        least = f"({least} OR strlen({value}) >= {identifier.hexadecimal + 2})"
        forms = f"({' OR '.join([forms, *others])})"
    return f"({least} AND lower({value}) <> {value} AND {forms})"


def _quoted(identifier: Identifier) -> list[str]:
    """The forms of its JSON in which case means nothing."""
    return [f'"{form}"' for form in identifier.caseless]
