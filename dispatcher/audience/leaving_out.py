"""Which rows of the table `checked` are left out: the table `left_out` of (place, key, reason).

Each has one reason, the first that applies in the order of `Reason`. Who is unwanted is known by
the table `unwanted` of (name, value, reason): identifiers, each as the MD5 of its folded JSON. Who
is to be left out for another reason is added there.
"""

from collections.abc import Callable

from dispatcher.audience.checking import folded
from dispatcher.audience.digests import SUMS, Sum
from dispatcher.audience.engine import Engine, literal
from dispatcher.audience.identifiers import IDENTIFIERS, Identifier
from dispatcher.audience.reasons import Reason

_REASON = f"CREATE TYPE reason AS ENUM ({', '.join(map(literal, Reason))})"

_UNWANTED = "CREATE TABLE unwanted (name VARCHAR, value UHUGEINT, reason reason)"

_FIND_REPEATED = f"""
    CREATE TABLE left_out AS
    SELECT checked.rowid AS place, key, {literal(Reason.REPEATED)}::reason AS reason
    FROM checked JOIN (SELECT key, min(rowid) AS first FROM checked WHERE key IS NOT NULL
                       GROUP BY key HAVING count(*) > 1) USING (key)
    WHERE checked.rowid <> first"""

# A member one of whose rows is unwanted is left out with all rows; repeated ones count as that.
_FIND_UNWANTED = """
    INSERT INTO left_out
    SELECT checked.rowid, key, found.reason
    FROM checked JOIN (SELECT key, min(reason) AS reason FROM ({found}) GROUP BY key) AS found
        USING (key)
    WHERE checked.rowid NOT IN (SELECT place FROM left_out)"""

_FOUND = """
    SELECT key, reason
    FROM checked JOIN unwanted ON unwanted.name = {name} AND unwanted.value = {value}
    WHERE key IS NOT NULL"""

_NAMES = "SELECT DISTINCT name FROM unwanted"

_SUMS = f"SELECT reason, {SUMS} FROM left_out GROUP BY reason"


def prepare(engine: Engine) -> None:
    """Make the table `unwanted`, in which nobody is yet."""
    engine.run(_REASON)
    engine.run(_UNWANTED)


def find(engine: Engine, watch: Callable[[float], None] | None = None) -> dict[Reason, Sum]:
    """Make the table `left_out`; the keys of the rows in it, by reason."""
    engine.run(_FIND_REPEATED, watch)
    with engine.rows(_NAMES) as names:
        known = {name for (name,) in names.fetchall()}
    found = " UNION ALL ".join(
        _FOUND.format(name=literal(each.name), value=f"md5_number({json_of(each)})")
        for each in IDENTIFIERS
        if each.name in known
    )
    if found:
        engine.run(_FIND_UNWANTED.format(found=found), watch)
    sums = dict.fromkeys(Reason, Sum(0, 0, 0))
    with engine.rows(_SUMS) as rows:
        sums.update({Reason(reason): Sum(*keys) for reason, *keys in rows.fetchall()})
    return sums


def json_of(identifier: Identifier) -> str:
    """The identifier in a row's JSON, folded, as an expression; NULL without one."""
    value = f"json_extract(text, {literal(f'$.{identifier.name}')})::VARCHAR"
    return folded(identifier, value)
