"""Whether a campaign waits for the approval of a second person, and who is one.

Names are all that is known of people: what they may be told apart by is decided here, strictly.
"""

import unicodedata
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from dispatcher.books.acts import Actor
from dispatcher.errors import ImpossibleInState

REASON = "It waits for the approval of a second person."
"""The reason of such a campaign, which is paused."""

_LOCK = 0x64697372
_ALONE = text("SELECT pg_advisory_xact_lock(:lock, hashtext(:person))")
# What is cancelled is never sent; what waits, or was approved, was not this person's alone.
_UNAPPROVED = text("""
SELECT sent.actor, sum(members_total - members_cancelled) AS members
FROM campaign
JOIN LATERAL (
    SELECT actor FROM act
    WHERE act.campaign_id = campaign.id AND verb = 'send' ORDER BY id LIMIT 1) AS sent ON true
WHERE created_at > now() - interval '1 day' AND NOT awaits_approval AND id <> :campaign_id
  AND NOT EXISTS (SELECT FROM act WHERE act.campaign_id = campaign.id AND verb = 'approve')
GROUP BY sent.actor
""")
_MEMBERS = text("SELECT members_total FROM campaign WHERE id = :campaign_id")
ORDERED = """
(SELECT act.actor FROM act
 WHERE act.campaign_id = campaign.id AND act.verb = 'send' ORDER BY act.id LIMIT 1)
"""
"""Who ordered a campaign."""
_READ = text("""
SELECT act.actor, act.via FROM campaign
JOIN act ON act.campaign_id = campaign.id AND act.verb = 'send'
WHERE campaign.id = :campaign_id AND awaits_approval ORDER BY act.id LIMIT 1
""")
# Whoever made a token may use it as another name.
_MADE_BY = text("""
SELECT actor FROM act WHERE verb = 'console token add' AND after ->> 'token' = :token
""")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A campaign that waits, and who `ordered` it."""

    ordered: Actor


def read(connection: Connection, campaign_id: UUID) -> Waiting | None:
    """Who ordered the campaign, where it waits for an approval."""
    row = connection.execute(_READ, {"campaign_id": campaign_id}).one_or_none()
    return None if row is None else Waiting(Actor(row.actor, row.via))


def words(facts: Row[Any]) -> str:
    """What a campaign waits for, of a row with its `id` and who `ordered` it."""
    return _words(facts.id, facts.ordered_by)


def _words(campaign_id: UUID, ordered_by: str | None) -> str:
    who = f" than {ordered_by}" if ordered_by else ""
    return (
        f"It waits for the approval of a second person: `dispatcher approve {str(campaign_id)[:8]}`"
        f", by somebody else{who}."
    )


def refuse_waiting(connection: Connection, campaign_id: UUID) -> None:
    """Raise ImpossibleInState where the campaign may go on by an approval alone."""
    waiting = read(connection, campaign_id)
    if waiting is not None:
        raise ImpossibleInState(
            f"Campaign {campaign_id} cannot be resumed like that. "
            f"{_words(campaign_id, waiting.ordered.name)}"
        )


def unapproved_members(connection: Connection, campaign_id: UUID, by: Actor) -> int:
    """How many members this person alone has ordered to be sent to in a day, with this campaign's.

    One campaign at a time of each person's is counted.
    """
    person = _person(by.name)
    connection.execute(_ALONE, {"lock": _LOCK, "person": person})
    values = {"campaign_id": campaign_id}
    ordered = connection.execute(_UNAPPROVED, values)
    others = sum(int(row.members) for row in ordered if _person(row.actor) == person)
    return others + int(connection.scalar(_MEMBERS, values) or 0)


def is_same_person(connection: Connection, one: Actor, other: Actor) -> bool:
    """Whether these may be one person: `anna@laptop` and `Anna`, or who made the other's token."""
    return bool(_people(connection, one) & _people(connection, other))


def _people(connection: Connection, actor: Actor) -> set[str]:
    names = {actor.name}
    if actor.via == "api":
        names |= {*connection.scalars(_MADE_BY, {"token": actor.name})}
    return {_person(name) for name in names}


def _person(name: str) -> str:
    """Somebody by their name alone, on whatever machine and however it is written (NFKC)."""
    return unicodedata.normalize("NFKC", name).partition("@")[0].casefold()
