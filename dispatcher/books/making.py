"""Campaigns as a producer asks for them: made, or found by the key that stands for them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books import fence, pacing, variants
from dispatcher.books.campaigns import Input
from dispatcher.books.variants import NewVariant
from dispatcher.books.windows import opening_of
from dispatcher.errors import CampaignExists, DispatcherError
from dispatcher.schedule import Due, Window


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """What a producer asks for, checked, with its audience counted.

    `standing_version` is that of the standing lists that it was prepared against, and
    `account_rate` is its account's limit, as far as the producer is told one. `wall_time`, without
    a zone, is what each member's own clock shows when it is due, and `dues` when that is in each
    zone. `refusal` is why it cannot be made now, unless its key stands for one already. Its
    `canary` is so many of its members, and `max_error_rate` the highest rate of errors, of one.
    """

    id: UUID
    key: str | None
    content_digest: str
    app_id: str
    standing_version: int
    campaign_tag: str | None
    platforms: tuple[str, ...]
    account: str
    message: str
    rate: float | None
    send_at: datetime | None
    expires_at: datetime | None
    windows: tuple[Window, ...] | None
    finish_by: datetime | None
    account_rate: float | None
    input: Input
    members: int
    chunks: int
    test: bool = False
    wall_time: datetime | None = None
    dues: Mapping[str, Due] = field(default_factory=dict)
    refusal: DispatcherError | None = None
    variants: tuple[NewVariant, ...] = ()
    canary: int | None = None
    max_error_rate: float | None = None
    notify_url: str | None = None


_OPEN_ACCOUNT = text("INSERT INTO account (name) VALUES (:account) ON CONFLICT DO NOTHING")
_CREATE = text("""
INSERT INTO campaign (id, key, content_digest, app_id, standing_version, campaign_tag, platforms,
    account, message, rate, created_at, send_at, expires_at, windows, opens_at, closes_at,
    finish_by, planned_rate, state, started_at, resumed_at, input_read, input_invalid,
    input_duplicates, input_suppressed, input_excluded, input_absent, members_total,
    members_remaining, chunks_total, chunks_pending, test,
    wall_time, max_error_rate, guarded_since, canary_members, canary_state, canary_remaining,
    awaits_verdict, notify_url)
SELECT :id, :key, :content_digest, :app_id, :standing_version, :campaign_tag, :platforms,
    :account, :message, :rate, start.now, :send_at, :expires_at, :windows, :opens_at, :closes_at,
    :finish_by, :planned_rate,
    CASE WHEN start.later THEN 'scheduled' ELSE 'running' END,
    CASE WHEN NOT start.later THEN start.now END,
    CASE WHEN NOT start.later THEN start.now END, :read, :invalid,
    :duplicates, :suppressed, :excluded, :absent, :members, :members, :chunks, :chunks,
    :test, :wall_time, :max_error_rate, CASE WHEN :max_error_rate IS NOT NULL THEN start.now END,
    :canary, CASE WHEN :canary IS NOT NULL THEN 'running' END, coalesce(:canary, 0),
    :canary IS NOT NULL, :notify_url
FROM (SELECT statement_timestamp() AS now,
             coalesce(:send_at > statement_timestamp(), false) AS later) AS start
ON CONFLICT (key) DO NOTHING
RETURNING id
""")


def create(connection: Connection, new: NewCampaign) -> UUID | None:
    """Make the campaign's row, which the commit makes visible; None where its key is taken.

    Where another producer is making a campaign of this key right now, waits for it to end. Raises
    OptionError where it cannot end by its time, and its `refusal`: what stands in the way of making
    it now does not make the same order another one.
    """
    try:
        if new.refusal is not None:
            raise new.refusal
        planned_rate = _first_plan(connection, new)
    except DispatcherError:
        if new.key is not None and is_taken(connection, new.key):
            return None
        raise
    fence.begin(connection)
    connection.execute(_OPEN_ACCOUNT, {"account": new.account})
    values = {
        **{name: getattr(new, name) for name in NewCampaign.__slots__ if name not in _OF_PARTS},
        **asdict(new.input),
        "platforms": list(new.platforms),
        **opening_of(connection, new.windows),
        "planned_rate": planned_rate,
    }
    created: UUID | None = connection.scalar(_CREATE, values)
    if created is not None:
        variants.create(connection, created, new.variants)
    return created


def _first_plan(connection: Connection, new: NewCampaign) -> float | None:
    return pacing.first_plan(
        connection,
        new.finish_by,
        requests=new.chunks,
        rate=min(filter(None, (new.rate, new.account_rate)), default=None),
        windows=new.windows,
        begin=new.send_at,
    )


_OF_PARTS = ("input", "variants", "dues", "refusal")


def find_by_key(connection: Connection, key: str, same: Callable[[str, int], bool]) -> UUID:
    """The campaign that a key stands for; CampaignExists where its content is another.

    `same` tells whether the content digest that was stored, with so many members, is that of the
    content at hand.
    """
    row = connection.execute(
        text("SELECT id, content_digest, members_total FROM campaign WHERE key = :key"),
        {"key": key},
    ).one()
    if not same(row.content_digest, row.members_total):
        raise CampaignExists(
            f"The key {key!r} already stands for campaign {row.id} with another app, message, "
            "tag, account, audience, variants or exclusions: use another key, or give the same "
            "content again."
        )
    found: UUID = row.id
    return found


def is_taken(connection: Connection, key: str) -> bool:
    """Whether the key stands for a campaign."""
    found = text("SELECT EXISTS (SELECT FROM campaign WHERE key = :key)")
    return bool(connection.scalar(found, {"key": key}))
