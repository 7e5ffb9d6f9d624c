"""Making campaigns: an order and its audience, committed as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from dispatcher.books import campaigns, joining, making, transitions
from dispatcher.books.campaigns import Campaign
from dispatcher.books.commits import commit
from dispatcher.books.making import NewCampaign
from dispatcher.books.session import allow_long_statements
from dispatcher.contents import Content
from dispatcher.forks import not_while_forking
from dispatcher.tracing import Stopwatch
from dispatcher.verbs import excluding, standing
from dispatcher.verbs.connections import Connections
from dispatcher.verbs.ordering import Order

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dispatcher.audience import Prepared, Progress


def enqueue(
    connections: Connections,
    order: Order,
    *,
    progress: Callable[[Progress], None] | None,
    told: Callable[[str], None] | None,
    committed: Callable[[Campaign], None] | None,
    connection: Connection | None,
) -> str:
    """Commit the campaign with its whole audience, and ring; or leave it to the caller's commit."""
    _check_schema(connections, connection)
    watch = Stopwatch()
    frozen = excluding.frozen(connections, order, connection)
    look = standing.look(connections, connection, order.app_id)
    with order.prepared(look, progress, frozen) as prepared:
        if told is not None:
            for note in prepared.notes:
                told(note)
        watch.prepared()
        new, content = order.campaign(prepared, look), order.content(look)
        if connection is None:
            connections.load_the_bell()
            campaign = _commit(connections, new, content, prepared)
        else:
            with joining.within(connection):
                joining.check_at_commit(connection)
                campaign = _make(connection, connections, new, content, prepared)
    if campaign.id == str(new.id):
        watch.made(new.id, members=new.members, chunks=new.chunks)
    if connection is not None:
        return campaign.id
    if committed is not None:
        committed(campaign)
    connections.ring(campaign)
    return campaign.id


def _check_schema(connections: Connections, connection: Connection | None) -> None:
    with not_while_forking():
        from dispatcher.books.schema import check_schema, check_schema_of

    if connection is None:
        check_schema(connections.engine)
    else:
        with joining.within(joining.check_connection(connection, connections.engine)):
            check_schema_of(connection)


def _commit(
    connections: Connections, new: NewCampaign, content: Content, prepared: Prepared
) -> Campaign:
    """The campaign and its chunks in one transaction, or the one that its key stands for."""

    def make(connection: Connection) -> Campaign:
        allow_long_statements(connection)
        return _make(connection, connections, new, content, prepared)

    return commit(
        connections.engine,
        make,
        doubt=lambda made: (
            f"campaign {made.id} may be there; see `dispatcher show {made.id}` "
            "before you send it again: if it finds none, nothing was left behind."
        ),
        found=lambda made, connection: campaigns.exists(connection, UUID(made.id)),
    )


def _make(
    connection: Connection,
    connections: Connections,
    new: NewCampaign,
    content: Content,
    prepared: Prepared,
) -> Campaign:
    """The campaign and its chunks, or the one that its key stands for."""
    with not_while_forking():
        from dispatcher.audience import copy_chunks

    campaign_id = create_or_find(connection, new, content, prepared)
    if campaign_id != new.id:
        return campaigns.read(connection, campaign_id)
    copy_chunks(connection, campaign_id, prepared, new.dues)
    if new.wall_time is not None:
        transitions.expire_late(connection, campaign_id)
    by, most = connections.actor, connections.settings.approval_members
    if most is not None:
        transitions.await_approval(connection, campaign_id, most, by)
    made = campaigns.read(connection, campaign_id)
    transitions.note_new(connection, made, by)
    # Who ordered it, and who else is to approve it, is known from here on.
    return campaigns.read(connection, campaign_id) if made.awaits_approval else made


def create_or_find(
    connection: Connection, new: NewCampaign, content: Content, prepared: Prepared
) -> UUID:
    """The new campaign's row, still without chunks, or the campaign that its key stands for.

    Raises CampaignExists where the key stands for other content.
    """
    created = making.create(connection, new)
    if created is not None:
        return created
    assert new.key is not None
    return making.find_by_key(
        connection, new.key, lambda stored, total: content.is_same(stored, total, prepared)
    )
