"""Campaigns, as they are made and as they are shown."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from math import inf
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from dispatcher.books import fence, pacing, throughput, variants
from dispatcher.books.holding import RATE, Held, held
from dispatcher.books.throughput import Throughput
from dispatcher.books.variants import NewVariant
from dispatcher.books.windows import opening_of
from dispatcher.comparison import difference
from dispatcher.errors import AmbiguousCampaign, CampaignExists, CampaignNotFound, DispatcherError
from dispatcher.lifecycle import SETTLED, CampaignState, ChunkState
from dispatcher.schedule import Due, Window


@dataclass(frozen=True, slots=True)
class Input:
    """What became of the rows that were read; `absent` counts cells with a word for nothing."""

    read: int
    invalid: int
    duplicates: int
    suppressed: int
    excluded: int = 0
    absent: int = 0


@dataclass(frozen=True, slots=True)
class Members:
    """The distinct members, by where their chunks stand; they always add up to the total."""

    total: int
    delivered: int
    uncounted: int
    rejected: int
    unresolved: int
    expired: int
    cancelled: int
    withheld: int
    remaining: int

    @property
    def failed(self) -> int:
        """Those of whom it is not known that the vendor took them."""
        return self.rejected + self.unresolved + self.expired + self.cancelled


@dataclass(frozen=True, slots=True)
class Remaining:
    """Those of the members who remain, by what is to come of them; together they are all of these.

    `pending` are still to be sent, `sending` are on the wire. Those `in_doubt` may have been sent:
    they are asked about.
    """

    pending: int
    sending: int
    in_doubt: int


@dataclass(frozen=True, slots=True)
class Result:
    """The vendor's own numbers, summed over the requests that it accepted."""

    audience: int
    successful: int
    erroneous: int


@dataclass(frozen=True, slots=True)
class Variant:
    """One of several texts, and what became of the members who get it."""

    name: str
    members: Members
    remaining: Remaining
    result: Result


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more of those found the vendor sent to, with one variant than with another.

    `difference`, and the `low` and `high` end of its interval of 95 % confidence, are of one for
    all; `words` say whether one is seen.
    """

    variant: str
    compared_with: str
    difference: float
    low: float
    high: float
    words: str


@dataclass(frozen=True, slots=True)
class Canary:
    """The members who went first, at random, and what was found about the rest by them.

    `state` is running, passed, failed, undecided or unmeasurable. Of its `measured` members the
    vendor told whether they could be sent to, or refused them; of these so many are `errors`.
    """

    members: int
    state: str
    measured: int
    errors: int
    max_error_rate: float


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks, by state."""

    total: int
    pending: int
    sending: int
    delivered: int
    uncounted: int
    rejected: int
    unresolved: int
    expired: int
    cancelled: int
    withheld: int


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How many chunks' latest attempt ended with this error; the network's have no numbers."""

    http_status: int | None
    code: int | None
    message: str
    chunks: int
    members: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign at one moment; its fields are the keys of `show --json`.

    `max_error_rate` is what its errors are tested against, None where they are not (any more). It
    `awaits_approval` where a second person has to approve it before anything is sent.
    """

    id: str
    key: str | None
    app_id: str
    campaign_tag: str | None
    platforms: tuple[str, ...]
    account: str
    state: str
    reason: str | None
    created_at: datetime
    send_at: datetime | None
    expires_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    rate: float | None
    window: tuple[str, ...]
    finish_by: datetime | None
    planned_rate: float | None
    max_error_rate: float | None
    canary: Canary | None
    input: Input
    members: Members
    remaining: Remaining
    result: Result
    chunks: Chunks
    errors: tuple[ErrorCount, ...]
    throughput: Throughput
    held: Held | None
    variants: tuple[Variant, ...]
    differences: tuple[Difference, ...]
    test: bool
    awaits_approval: bool

    @property
    def ended(self) -> bool:
        """Whether nothing of it will change any more, but for a proof that arrives late."""
        return self.finished_at is not None

    def as_json(self) -> dict[str, Any]:
        """The document of `show --json`; times are ISO 8601."""
        document = asdict(self)
        for name, value in document.items():
            if isinstance(value, datetime):
                document[name] = value.isoformat()
        document["held"] = self.held and self.held.as_json()
        return document


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
    if new.refusal is not None:
        if new.key is not None and is_taken(connection, new.key):
            return None
        raise new.refusal
    fence.begin(connection)
    connection.execute(_OPEN_ACCOUNT, {"account": new.account})
    values = {
        **{name: getattr(new, name) for name in NewCampaign.__slots__ if name not in _OF_PARTS},
        **asdict(new.input),
        "platforms": list(new.platforms),
        **opening_of(connection, new.windows),
        "planned_rate": pacing.first_plan(
            connection,
            new.finish_by,
            requests=new.chunks,
            rate=min(filter(None, (new.rate, new.account_rate)), default=None),
            windows=new.windows,
            begin=new.send_at,
        ),
    }
    created: UUID | None = connection.scalar(_CREATE, values)
    if created is not None:
        variants.create(connection, created, new.variants)
    return created


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


