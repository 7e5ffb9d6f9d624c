"""A change of a campaign leaves a note of who made it, in the same transaction.

A change of its state is an event besides, which the campaign's receiver is told.
"""

from uuid import UUID

from sqlalchemy import Connection

from dispatcher.books import acts, outbox
from dispatcher.books.acts import Actor, Facts
from dispatcher.books.campaigns import Campaign
from dispatcher.canary import CanaryState
from dispatcher.lifecycle import CampaignState

_EVENTS = {
    "send": "campaign.started",
    "start": "campaign.started",
    "pause": "campaign.paused",
    "resume": "campaign.resumed",
    "canary": "campaign.resumed",
    "approve": "campaign.resumed",
    "retry": "campaign.resumed",
    "complete": "campaign.completed",
    "cancel": "campaign.cancelled",
    "expire": "campaign.expired",
}
"""What a change of the state is called, by the verb that makes it."""
_BEGINS = {CampaignState.RUNNING: "send", CampaignState.PAUSED: "pause"}
"""What a new campaign's state comes to: it is paused where it waits for an approval."""
_VERDICTS = {
    CanaryState.PASSED: "campaign.canary_passed",
    CanaryState.FAILED: "campaign.canary_failed",
}

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
    if event := _event(verb, before or {}, after or {}):
        outbox.put(connection, campaign_id, event)


def _event(verb: str, before: Facts, after: Facts) -> str | None:
    """What the receiver is told of such a change, if anything."""
    if before.get("state") != after.get("state"):
        return _EVENTS.get(verb)
    return _VERDICTS.get(CanaryState(str(after["canary"]))) if "canary" in after else None


def note_new(connection: Connection, campaign: Campaign, by: Actor) -> None:
    """Note that a campaign was made, and how it was told to go."""
    orders = {name: getattr(campaign, name) for name in _ORDERS if getattr(campaign, name)}
    after = {"state": campaign.state, "members": campaign.members.total, **orders}
    if campaign.test:
        after["test"] = True
    acts.write(connection, "send", campaign_id=UUID(campaign.id), after=after, by=by)
    if verb := _BEGINS.get(CampaignState(campaign.state)):
        outbox.put(connection, UUID(campaign.id), _EVENTS[verb])
