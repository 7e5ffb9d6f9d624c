"""A change of a campaign leaves a note of who made it, in the same transaction."""

from uuid import UUID

from sqlalchemy import Connection

from dispatcher.books import acts
from dispatcher.books.acts import Actor, Facts
from dispatcher.books.campaigns import Campaign

_ORDERS = ("rate", "send_at", "expires_at", "window", "finish_by", "max_error_rate")


def note(
    connection: Connection,
    campaign_id: UUID,
    verb: str,
    *,
    before: Facts | None = None,
    after: Facts | None = None,
    by: Actor | None = None,
) -> None:
    """Note a change of a campaign whose row this transaction has locked.

    `by` is who makes it, unless that is whoever the connection is for.
    """
    acts.write(connection, verb, campaign_id=campaign_id, before=before, after=after, by=by)


def note_new(connection: Connection, campaign: Campaign, by: Actor) -> None:
    """Note that a campaign was made, and how it was told to go."""
    orders = {name: getattr(campaign, name) for name in _ORDERS if getattr(campaign, name)}
    after = {"state": campaign.state, "members": campaign.members.total, **orders}
    if campaign.test:
        after["test"] = True
    acts.write(connection, "send", campaign_id=UUID(campaign.id), after=after, by=by)
