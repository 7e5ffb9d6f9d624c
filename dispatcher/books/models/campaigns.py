"""Campaigns and their texts: what was ordered, and the sums of what became of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from dispatcher.books.models.base import Base, Counter, one_of, sum_of
from dispatcher.canary import CanaryState
from dispatcher.lifecycle import SETTLED, CampaignState, ChunkState


class Sums:
    """What became of members: of a campaign, and of each of its variants."""

    members_total: Mapped[Counter]
    members_remaining: Mapped[Counter]
    members_delivered: Mapped[Counter]
    members_uncounted: Mapped[Counter]
    members_rejected: Mapped[Counter]
    members_unresolved: Mapped[Counter]
    members_expired: Mapped[Counter]
    members_cancelled: Mapped[Counter]
    members_withheld: Mapped[Counter]
    members_sending: Mapped[Counter]
    members_in_doubt: Mapped[Counter]

    result_audience: Mapped[Counter]
    result_successful: Mapped[Counter]
    result_erroneous: Mapped[Counter]


class Campaign(Sums, Base):
    """What to send, and the sum of what became of it, as it was at `summed_at`.

    Of the members who remain, so many are on the wire (`members_sending`), and so many wait
    `in_doubt`. Whoever is at `notify_url` is told of its changes; there were so many `events`.

    `standing_version` is that of all standing lists when its audience was prepared. The
    members of its chunks up to number `purged_to` were dropped, after its end.

    Its errors are tested against `max_error_rate` over what has ended since `guarded_since`, the
    sums of `guard`: since it was created, unless the test began anew, and NULL where nothing is
    tested (any more). While it `awaits_verdict`,
    nothing but its canary begins; the sums of `canary` are those of that.
    """

    __tablename__ = "campaign"
    __table_args__ = (
        CheckConstraint(one_of("state", CampaignState), "state"),
        CheckConstraint(
            f"members_remaining + {sum_of('members', SETTLED)} = members_total", "members_add_up"
        ),
        CheckConstraint(f"{sum_of('chunks', ChunkState)} = chunks_total", "chunks_add_up"),
        CheckConstraint(
            "input_read = input_invalid + input_duplicates + input_suppressed + input_excluded"
            " + members_total",
            "input_adds_up",
        ),
        CheckConstraint("members_total > 0 AND chunks_total > 0", "has_members"),
        CheckConstraint(
            "(state = 'completed') <= (finished_at IS NOT NULL)", "completed_is_finished"
        ),
        CheckConstraint(
            "(state IN ('scheduled', 'running', 'paused')) <= (finished_at IS NULL)",
            "live_is_unfinished",
        ),
        CheckConstraint(
            "finished_at IS NULL OR (chunks_pending = 0 AND chunks_sending = 0)",
            "finished_has_nothing_left",
        ),
        CheckConstraint("rate > 0 AND rate < 'infinity'", "rate_is_positive"),
        CheckConstraint("expires_at > send_at", "expires_after_it_begins"),
        CheckConstraint(
            "(opens_at IS NULL) = (closes_at IS NULL)"
            " AND (opens_at IS NULL OR windows IS NOT NULL AND opens_at < closes_at)",
            "window_has_an_opening",
        ),
        CheckConstraint(
            "(finish_by IS NULL) = (planned_rate IS NULL) AND planned_rate > 0"
            " AND planned_rate < 'infinity'",
            "planned_to_finish",
        ),
        CheckConstraint("max_error_rate > 0 AND max_error_rate < 1", "max_error_rate"),
        CheckConstraint("guarded_since IS NULL OR max_error_rate IS NOT NULL", "guarded_by_a_rate"),
        CheckConstraint(one_of("canary_state", CanaryState), "canary_state"),
        CheckConstraint(
            "(canary_members IS NULL) = (canary_state IS NULL)"
            " AND (canary_members IS NULL OR max_error_rate IS NOT NULL)"
            " AND canary_members > 0 AND canary_members < members_total",
            "canary_is_a_part",
        ),
        CheckConstraint(
            "NOT awaits_approval OR state NOT IN ('scheduled', 'running')",
            "unapproved_does_not_run",
        ),
        Index("campaign_created_at", text("created_at DESC")),
        # What `list` shows of one state, or of one tag.
        Index("campaign_by_state", "state", text("created_at DESC"), text("id DESC")),
        Index(
            "campaign_by_tag",
            "campaign_tag",
            text("created_at DESC"),
            text("id DESC"),
            postgresql_where=text("campaign_tag IS NOT NULL"),
        ),
        CheckConstraint(
            "purged_to BETWEEN 0 AND chunks_total AND (purged_to = 0 OR finished_at IS NOT NULL)",
            "purged_is_finished",
        ),
        Index("campaign_unfinished", "state", postgresql_where=text("finished_at IS NULL")),
        # What has ended and still has its audience: what purging takes, the oldest end first.
        Index(
            "campaign_kept",
            "finished_at",
            postgresql_where=text("finished_at IS NOT NULL AND purged_to < chunks_total"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str | None] = mapped_column(unique=True)
    content_digest: Mapped[str]
    app_id: Mapped[str]
    standing_version: Mapped[Counter]
    campaign_tag: Mapped[str | None]
    account: Mapped[str] = mapped_column(ForeignKey("account.name"))
    platforms: Mapped[list[str]] = mapped_column(ARRAY(Text))
    message: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    rate: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    send_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    windows: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    opens_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    finish_by: Mapped[datetime | None]
    planned_rate: Mapped[float | None]
    started_at: Mapped[datetime | None]
    resumed_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    summed_at: Mapped[datetime | None]

    input_read: Mapped[Counter]
    input_invalid: Mapped[Counter]
    input_duplicates: Mapped[Counter]
    input_suppressed: Mapped[Counter]
    input_excluded: Mapped[Counter]
    input_absent: Mapped[Counter]

    chunks_total: Mapped[Counter]
    chunks_pending: Mapped[Counter]
    chunks_sending: Mapped[Counter]
    chunks_delivered: Mapped[Counter]
    chunks_uncounted: Mapped[Counter]
    chunks_rejected: Mapped[Counter]
    chunks_unresolved: Mapped[Counter]
    chunks_expired: Mapped[Counter]
    chunks_cancelled: Mapped[Counter]
    chunks_withheld: Mapped[Counter]

    purged_to: Mapped[int] = mapped_column(server_default="0")
    wall_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    test: Mapped[bool] = mapped_column(server_default=text("false"))
    notify_url: Mapped[str | None]
    events: Mapped[int] = mapped_column(server_default="0")
    awaits_approval: Mapped[bool] = mapped_column(server_default=text("false"))

    max_error_rate: Mapped[float | None]
    guarded_since: Mapped[datetime | None]
    guard_measured: Mapped[Counter]
    guard_errors: Mapped[Counter]
    awaits_verdict: Mapped[bool] = mapped_column(server_default=text("false"))
    canary_members: Mapped[int | None] = mapped_column(BigInteger)
    canary_state: Mapped[str | None]
    canary_remaining: Mapped[Counter]
    canary_measured: Mapped[Counter]
    canary_errors: Mapped[Counter]
    canary_lost: Mapped[Counter]


class Variant(Sums, Base):
    """One of a campaign's several texts, and the sum of what became of its chunks.

    `share` is that of the members to whom it is dealt, where they are dealt at random;
    `campaign_tag` is its own statistics group at the vendor, where it has one.
    """

    __tablename__ = "variant"
    __table_args__ = (
        CheckConstraint("number > 0", "number"),
        CheckConstraint("share > 0 AND share <= 1", "share"),
        CheckConstraint(
            f"members_remaining + {sum_of('members', SETTLED)} = members_total", "members_add_up"
        ),
        UniqueConstraint("campaign_id", "name"),
    )

    campaign_id: Mapped[UUID] = mapped_column(
        ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    name: Mapped[str]
    share: Mapped[float | None]
    campaign_tag: Mapped[str | None]
    message: Mapped[str]
