"""Which campaigns' upkeep fails: found by trying it, in transactions that are taken back."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from dispatcher.books import upkeep
from dispatcher.books.session import transaction
from dispatcher.books.troubles import concerns_its_rows, sqlstate, words_of
from dispatcher.books.upkeep import Need, Terms
from dispatcher.words import counted

_LOCKED = "55P03"
_MOST_TRIED = 200
_MOST_CHUNKS = 2_000_000
_PATIENCE = text("SET LOCAL lock_timeout = '1 s'")
_LOCK = text("SELECT FROM campaign WHERE id = :campaign_id FOR NO KEY UPDATE")
# The last chunk is missing where any is: they were committed together.
_INCOMPLETE = text("""
SELECT id FROM campaign
WHERE finished_at IS NULL AND NOT EXISTS (
    SELECT FROM chunk WHERE campaign_id = campaign.id AND sequence = campaign.chunks_total)
ORDER BY created_at
""")
_STORED = text("""
SELECT count(chunk.sequence) AS stored, campaign.chunks_total
FROM campaign LEFT JOIN chunk ON chunk.campaign_id = campaign.id
WHERE campaign.id = :campaign_id GROUP BY campaign.id
""")


@dataclass(frozen=True, slots=True)
class StandingStill:
    """A campaign to which nobody can do what is due, and why."""

    campaign: UUID
    words: str


def standing_still(engine: Engine, terms: Terms) -> Iterator[StandingStill]:
    """The campaigns that do not add up, or to which a sweep cannot do what is due."""
    with transaction(engine) as connection:
        incomplete = list(connection.scalars(_INCOMPLETE))
        needs = upkeep.needed(connection, terms)
        for campaign_id in incomplete:
            yield StandingStill(campaign_id, _lacking(connection, campaign_id))
    told = set(incomplete)
    for need in _affordable(needs):
        if need.campaign_id not in told and (why := _tried(engine, need, terms)):
            told.add(need.campaign_id)
            yield StandingStill(need.campaign_id, why)


def _affordable(needs: list[Need]) -> Iterator[Need]:
    """What can be tried in some seconds."""
    chunks = 0
    for need in needs[:_MOST_TRIED]:
        chunks += need.chunks
        if chunks > _MOST_CHUNKS:
            return
        yield need


def _lacking(connection: Connection, campaign_id: UUID) -> str:
    row = connection.execute(_STORED, {"campaign_id": campaign_id}).one()
    return (
        f"it does not add up, {row.stored:,} of its {counted(row.chunks_total, 'chunk')} are "
        f"stored: `dispatcher cancel {str(campaign_id)[:8]}` ends it"
    )


def _tried(engine: Engine, need: Need, terms: Terms) -> str | None:
    """Why it cannot be done; None where it can."""
    try:
        with transaction(engine) as connection:
            connection.execute(_PATIENCE)
            connection.execute(_LOCK, {"campaign_id": need.campaign_id})
            upkeep.fulfil(connection, need.duty, [need.campaign_id], terms)
            connection.rollback()
    except Exception as error:
        if not concerns_its_rows(error):
            raise
        return f"it cannot {need.duty}: {_why(error)}"
    return None


def _why(error: Exception) -> str:
    if sqlstate(error) == _LOCKED:
        return "another session has locked its row for longer than a second; end that session"
    return words_of(error)
