"""Chunks, their parts and the attempts at them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from dispatcher.books.models.base import Base, one_of
from dispatcher.lifecycle import ChunkState

CHUNK_STORAGE = {
    "autovacuum_vacuum_scale_factor": 0.05,
    "toast.autovacuum_vacuum_scale_factor": 0.05,
}
"""A day's audiences of a month are dropped at a time: the default would let a week's pile up."""


class Chunk(Base):
    """Up to a thousand members that are sent in one request and share one fate.

    `attempt` is the fencing token: it grows with every claim. `in_doubt_since` is the start of the
    earliest attempt of this round that may have been sent. `members` are dropped some time after
    the campaign's end; so many of its `size` as are `withheld` were taken out of them before that.
    It is `unscreened` from a claim on that finds the standing list grown until its members are
    looked up. `variant` is the number of the text that they get, where there are several, and
    `zone` that of their clocks, where it counts. It begins before `closes_at`, where that zone has
    a window of its own, and is due when that opens. Those of its campaign's `canary` go first.
    """

    __tablename__ = "chunk"
    __table_args__ = (
        CheckConstraint(one_of("state", ChunkState), "state"),
        CheckConstraint("sequence > 0 AND size BETWEEN 1 AND 1000", "size"),
        CheckConstraint(
            "(state = 'sending') = (lease_until IS NOT NULL)"
            " AND (attempt = 0) = (claimed_at IS NULL)"
            " AND (attempt = 0) = (claimed_by IS NULL)",
            "sending_has_a_lease",
        ),
        CheckConstraint("published_at IS NULL OR state = 'pending'", "published_is_pending"),
        CheckConstraint(
            "(state = 'delivered') = (audience IS NOT NULL)"
            " AND (audience IS NULL) = (successful IS NULL)"
            " AND (audience IS NULL) = (erroneous IS NULL)",
            "delivered_has_numbers",
        ),
        CheckConstraint(
            "(state IN ('pending', 'sending')) = (settled_at IS NULL)", "settled_has_a_time"
        ),
        CheckConstraint("in_doubt_since IS NULL OR attempt > 0", "doubt_has_an_attempt"),
        CheckConstraint(
            "in_doubt_since IS NULL OR state IN ('pending', 'sending', 'uncounted', 'unresolved')",
            "doubt_is_open",
        ),
        CheckConstraint(
            "(state <> 'sending' AND state <> 'unresolved') OR in_doubt_since IS NOT NULL",
            "may_have_been_sent_since",
        ),
        CheckConstraint("lost_leases BETWEEN 0 AND attempt AND round > 0", "counts"),
        CheckConstraint(
            "members IS NOT NULL OR state NOT IN ('pending', 'sending')", "has_members_to_send_to"
        ),
        CheckConstraint(
            "withheld BETWEEN 0 AND size AND (state = 'withheld') = (withheld = size)",
            "withheld_is_of_its_size",
        ),
        # What is due and clean, in the order of the audience: what publishing takes.
        Index(
            "chunk_fresh",
            "campaign_id",
            "due_at",
            "sequence",
            postgresql_where=text(
                "state = 'pending' AND in_doubt_since IS NULL AND published_at IS NULL"
            ),
        ),
        # The same of a canary, whose rest waits for its verdict.
        Index(
            "chunk_canary",
            "campaign_id",
            "due_at",
            "sequence",
            postgresql_where=text(
                "canary AND state = 'pending' AND in_doubt_since IS NULL AND published_at IS NULL"
            ),
        ),
        # What may have been sent and waits: few, taken oldest window first.
        Index(
            "chunk_in_doubt",
            "campaign_id",
            "in_doubt_since",
            postgresql_where=text("state = 'pending' AND in_doubt_since IS NOT NULL"),
        ),
        # What is in flight: published or with a worker.
        Index(
            "chunk_published",
            "campaign_id",
            "published_at",
            postgresql_where=text("published_at IS NOT NULL"),
        ),
        Index(
            "chunk_sending",
            "campaign_id",
            "lease_until",
            postgresql_where=text("state = 'sending'"),
        ),
        # What has to wait for its zone's next opening.
        Index(
            "chunk_closing",
            "closes_at",
            "campaign_id",
            postgresql_where=text(
                "state = 'pending' AND in_doubt_since IS NULL AND closes_at IS NOT NULL"
            ),
        ),
        # What is listed by state: few, but for what ended otherwise as a whole. Nothing that is
        # delivered passes through it.
        Index(
            "chunk_ended_otherwise",
            "campaign_id",
            "state",
            "sequence",
            postgresql_where=text(
                "state IN ('uncounted', 'rejected', 'unresolved', 'expired', 'cancelled',"
                " 'withheld')"
            ),
        ),
        # What `show` lists under errors.
        Index(
            "chunk_errors",
            "campaign_id",
            "http_status",
            "code",
            postgresql_where=text("error IS NOT NULL"),
        ),
        {"postgresql_with": CHUNK_STORAGE},
    )

    campaign_id: Mapped[UUID] = mapped_column(
        ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int]
    members: Mapped[str | None]
    withheld: Mapped[int] = mapped_column(server_default="0")
    unscreened: Mapped[bool] = mapped_column(server_default=text("false"))
    variant: Mapped[int | None] = mapped_column(SmallInteger)
    zone: Mapped[str | None]
    closes_at: Mapped[datetime | None]
    canary: Mapped[bool] = mapped_column(server_default=text("false"))
    round: Mapped[int] = mapped_column(server_default="1")
    pack_id: Mapped[str] = mapped_column(
        Computed(
            "(campaign_id)::text || '-' || (sequence)::text || '-' || (round)::text",
            persisted=True,
        )
    )
    state: Mapped[str] = mapped_column(server_default="pending")
    attempt: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    claimed_by: Mapped[str | None]
    in_doubt_since: Mapped[datetime | None]
    lost_leases: Mapped[int] = mapped_column(server_default="0")
    corruptions: Mapped[int] = mapped_column(server_default="0")
    settled_at: Mapped[datetime | None]
    audience: Mapped[int | None]
    successful: Mapped[int | None]
    erroneous: Mapped[int | None]
    http_status: Mapped[int | None]
    code: Mapped[int | None]
    error: Mapped[str | None]


class Part(Base):
    """What a chunk held in one round while those were sought for whom alone the vendor refuses it.

    `origin` is the pack_id of the request that it refused first, `parent` that of the one which was
    divided into this, and `halvings` how often its members were halved since the first. It was
    `refused`, too, or not; whoever is left alone in it and is refused is the `culprit`.
    """

    __tablename__ = "part"
    __table_args__ = (
        ForeignKeyConstraint(
            ["campaign_id", "sequence"],
            ["chunk.campaign_id", "chunk.sequence"],
            ondelete="CASCADE",
        ),
        CheckConstraint("round > 0 AND halvings >= 0", "counts"),
        Index("part_origin", "origin"),
    )

    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True)
    origin: Mapped[str]
    halvings: Mapped[int] = mapped_column(SmallInteger)
    refused: Mapped[bool] = mapped_column(server_default=text("false"))
    culprit: Mapped[bool] = mapped_column(server_default=text("false"))
    parent: Mapped[str | None]


class Attempt(Base):
    """What one attempt came to, written once at its end."""

    __tablename__ = "attempt"
    __table_args__ = (
        ForeignKeyConstraint(
            ["campaign_id", "sequence"],
            ["chunk.campaign_id", "chunk.sequence"],
            ondelete="CASCADE",
        ),
        # The campaign's timeline and its throughput.
        Index("attempt_timeline", "campaign_id", "ended_at"),
    )

    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    round: Mapped[int]
    worker: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    outcome: Mapped[str]
    chunk_state: Mapped[str]
    http_status: Mapped[int | None]
    code: Mapped[int | None]
    error: Mapped[str | None]
    error_details: Mapped[str | None]