def just_ended(connection: Connection, campaign_ids: Sequence[UUID]) -> tuple[Campaign, ...]:
    """Those of these campaigns that ended within the last seconds."""
    moment = "finished_at > clock_timestamp() - interval '10 seconds'"
    return _read(connection, f"id = ANY(:of) AND {moment}", {"of": list(campaign_ids)})


def exists(connection: Connection, campaign_id: UUID) -> bool:
    """Whether the books hold this campaign."""
    found = text("SELECT EXISTS (SELECT FROM campaign WHERE id = :id)")
    return bool(connection.scalar(found, {"id": campaign_id}))


_ID = re.compile(r"[0-9a-f]{1,32}")


def resolve(connection: Connection, reference: str | UUID) -> UUID:
    """The campaign that an id, an unambiguous beginning of one, or `last` means, which is no test.

    Raises CampaignNotFound and AmbiguousCampaign.
    """
    if reference == "last":
        newest: UUID | None = connection.scalar(
            text("SELECT id FROM campaign WHERE NOT test ORDER BY created_at DESC LIMIT 1")
        )
        if newest is None:
            raise CampaignNotFound("There is no campaign yet.")
        return newest
    digits = str(reference).lower().replace("-", "")
    if not _ID.fullmatch(digits):
        raise CampaignNotFound(f"{str(reference)!r} is no campaign's id: see `dispatcher list`.")
    found = connection.scalars(
        text("SELECT id FROM campaign WHERE id BETWEEN :first AND :last LIMIT 2"),
        {"first": UUID(digits.ljust(32, "0")), "last": UUID(digits.ljust(32, "f"))},
    ).all()
    if not found:
        raise CampaignNotFound(f"No campaign has the id {reference}: see `dispatcher list`.")
    if len(found) > 1:
        raise AmbiguousCampaign(
            f"Several campaigns' ids begin with {reference}, {found[0]} among them: "
            "give more of it."
        )
    only: UUID = found[0]
    return only


def read(connection: Connection, campaign_id: UUID) -> Campaign:
    """The campaign as it stands; CampaignNotFound where there is none."""
    found = _read(connection, "id = :campaign_id", {"campaign_id": campaign_id})
    if not found:
        raise CampaignNotFound(f"No campaign has the id {campaign_id}: see `dispatcher list`.")
    return found[0]


def read_page(
    connection: Connection,
    *,
    state: CampaignState | None = None,
    tag: str | None = None,
    before: UUID | None = None,
    limit: int | None = None,
    tests: bool = False,
    key: str | None = None,
    app_id: str | None = None,
) -> tuple[Campaign, ...]:
    """The newest campaigns, or tests, `limit` at most: of one state, tag or app, before another.

    That with a key is the only one.
    """
    conditions = ["test" if tests else "NOT test"]
    if state is not None:
        conditions.append("state = :state")
    if tag is not None:
        conditions.append("campaign_tag = :tag")
    if key is not None:
        conditions.append("key = :key")
    if app_id is not None:
        conditions.append("app_id = :app_id")
    if before is not None:
        conditions.append(_MADE_BEFORE)
    values = {"state": state, "tag": tag, "key": key, "app_id": app_id}
    bounds = {"before": before, "limit": limit}
    return _read(connection, " AND ".join(conditions), values | bounds)


def message_of(connection: Connection, campaign_id: UUID) -> str:
    """The message's document, with all of its texts, as it was handed over."""
    found = text("SELECT message FROM campaign WHERE id = :id")
    document: str = connection.scalar(found, {"id": campaign_id})
    return document


def read_live(connection: Connection) -> tuple[Campaign, ...]:
    """The campaigns that have not ended, the newest first, without tests."""
    return _read(connection, "NOT test AND finished_at IS NULL", {})


_MADE_BEFORE = "(created_at, id) < (SELECT created_at, id FROM campaign WHERE id = :before)"
_ERRORS = text("""
SELECT campaign_id, http_status, code, min(replace(error, pack_id, '(pack_id)')) AS message,
       count(*) AS chunks, sum(size - withheld) AS members
FROM chunk
WHERE campaign_id = ANY(:ids) AND error IS NOT NULL
GROUP BY campaign_id, http_status, code, CASE WHEN http_status IS NULL THEN error END
ORDER BY members DESC
""")


