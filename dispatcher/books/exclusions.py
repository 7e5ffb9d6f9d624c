"""Whom other campaigns were sent to, or may have been, as the books know it at one moment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from dispatcher.books import campaigns
from dispatcher.books.copying import INTEGER, copy_out
from dispatcher.errors import AudienceError, OptionError
from dispatcher.words import counted


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Who is to be left out for what campaigns of the same app sent to them, or did not.

    exclude: campaigns; who was, or may have been, sent one of them is left out.
    only_unsent: a campaign; only those of its members count to whom it was not sent.
    not_within: who was, or may have been, sent any campaign of the app in this time is left out;
        tests are none.
    ignore_purged: whether those who are no longer known are passed over, or refused.
    """

    exclude: tuple[str, ...] = ()
    only_unsent: str | None = None
    not_within: timedelta | None = None
    ignore_purged: bool = False

    def __bool__(self) -> bool:
        return bool(self.exclude or self.only_unsent or self.not_within)

    @property
    def content(self) -> tuple[object, ...]:
        """What a key stands for of this, in JSON's types: who is meant, as it was said."""
        seconds = self.not_within and self.not_within.total_seconds()
        return (list(self.exclude), self.only_unsent, seconds) if self else ()


Take = Callable[[bool, int, bytes], None]
"""Takes whether a chunk was, or may have been, sent, how many it has, and its members.

These are JSON objects with commas between them.
"""

# `retry` begins a new round with nothing in doubt: what may have been sent before is in the log. So
# does a division, of which the refusal proves that the round before had sent nothing.
_WAS_SENT = """
(state IN ('delivered', 'uncounted', 'unresolved') OR in_doubt_since IS NOT NULL
 OR round > 1 AND EXISTS (
    SELECT FROM attempt
    WHERE attempt.campaign_id = chunk.campaign_id AND attempt.sequence = chunk.sequence
      AND attempt.round < chunk.round
      AND outcome IN ('accepted', 'already_sent', 'in_doubt', 'lease_lost')
      AND (outcome = 'accepted' OR NOT EXISTS (
        SELECT FROM attempt AS refusal
        WHERE refusal.campaign_id = attempt.campaign_id AND refusal.sequence = attempt.sequence
          AND refusal.round = attempt.round AND refusal.outcome = 'campaign_wrong'))))
"""
_CONCERNED = f"""
SELECT campaign_id, size, withheld, members, was_sent
FROM (SELECT *, {_WAS_SENT} AS was_sent FROM chunk
      WHERE campaign_id = ANY(%(campaigns)s::uuid[])) AS chunk
WHERE was_sent AND campaign_id = ANY(%(exclude)s::uuid[])
   OR campaign_id = %(only_unsent)s
   OR was_sent AND campaign_id = ANY(%(recent)s::uuid[])
      AND coalesce(settled_at, claimed_at) > statement_timestamp() - %(not_within)s::interval
"""
_COPY = f"""
COPY (SELECT was_sent, size, members FROM ({_CONCERNED}) AS concerned WHERE members IS NOT NULL)
TO STDOUT (FORMAT binary, ENCODING 'UTF8')
"""
_FORGOTTEN = f"""
SELECT campaign.id, campaign.campaign_tag AS tag, campaign.finished_at,
       sum(size - withheld) AS members
FROM ({_CONCERNED}) AS concerned JOIN campaign ON campaign.id = campaign_id
WHERE members IS NULL
GROUP BY campaign.id ORDER BY campaign.finished_at DESC
"""
_RECENT = text("""
SELECT id FROM campaign
WHERE app_id = :app_id AND started_at IS NOT NULL AND NOT test
  AND coalesce(finished_at > statement_timestamp() - CAST(:not_within AS interval), true)
""")
_NAMED = text("SELECT id, app_id, finished_at FROM campaign WHERE id = :id")


def read(connection: Connection, app_id: str, asked: Exclusions, take: Take) -> list[str]:
    """Let `take` have the chunks that these exclusions are about; sentences for the person.

    Those chunks of `only_unsent` that were not sent are among them. Raises CampaignNotFound and
    AmbiguousCampaign; OptionError for a campaign of another app; AudienceError where members are no
    longer known, and that is not to be ignored.
    """
    named = [_named(connection, app_id, each) for each in asked.exclude]
    only = None if asked.only_unsent is None else _named(connection, app_id, asked.only_unsent)
    values = _values(connection, app_id, asked, [row.id for row in named], only and only.id)
    copy_out(connection, _COPY, values, lambda cells: take(*_parsed(*cells)))
    forgotten = connection.exec_driver_sql(_FORGOTTEN, values).all()
    if forgotten and not asked.ignore_purged:
        raise _refusal(forgotten[0])
    return [*_told(named, only), *map(_passed_over, forgotten)]


def _named(connection: Connection, app_id: str, reference: str) -> Row[Any]:
    found = campaigns.resolve(connection, reference)
    row = connection.execute(_NAMED, {"id": found}).one()
    if row.app_id != app_id:
        raise OptionError(
            f"Campaign {row.id} is one of app {row.app_id}, where others may have the same "
            f"identifiers: exclude by campaigns of app {app_id}."
        )
    return row


def _values(
    connection: Connection, app_id: str, asked: Exclusions, exclude: list[UUID], only: UUID | None
) -> dict[str, object]:
    recent: list[UUID] = []
    if asked.not_within is not None:
        limits = {"app_id": app_id, "not_within": asked.not_within}
        recent = list(connection.scalars(_RECENT, limits))
    concerned = {*exclude, *recent, *([only] if only else [])}
    return {
        "campaigns": [str(each) for each in concerned],
        "exclude": [str(each) for each in exclude],
        "only_unsent": only and str(only),
        "recent": [str(each) for each in recent],
        "not_within": asked.not_within,
    }


def _parsed(was_sent: memoryview, size: memoryview, members: memoryview) -> tuple[bool, int, bytes]:
    """A row of COPY's; the members are long, and copied once, without the array's brackets."""
    return bool(was_sent[0]), INTEGER.unpack(size)[0], bytes(members[1:-1])


def _told(named: list[Row[Any]], only: Row[Any] | None) -> Iterator[str]:
    for row in named:
        if row.finished_at is None:
            yield f"Campaign {row.id} has not ended: whom it reaches from now on is not excluded."
    if only is not None and only.finished_at is None:
        yield f"Campaign {only.id} has not ended: whom it reaches from now on may get both."


def _refusal(row: Row[Any]) -> AudienceError:
    return AudienceError(
        f"{_forgotten(row)}: who that was cannot be told, so nothing is sent. To send all the "
        'same: --exclude-purged ignore (exclude_purged="ignore").'
    )


def _passed_over(row: Row[Any]) -> str:
    return f"{_forgotten(row)}: they are not excluded, as nobody can tell who they are."


def _forgotten(row: Row[Any]) -> str:
    tag = f"tag {row.tag}, " if row.tag else ""
    ended = row.finished_at.date().isoformat()
    members = counted(row.members, "member")
    return f"Campaign {row.id} ({tag}ended {ended}) no longer has {members} whom it was for"
