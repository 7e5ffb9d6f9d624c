"""Which rows of the table `checked` are left out: the table `left_out` of (place, key, reason).

Each has one reason, the first that applies in the order of `Reason`. Who is unwanted is known by
the table `unwanted` of (name, value, reason): identifiers, and what they are compared by. Who is to
be left out for another reason is added there. Where there is a table `wanted` of (name, value),
whoever has no identifier in it is excluded.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from dispatcher.audience.digests import SUMS, Sum
from dispatcher.audience.engine import Engine, literal
from dispatcher.audience.identifiers import IDENTIFIERS, Identifier
from dispatcher.audience.phrases import quoted
from dispatcher.audience.reasons import Reason

_TYPES = (
    f"CREATE TYPE reason AS ENUM ({', '.join(map(literal, Reason))})",
    f"CREATE TYPE name AS ENUM ({', '.join(literal(each.name) for each in IDENTIFIERS)})",
)
_UNWANTED = "CREATE TABLE unwanted (name name, value UHUGEINT, reason reason)"
_WANTED = "CREATE TABLE wanted (name name, value UHUGEINT)"

# A row that repeats another one knows its place: what is found of one is found of the member.
_FIND_REPEATED = f"""
    CREATE TABLE left_out AS
    SELECT checked.rowid AS place, key, {literal(Reason.REPEATED)}::reason AS reason, first
    FROM checked JOIN (SELECT key, min(rowid) AS first FROM checked WHERE key IS NOT NULL
                       GROUP BY key HAVING count(*) > 1) USING (key)
    WHERE checked.rowid <> first"""

_FIND_UNWANTED = """
    INSERT INTO left_out
    SELECT coalesce(first, found.place) AS member, any_value(found.key), min(found.reason), NULL
    FROM ({found}) AS found LEFT JOIN left_out USING (place)
    GROUP BY member"""

_FIND_NOT_WANTED = f"""
    INSERT INTO left_out
    SELECT rowid, key, {literal(Reason.EXCLUDED)}, NULL FROM checked
    WHERE key IS NOT NULL
      AND rowid NOT IN (SELECT coalesce(first, found.place)
                        FROM ({{found}}) AS found LEFT JOIN left_out USING (place))
      AND rowid NOT IN (SELECT place FROM left_out)"""

_FOUND = """
    SELECT rowid AS place, key, {reason}::reason AS reason
    FROM checked WHERE key IS NOT NULL AND ({listed})"""

_LISTED = "{column} IN (SELECT value FROM {table} WHERE name = {name} {more})"

_NOBODY = "SELECT NULL::BIGINT AS place, NULL::UHUGEINT AS key, NULL::reason AS reason LIMIT 0"

_SUMS = f"SELECT reason, {SUMS} FROM left_out GROUP BY reason"


def prepare(engine: Engine, *, only_wanted: bool = False) -> None:
    """Make the table `unwanted`, and `wanted` where only those count, with nobody in them yet."""
    for statement in (*_TYPES, _UNWANTED, *((_WANTED,) if only_wanted else ())):
        engine.run(statement)


class Lists:
    """The tables `unwanted` and `wanted`, filled."""

    def __init__(self, engine: Engine, *, only_wanted: bool = False) -> None:
        self._engine = engine
        self._unwanted = self._kinds("SELECT DISTINCT name, reason FROM unwanted ORDER BY ALL")
        wanted = self._kinds("SELECT DISTINCT name, NULL FROM wanted") if only_wanted else None
        self._wanted = wanted

    @property
    def compared(self) -> tuple[Identifier, ...]:
        """The identifiers in them: `checked` needs a column for each."""
        names = {name for name, _ in (*self._unwanted, *(self._wanted or ()))}
        return tuple(each for each in IDENTIFIERS if each.name in names)

    def leave_out(
        self, watch: Callable[[float], None] | None = None, besides: Sequence[str] = ()
    ) -> dict[Reason, Sum]:
        """Make the table `left_out`; the keys of the rows in it, by reason.

        `besides` are queries for the (place, key, reason) of rows that are unwanted otherwise.
        """
        self._engine.run(_FIND_REPEATED, watch)
        if found := [*_found("unwanted", self._unwanted), *besides]:
            self._engine.run(_FIND_UNWANTED.format(found=" UNION ALL ".join(found)), watch)
        if self._wanted is not None:
            found = _found("wanted", self._wanted) or [_NOBODY]
            self._engine.run(_FIND_NOT_WANTED.format(found=" UNION ALL ".join(found)), watch)
        sums = dict.fromkeys(Reason, Sum(0, 0, 0))
        with self._engine.rows(_SUMS) as rows:
            sums.update({Reason(reason): Sum(*keys) for reason, *keys in rows.fetchall()})
        return sums

    def _kinds(self, query: str) -> list[tuple[str, str | None]]:
        with self._engine.rows(query) as rows:
            return rows.fetchall()


def _found(table: str, kinds: Sequence[tuple[str, str | None]]) -> list[str]:
    """A query for the rows that have an identifier in a table, for each reason."""
    by_reason: dict[str | None, list[str]] = defaultdict(list)
    for name, reason in kinds:
        more = "" if reason is None else f"AND reason = {literal(reason)}"
        column = quoted(_BY_NAME[name])
        by_reason[reason].append(
            _LISTED.format(column=column, table=table, name=literal(name), more=more)
        )
    return [
        _FOUND.format(
            reason="NULL" if reason is None else literal(reason), listed=" OR ".join(listed)
        )
        for reason, listed in by_reason.items()
    ]


_BY_NAME = {each.name: each for each in IDENTIFIERS}
