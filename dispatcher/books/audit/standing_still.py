"""Which campaigns' upkeep fails: found by trying it, in transactions that are taken back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from dispatcher.books import transitions, upkeep
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


_UNPUBLISHED = text("""
SELECT id FROM campaign
WHERE state = 'running' AND finished_at IS NULL AND (
    SELECT true FROM chunk
    WHERE campaign_id = campaign.id AND state = 'pending' AND in_doubt_since IS NULL
      AND published_at IS NULL AND due_at <= statement_timestamp()
    ORDER BY due_at, sequence LIMIT 1)
ORDER BY created_at LIMIT :most
""")


def standing_still(engine: Engine, terms: Terms) -> Iterator[StandingStill]:
    """The campaigns that do not add up, or to which a relay cannot do what is due."""
    with transaction(engine) as connection:
        incomplete = list(connection.scalars(_INCOMPLETE))
        needs = upkeep.needed(connection, terms)
        unpublished = list(connection.scalars(_UNPUBLISHED, {"most": _MOST_TRIED}))
        for campaign_id in incomplete:
            yield StandingStill(campaign_id, _lacking(connection, campaign_id))
    told = set(incomplete)
    for need in _affordable(needs):
        act = partial(upkeep.fulfil, duty=need.duty, campaign_ids=[need.campaign_id], terms=terms)
        if need.campaign_id not in told and (why := _tried(engine, need.campaign_id, act)):
            told.add(need.campaign_id)
            yield StandingStill(need.campaign_id, f"it cannot {need.duty}: {why}")
    for campaign_id in unpublished:
        mark = partial(transitions.mark_published, campaign_id=campaign_id, count=1, fresh=1)
        if campaign_id not in told and (why := _tried(engine, campaign_id, mark)):
            yield StandingStill(campaign_id, f"it cannot be published: {why}")


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


def _tried(engine: Engine, campaign_id: UUID, act: Callable[[Connection], object]) -> str | None:
    """Why it cannot be done to this campaign; None where it can."""
    try:
        with transaction(engine) as connection:
            connection.execute(_PATIENCE)
            connection.execute(_LOCK, {"campaign_id": campaign_id})
            act(connection)
            connection.rollback()
    except Exception as error:
        if not concerns_its_rows(error):
            raise
        return _why(error)
    return None


def _why(error: Exception) -> str:
    if sqlstate(error) == _LOCKED:
        return "another session has locked its row for longer than a second; end that session"
    return words_of(error)
