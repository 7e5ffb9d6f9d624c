"""The states of chunks and campaigns, and the moves between them: the two state diagrams."""

from enum import StrEnum


class ChunkState(StrEnum):
    """Where a chunk stands; every member of a chunk shares its state."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    UNCOUNTED = "uncounted"
    REJECTED = "rejected"
    UNRESOLVED = "unresolved"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"


class CampaignState(StrEnum):
    """Where a campaign stands."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


RETRIABLE = frozenset({ChunkState.REJECTED, ChunkState.UNRESOLVED, ChunkState.EXPIRED})
"""What the operator may order to be sent again, in a new round under a new pack_id."""

LIVE_CHUNKS = frozenset({ChunkState.PENDING, ChunkState.SENDING})
SETTLED = tuple(state for state in ChunkState if state not in LIVE_CHUNKS)
MEANINGS = {
    "delivered": "accepted by the vendor, with its numbers",
    "uncounted": "accepted by the vendor; its numbers got lost",
    "rejected": "refused for good; nobody got it",
    "unresolved": "may have been sent; it cannot be known",
    "expired": "not sent before the campaign's time was over",
    "cancelled": "not sent before the campaign was cancelled",
    "withheld": "on the standing list before their turn came, or forgotten",
}
"""What a person is told of each of the states that members come to rest in, in their order."""
LIVE_CAMPAIGNS = frozenset({CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED})

CHUNK_MOVES: dict[ChunkState, frozenset[ChunkState]] = {
    ChunkState.PENDING: frozenset(
        {
            ChunkState.SENDING,
            ChunkState.EXPIRED,
            ChunkState.CANCELLED,
            ChunkState.UNRESOLVED,
            ChunkState.DELIVERED,
            ChunkState.UNCOUNTED,
        }
    ),
    ChunkState.SENDING: frozenset(
        {
            ChunkState.PENDING,
            ChunkState.DELIVERED,
            ChunkState.UNCOUNTED,
            ChunkState.REJECTED,
            ChunkState.UNRESOLVED,
            ChunkState.WITHHELD,
        }
    ),
    ChunkState.DELIVERED: frozenset(),
    ChunkState.UNCOUNTED: frozenset({ChunkState.DELIVERED}),
    ChunkState.REJECTED: frozenset(
        {ChunkState.DELIVERED, ChunkState.UNCOUNTED, ChunkState.PENDING}
    ),
    ChunkState.UNRESOLVED: frozenset(
        {ChunkState.DELIVERED, ChunkState.UNCOUNTED, ChunkState.PENDING}
    ),
    ChunkState.EXPIRED: frozenset({ChunkState.UNCOUNTED, ChunkState.PENDING}),
    ChunkState.CANCELLED: frozenset(),
    ChunkState.WITHHELD: frozenset(),
}

CAMPAIGN_MOVES: dict[CampaignState, frozenset[CampaignState]] = {
    CampaignState.SCHEDULED: frozenset(
        {
            CampaignState.RUNNING,
            CampaignState.PAUSED,
            CampaignState.CANCELLED,
            CampaignState.EXPIRED,
        }
    ),
    CampaignState.RUNNING: frozenset(
        {
            CampaignState.PAUSED,
            CampaignState.COMPLETED,
            CampaignState.CANCELLED,
            CampaignState.EXPIRED,
        }
    ),
    CampaignState.PAUSED: frozenset(
        {
            CampaignState.RUNNING,
            CampaignState.SCHEDULED,
            CampaignState.COMPLETED,
            CampaignState.CANCELLED,
            CampaignState.EXPIRED,
        }
    ),
    CampaignState.COMPLETED: frozenset({CampaignState.RUNNING}),
    CampaignState.CANCELLED: frozenset(),
    CampaignState.EXPIRED: frozenset({CampaignState.RUNNING}),
}
