"""The accounts of the vendor that campaigns are sent for, as they are shown."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from dispatcher.books import fleet, holding


@dataclass(frozen=True, slots=True)
class Account:
    """An account at one moment; its fields are the keys of `account list --json`.

    `rate` is its limit in requests a second, as the live workers were told. It rests until
    `hold_until` for `hold_reason`, where it rests. `failures` are the attempts in a row that could
    not be sent, `doubts` those in a row that may have been sent.
    """

    name: str
    rate: float | None
    hold_until: datetime | None
    hold_reason: str | None
    failures: int
    doubts: int
    running: int

    def as_json(self) -> dict[str, Any]:
        """An element of the document of `account list --json`; times are ISO 8601."""
        document = asdict(self)
        document["hold_until"] = self.hold_until and self.hold_until.isoformat()
        return document


_READ = text(f"""
SELECT name, {fleet.RATE} AS rate,
    CASE WHEN is_on_hold THEN hold_until WHEN awaits_a_probe THEN fresh_from END AS hold_until,
    CASE WHEN is_on_hold THEN hold_reason WHEN awaits_a_probe THEN :in_doubt END AS hold_reason,
    failures, doubts, running
FROM (SELECT account.*, NOT {holding.ACCOUNT_IS_FREE} AS is_on_hold,
        {holding.AWAITS_A_PROBE} AS awaits_a_probe,
        (SELECT count(*) FROM campaign WHERE account = account.name AND state = 'running'
           AND finished_at IS NULL) AS running
      FROM account) AS known
ORDER BY name
""")


def read_all(connection: Connection) -> tuple[Account, ...]:
    """Every account that a campaign was ever made for, by name."""
    rows = connection.execute(_READ, {"in_doubt": holding.IN_DOUBT})
    return tuple(Account(*row) for row in rows)
