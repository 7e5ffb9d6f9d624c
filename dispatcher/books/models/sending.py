"""What sending goes by, beside campaigns: accounts, workers, the fence."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from dispatcher.books.models.base import Base, Counter


class Account(Base):
    """One token of the vendor, and whether it has to rest.

    `failures` are the attempts in a row that could not be sent, `doubts` those in a row that may
    have been, since `doubtful_since`; while they are many, a clean chunk may be the probe from
    `fresh_from` on. `throttles` are the rests in a row that the vendor asked for without saying
    how long; the last one that it asked for at all lasted from `throttled_at` to `throttled_until`,
    which is when probes ended, too, where that was later.
    """

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("failures >= 0", "failures"),
        CheckConstraint("doubts >= 0 AND (doubts = 0) = (doubtful_since IS NULL)", "doubts"),
        CheckConstraint("throttles >= 0", "throttles"),
        # Nearly always empty: a claim looks here first.
        Index("account_troubled", "name", postgresql_where=text("doubts > 0 OR failures > 0")),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    hold_until: Mapped[datetime | None]
    hold_reason: Mapped[str | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    doubts: Mapped[int] = mapped_column(server_default="0")
    doubtful_since: Mapped[datetime | None]
    fresh_from: Mapped[datetime | None]
    throttles: Mapped[int] = mapped_column(server_default="0")
    throttled_at: Mapped[datetime | None]
    throttled_until: Mapped[datetime | None]


class Worker(Base):
    """A worker process that was alive at `seen_at`, and how many requests it makes at once.

    `relays` says whether its relay goes round, so that it may lead.
    `rate` is each account's limit in requests a second, as this worker was told.
    `silence` says why it takes no message, where it does not.
    """

    __tablename__ = "worker"
    __table_args__ = (CheckConstraint("slots > 0", "slots"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    slots: Mapped[int]
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    clock_ahead: Mapped[timedelta] = mapped_column(server_default="0")
    relays: Mapped[bool] = mapped_column(server_default=text("true"))
    rate: Mapped[float | None]
    silence: Mapped[str | None]


class Fence(Base):
    """What the books say of themselves, in one row, and why nothing may be sent from them, if so.

    `books` name them, `place` is where they have been since the epoch began, `beat` grows each
    second that a worker lives, `epoch_seen` is the latest that was noted outside of them.
    """

    __tablename__ = "fence"
    __table_args__ = (
        CheckConstraint("one", "is_one"),
        CheckConstraint(
            "(place IS NULL) = (books IS NULL) AND (place IS NULL) = (epoch_id IS NULL)"
            " AND (place IS NULL) = (beat_at IS NULL)",
            "has_begun",
        ),
        CheckConstraint("(raised_at IS NULL) = (reason IS NULL)", "raised_for_a_reason"),
    )

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    books: Mapped[UUID | None]
    epoch: Mapped[int] = mapped_column(server_default="1")
    epoch_id: Mapped[UUID | None]
    epoch_seen: Mapped[int] = mapped_column(server_default="0")
    place: Mapped[str | None]
    beat: Mapped[Counter] = mapped_column(server_default="0")
    beat_at: Mapped[datetime | None]
    raised_at: Mapped[datetime | None]
    reason: Mapped[str | None]