def _read(
    connection: Connection, condition: str, values: Mapping[str, Any]
) -> tuple[Campaign, ...]:
    query = text(f"""
        SELECT *, clock_timestamp() AS now FROM campaign
        WHERE {condition} ORDER BY created_at DESC, id DESC LIMIT :limit
    """)
    rows = connection.execute(query, {"limit": None, **values}).all()
    ids = {"ids": [row.id for row in rows]}
    errors: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for error in connection.execute(_ERRORS, ids):
        errors[error.campaign_id].append(error)
    holds = held(connection, [row.id for row in rows if row.finished_at is None])
    texts = variants.read(connection, ids["ids"])
    throughputs = throughput.read(connection, rows, holds)
    return tuple(
        _snapshot(
            row,
            errors[row.id],
            throughputs[row.id],
            holds.get(row.id),
            texts[row.id],
        )
        for row in rows
    )


def _snapshot(
    row: Row[Any],
    errors: Iterable[Row[Any]],
    speed: Throughput,
    hold: Held | None,
    texts: Sequence[Row[Any]],
) -> Campaign:
    return Campaign(
        **{
            name: getattr(row, name)
            for name in Campaign.__slots__
            if name not in ("id", "platforms", "window", "planned_rate", "input", *_COMPUTED)
        },
        id=str(row.id),
        platforms=tuple(row.platforms),
        window=tuple(row.windows or ()),
        planned_rate=row.planned_rate and min(row.planned_rate, row.rate or inf),
        input=Input(**_numbers(row, "input", Input.__slots__)),
        members=_members(row),
        remaining=_remaining(row),
        result=_result(row),
        chunks=Chunks(**_numbers(row, "chunks", ("total", *ChunkState))),
        errors=tuple(
            ErrorCount(error.http_status, error.code, error.message, error.chunks, error.members)
            for error in errors
        ),
        throughput=speed,
        held=hold,
        max_error_rate=row.max_error_rate if row.guarded_since is not None else None,
        canary=_canary(row),
        variants=tuple(
            Variant(each.name, _members(each), _remaining(each), _result(each)) for each in texts
        ),
        differences=tuple(_differences(texts)),
    )


_COMPUTED = (
    *("members", "remaining", "result", "chunks", "errors", "throughput", "held"),
    *("variants", "differences", "canary", "max_error_rate"),
)


def _canary(row: Row[Any]) -> Canary | None:
    if row.canary_members is None:
        return None
    numbers = (row.canary_measured, row.canary_errors, row.max_error_rate)
    return Canary(row.canary_members, row.canary_state, *numbers)


def _differences(texts: Sequence[Row[Any]]) -> Iterator[Difference]:
    """Each variant of a split compared with the first: who gets which was left to chance."""
    for row in texts[1:]:
        first = texts[0]
        found = difference(
            *(row.result_successful, row.result_audience),
            *(first.result_successful, first.result_audience),
        )
        if row.share is not None and found is not None:
            words = "no difference seen" if found.holds_zero else "a difference is seen"
            numbers = (found.difference, found.low, found.high)
            yield Difference(row.name, first.name, *numbers, words)


def _members(row: Row[Any]) -> Members:
    return Members(**_numbers(row, "members", ("total", "remaining", *SETTLED)))


def _remaining(row: Row[Any]) -> Remaining:
    sending, in_doubt = row.members_sending, row.members_in_doubt
    return Remaining(row.members_remaining - sending - in_doubt, sending, in_doubt)


def _result(row: Row[Any]) -> Result:
    return Result(**_numbers(row, "result", Result.__slots__))


def _numbers(row: Row[Any], prefix: str, names: Iterable[str]) -> dict[str, int]:
    return {str(name): getattr(row, f"{prefix}_{name}") for name in names}


@dataclass(frozen=True, slots=True)
class Sendable:
    """What a worker needs of a running campaign, besides its chunks."""

    id: UUID
    app_id: str
    campaign_tag: str | None
    account: str
    message: str
    rate: float | None
    variants: tuple[tuple[str, str | None], ...] = ()

    def text(self, variant: int | None) -> tuple[str, str | None]:
        """The message that a chunk's members get, and its tag."""
        if variant is None:
            return self.message, self.campaign_tag
        return self.variants[variant - 1]


_SENDABLE = text(f"""
SELECT id, app_id, campaign_tag, account, message, {RATE} AS rate,
       ARRAY(SELECT ARRAY[variant.message, variant.campaign_tag] FROM variant
             WHERE campaign_id = campaign.id ORDER BY number) AS variants
FROM campaign WHERE id = :campaign_id AND state = 'running'
""")


def sendable(connection: Connection, campaign_id: UUID) -> Sendable | None:
    """The campaign's fixed part and its rate as it is now; None unless it is running."""
    row = connection.execute(_SENDABLE, {"campaign_id": campaign_id}).one_or_none()
    if row is None:
        return None
    fixed = {name: getattr(row, name) for name in Sendable.__slots__}
    return Sendable(**fixed | {"variants": tuple(map(tuple, row.variants))})
