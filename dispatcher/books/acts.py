"""Who changed what, and when: one row for each change, written in the transaction that makes it.

Nothing is ever changed in it or taken out of it: the roles may only add and read. No act names a
member, by any form of an identifier, nor quotes the vendor, who may.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from dispatcher.errors import OptionError

ACTOR = "dispatcher_actor"
"""The execution option of an engine: who its transactions are for."""


VIA = ("cli", "library", "api", "console", "itself")
"""The doors by which a change comes."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a `name`, as "anna@laptop", by the door `via`, one of VIA.

    Raises OptionError for a name that is not one line, and for another door.
    """

    name: str
    via: str

    def __post_init__(self) -> None:
        name = self.name
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise OptionError("actor has no name: give one line, as in Actor('anna', 'api').")
        if self.via not in VIA:
            raise OptionError(f"actor acts via {self.via!r}, which is none of {', '.join(VIA)}.")


ITSELF = Actor("itself", "itself")
"""What workers do because it is time to, or because of what the vendor answers."""

Facts = Mapping[str, object]
"""What changed, by the names that `show --json` has for it."""


@dataclass(frozen=True, slots=True)
class Act:
    """A change of a campaign, an app's standing list or an account; fields as in `log --json`.

    `verb` is as on the command line; `before` and `after` hold what changed, where it was
    something before.
    """

    id: int
    at: datetime
    campaign: str | None
    app_id: str | None
    account: str | None
    actor: str
    via: str
    verb: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def changes(self) -> str:
        """What changed, for a person: `state running → paused`."""
        before, after = self.before or {}, self.after or {}
        return ", ".join(
            f"{name} {_said(before[name])} → {_said(value)}"
            if name in before
            else f"{name} {_said(value)}"
            for name, value in after.items()
        )

    def as_json(self) -> dict[str, Any]:
        """An element of the document of `log --json`; times are ISO 8601."""
        return {**asdict(self), "at": self.at.isoformat()}


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


_WRITE = text("""
INSERT INTO act (campaign_id, app_id, account, actor, via, verb, before, after)
VALUES (:campaign_id, :app_id, :account, :actor, :via, :verb,
        CAST(:before AS jsonb), CAST(:after AS jsonb))
""")
_READ = text("""
SELECT id, at, CAST(campaign_id AS text), app_id, account, actor, via, verb, before, after
FROM act
WHERE (CAST(:campaign_id AS uuid) IS NULL OR campaign_id = :campaign_id)
  AND (CAST(:actor AS text) IS NULL OR actor = :actor)
  AND (CAST(:before AS bigint) IS NULL OR id < :before)
ORDER BY id DESC LIMIT :limit
""")


def acting(engine: Engine, actor: Actor) -> Engine:
    """The engine, for transactions in which this one acts."""
    return engine.execution_options(**{ACTOR: actor})


def write(
    connection: Connection,
    verb: str,
    *,
    campaign_id: UUID | None = None,
    app_id: str | None = None,
    account: str | None = None,
    before: Facts | None = None,
    after: Facts | None = None,
    by: Actor | None = None,
) -> None:
    """Note a change that the caller's transaction makes.

    `by` is who makes it, where the connection is not one of theirs: see `acting`.
    """
    actor = by or connection.get_execution_options().get(ACTOR, ITSELF)
    values = {
        "campaign_id": campaign_id,
        "app_id": app_id,
        "account": account,
        "actor": actor.name,
        "via": actor.via,
        "verb": verb,
        "before": _json(before),
        "after": _json(after),
    }
    connection.execute(_WRITE, values)


def read(
    connection: Connection,
    campaign_id: UUID | None = None,
    limit: int | None = None,
    *,
    actor: str | None = None,
    before: int | None = None,
) -> tuple[Act, ...]:
    """The newest acts, `limit` at most, of this campaign or of all that is; the newest first.

    Only those of one `actor`, or older than the act that has the id `before`.
    """
    values = {"campaign_id": campaign_id, "actor": actor, "before": before, "limit": limit}
    return tuple(Act(*row) for row in connection.execute(_READ, values))


def _json(facts: Facts | None) -> str | None:
    return None if facts is None else json.dumps(facts, ensure_ascii=False, default=_written)


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
