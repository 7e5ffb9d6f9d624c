"""Campaigns, as they are shown: found, read, and as one document."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import inf
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from dispatcher.books import reasons, throughput, variants
from dispatcher.books.holding import Held, held
from dispatcher.books.reasons import ErrorCount
from dispatcher.books.throughput import Throughput
from dispatcher.comparison import difference
from dispatcher.errors import AmbiguousCampaign, CampaignNotFound
from dispatcher.lifecycle import SETTLED, CampaignState, ChunkState


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
    errors: tuple[ErrorCount, ...]


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

    def by_variant(self, error: ErrorCount) -> tuple[tuple[str, ErrorCount], ...]:
        """The chunks of an error by the name of their variant, where there are several."""
        return tuple(
            (variant.name, each)
            for variant in self.variants
            for each in variant.errors
            if each.is_like(error)
        )

    def as_json(self) -> dict[str, Any]:
        """The document of `show --json`; times are ISO 8601."""
        document = asdict(self)
        for name, value in document.items():
            if isinstance(value, datetime):
                document[name] = value.isoformat()
        document["held"] = self.held and self.held.as_json()
        return document


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


def _read(
    connection: Connection, condition: str, values: Mapping[str, Any]
) -> tuple[Campaign, ...]:
    query = text(f"""
        SELECT *, clock_timestamp() AS now FROM campaign
        WHERE {condition} ORDER BY created_at DESC, id DESC LIMIT :limit
    """)
    rows = connection.execute(query, {"limit": None, **values}).all()
    ids = [row.id for row in rows]
    errors = reasons.read(connection, ids)
    holds = held(connection, [row.id for row in rows if row.finished_at is None])
    texts = variants.read(connection, ids)
    throughputs = throughput.read(connection, rows, holds)
    return tuple(
        _snapshot(
            row,
            errors.get(row.id, {}),
            throughputs[row.id],
            holds.get(row.id),
            texts[row.id],
        )
        for row in rows
    )


def _snapshot(
    row: Row[Any],
    errors: reasons.Counted,
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
        errors=tuple(errors.get(None, ())),
        throughput=speed,
        held=hold,
        max_error_rate=row.max_error_rate if row.guarded_since is not None else None,
        canary=_canary(row),
        variants=tuple(
            Variant(
                *(each.name, _members(each), _remaining(each), _result(each)),
                errors=tuple(errors.get(each.number, ())),
            )
            for each in texts
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
