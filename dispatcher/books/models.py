"""The tables, and the invariants that the database itself keeps.

A chunk writes only its own row and its attempt's; the campaign's row is a rollup of its chunks.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from dispatcher.books.acts import VIA
from dispatcher.canary import CanaryState
from dispatcher.lifecycle import SETTLED, CampaignState, ChunkState

NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
CHUNK_STORAGE = {
    "autovacuum_vacuum_scale_factor": 0.05,
    "toast.autovacuum_vacuum_scale_factor": 0.05,
}
"""A day's audiences of a month are dropped at a time: the default would let a week's pile up."""

Counter = Annotated[int, mapped_column(BigInteger, server_default="0")]


class Base(DeclarativeBase):
    """Every table of the books; times are aware, texts unbounded."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own form
        datetime: DateTime(timezone=True),
        str: Text,
    }


def _one_of(column: str, states: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(str(state)) for state in states)})"


def _sum_of(prefix: str, states: Iterable[str]) -> str:
    return " + ".join(f"{prefix}_{state}" for state in states)


class Campaign(Base):
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
        CheckConstraint(_one_of("state", CampaignState), "state"),
        CheckConstraint(
            f"members_remaining + {_sum_of('members', SETTLED)} = members_total", "members_add_up"
        ),
        CheckConstraint(f"{_sum_of('chunks', ChunkState)} = chunks_total", "chunks_add_up"),
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
        CheckConstraint(_one_of("canary_state", CanaryState), "canary_state"),
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


class Variant(Base):
    """One of a campaign's several texts, and the sum of what became of its chunks.

    `share` is that of the members to whom it is dealt, where they are dealt at random;
    `campaign_tag` is its own statistics group at the vendor, where it has one.
    """

    __tablename__ = "variant"
    __table_args__ = (
        CheckConstraint("number > 0", "number"),
        CheckConstraint("share > 0 AND share <= 1", "share"),
        CheckConstraint(
            f"members_remaining + {_sum_of('members', SETTLED)} = members_total", "members_add_up"
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
        CheckConstraint(_one_of("state", ChunkState), "state"),
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

    `origin` is the pack_id of the request that it refused first, and `halvings` how often its
    members were halved since then. It was `refused`, too, or not; whoever is left alone in it and
    is refused is the `culprit`.
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


class StandingList(Base):
    """An app's standing list: `version` is that of all lists when it was last added to.

    So many identifiers are on it as there are `entries`.
    """

    __tablename__ = "standing_list"

    app_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[Counter]
    entries: Mapped[Counter]


class Standing(Base):
    """Who is on an app's standing list: keyed hashes of identifiers, see `audience.hashes`.

    Those that have their upper bits in common share a page.
    """

    __tablename__ = "standing"

    app_id: Mapped[str] = mapped_column(primary_key=True)
    page: Mapped[int] = mapped_column(primary_key=True)
    hashes: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class StandingKey(Base):
    """What all lists share, in the one row of this table: the key of their hashes, made with it and
    never again, and the newest `version` of any of them.
    """

    __tablename__ = "standing_key"

    key: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[Counter]


class ConsoleToken(Base):
    """Who may use the HTTP API, and how far; see `books.tokens`. The token itself is not kept."""

    __tablename__ = "console_token"
    __table_args__ = (CheckConstraint(_one_of("role", ("viewer", "operator", "admin")), "role"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ConsoleUser(Base):
    """Who may sign in to the console; of the password its argon2id is kept. See `books.users`."""

    __tablename__ = "console_user"
    __table_args__ = (CheckConstraint(_one_of("role", ("viewer", "operator", "admin")), "role"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    password: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ConsoleSession(Base):
    """A browser in which somebody has signed in, a user or whoever started the program.

    See `books.sessions`.
    """

    __tablename__ = "console_session"
    __table_args__ = (
        CheckConstraint("(user_name IS NULL) <> (starter IS NULL)", "is_somebody_s"),
        Index("console_session_user_name", "user_name"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    user_name: Mapped[str | None] = mapped_column(
        ForeignKey("console_user.name", ondelete="CASCADE")
    )
    starter: Mapped[str | None]
    began_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ConsoleLogin(Base):
    """What failed of somebody's attempts to sign in from one place, both as keyed digests.

    `network` is a network, or a browser that they have signed in with; see `books.logins`.
    """

    __tablename__ = "console_login"
    __table_args__ = (CheckConstraint("failures >= 0", "failures"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    network: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    failed_at: Mapped[datetime]
    succeeded_at: Mapped[datetime | None]


class Act(Base):
    """A change, who made it, and through which door; see `books.acts`. It is only ever added to."""

    __tablename__ = "act"
    __table_args__ = (
        CheckConstraint(_one_of("via", VIA), "via"),
        Index(
            "act_of_campaign",
            "campaign_id",
            "id",
            postgresql_where=text("campaign_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    campaign_id: Mapped[UUID | None]
    app_id: Mapped[str | None]
    account: Mapped[str | None]
    actor: Mapped[str]
    via: Mapped[str]
    verb: Mapped[str]
    before: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, object] | None] = mapped_column(JSONB)


class Webhook(Base):
    """An event of a campaign that its receiver is told, or is to be told; see `books.outbox`."""

    __tablename__ = "webhook"
    __table_args__ = (
        CheckConstraint("sequence > 0 AND attempts >= 0", "counts"),
        CheckConstraint("delivered_at IS NULL OR given_up_at IS NULL", "ends_once"),
        # What is to be delivered yet: mostly nothing.
        Index(
            "webhook_undelivered",
            "campaign_id",
            "sequence",
            postgresql_where=text("delivered_at IS NULL AND given_up_at IS NULL"),
        ),
        Index("webhook_created_at", "created_at"),
    )

    campaign_id: Mapped[UUID] = mapped_column(
        ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    due_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    attempts: Mapped[int] = mapped_column(server_default="0")
    first_tried_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    http_status: Mapped[int | None]
    error: Mapped[str | None]
