"""Dry runs: the road of `enqueue` up to the campaign's own row, which is taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dispatcher import request
from dispatcher.books import approval, campaigns, pacing
from dispatcher.books.campaigns import Campaign, Input
from dispatcher.books.making import NewCampaign
from dispatcher.books.session import trial
from dispatcher.contents import Content
from dispatcher.forks import not_while_forking
from dispatcher.verbs import excluding, standing
from dispatcher.verbs.connections import Connections
from dispatcher.verbs.enqueuing import create_or_find
from dispatcher.verbs.ordering import Order

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dispatcher.audience import Prepared, Progress

SAMPLES = 10
"""Rows that are shown of each kind that is left out."""

_LONGEST_ROW = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """A row that is left out: where it stands in the audience, and why, or who it is.

    `row` is what the file says there, of an invalid one.
    """

    place: str
    words: str
    row: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class VariantMembers:
    """One of several texts, and how many members would get it."""

    name: str
    members: int


@dataclass(frozen=True, slots=True)
class ZoneMembers:
    """A zone, how many members have it, and when it is their time."""

    name: str
    members: int
    at: str


@dataclass(frozen=True, slots=True)
class CanaryMembers:
    """How many members would go first, and in how many requests."""

    members: int
    requests: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a campaign would be; its fields but `total` are the keys of `send --dry-run --json`.

    `largest_request_bytes` counts the token where this machine has it. `seconds_at_rate` is None
    where nothing limits the rate. `awaits_approval` where a second person has to approve it.
    `identifiers` counts the members who have each. `samples` are the
    first rows of each kind that is left out.
    """

    input: Input
    total: int
    requests: int
    largest_request_bytes: int
    seconds_at_rate: float | None
    identifiers: dict[str, int]
    variants: tuple[VariantMembers, ...]
    zones: tuple[ZoneMembers, ...]
    canary: CanaryMembers | None
    awaits_approval: bool
    samples: dict[str, tuple[Sample, ...]]
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The document of `send --dry-run --json`."""
        document = asdict(self)
        members = {"total": document.pop("total")}
        return {"dry_run": True, "input": document.pop("input"), "members": members, **document}


def rehearse(
    connections: Connections, order: Order, progress: Callable[[Progress], None] | None
) -> Rehearsal:
    """Do all that making the campaign takes but to store it; nothing stays anywhere."""
    with not_while_forking():
        from dispatcher.books.schema import check_schema

    check_schema(connections.engine)
    frozen = excluding.frozen(connections, order)
    look = standing.look(connections, None, order.app_id)
    with order.prepared(look, progress, frozen, samples=SAMPLES) as prepared:
        new, content = order.campaign(prepared, look), order.content(look)
        largest = max(_sizes(order, new, prepared), default=0)
        with trial(connections.engine) as connection:
            made, warnings = _made(connection, content, new, prepared)
            is_new = made.id == str(new.id)
            waiting = is_new and _awaits_approval(connection, connections, new)
            if waiting:
                warnings.append(_to_be_approved(connections))
            rate = pacing.allowed(connection, made.planned_rate or made.rate or order.settings.rate)
        return Rehearsal(
            input=new.input,
            total=new.members,
            requests=new.chunks,
            largest_request_bytes=largest,
            seconds_at_rate=None if rate is None else round(new.chunks / rate, 1),
            identifiers=prepared.held(),
            variants=tuple(VariantMembers(each.name, each.members) for each in new.variants),
            zones=_zones(new, prepared),
            canary=_canary(new, prepared),
            awaits_approval=waiting,
            samples=_samples(prepared),
            warnings=(*order.message.warnings, *prepared.notes, *warnings),
        )


def _made(
    connection: Connection, content: Content, new: NewCampaign, prepared: Prepared
) -> tuple[Campaign, list[str]]:
    """The campaign as it would be, or is; and what its author should know of it."""
    made = campaigns.read(connection, create_or_find(connection, new, content, prepared))
    if made.id != str(new.id):
        return made, [
            f"The key {new.key!r} stands for this campaign already, {made.id} "
            f"({made.state}): nothing would be sent anew."
        ]
    told = made.held is not None and made.held.by not in ("schedule", "canary")
    return made, [made.held.words] if made.held is not None and told else []


def _awaits_approval(connection: Connection, connections: Connections, new: NewCampaign) -> bool:
    most = connections.settings.approval_members
    return most is not None and (
        approval.unapproved_members(connection, new.id, connections.actor) > most
    )


def _to_be_approved(connections: Connections) -> str:
    most = connections.settings.approval_members
    return (
        "It will wait for the approval of a second person, who is somebody else than "
        f"{connections.actor.name}: so does whatever takes one person above {most:,} members a day."
    )


def _sizes(order: Order, new: NewCampaign, prepared: Prepared) -> Iterator[int]:
    """The bytes of each request's body."""
    token = order.settings.tokens.get(new.account)
    texts = [(each.campaign_tag, each.message) for each in new.variants]
    heads = [
        request.head(token.reveal() if token else "", new.app_id, tag, text)
        for tag, text in texts or [(new.campaign_tag, new.message)]
    ]
    for sequence, pack in enumerate(prepared.packs(), 1):
        head = heads[(pack.variant or 1) - 1]
        yield len(request.body(head, f"{new.id}-{sequence}-1", pack.members.decode()))


def _canary(new: NewCampaign, prepared: Prepared) -> CanaryMembers | None:
    return None if new.canary is None else CanaryMembers(new.canary, prepared.canary_chunks)


def _zones(new: NewCampaign, prepared: Prepared) -> tuple[ZoneMembers, ...]:
    """The zones in the order of their times, as far as these are known."""
    if not new.dues:
        return ()
    found = ((new.dues[name.lower()].at, name, count) for name, count in prepared.zones.items())
    return tuple(ZoneMembers(name, count, at.isoformat()) for at, name, count in sorted(found))


def _samples(prepared: Prepared) -> dict[str, tuple[Sample, ...]]:
    """The first rows of each kind that is left out, by the kinds' names in `input`."""
    with not_while_forking():
        from dispatcher.audience import Reason

    invalid = (
        Sample(each.place, each.reason, each.text[:_LONGEST_ROW]) for each in prepared.first_invalid
    )
    samples = {"invalid": tuple(invalid)}
    for kind, *reasons in (
        ("duplicates", Reason.REPEATED),
        ("suppressed", Reason.SUPPRESSED, Reason.STANDING),
        ("excluded", Reason.EXCLUDED),
    ):
        found = (row for each in reasons for row in prepared.first_left_out(each, SAMPLES))
        rows = sorted(found)[:SAMPLES]
        samples[kind] = tuple(Sample(f"row {number}", member) for number, member in rows)
    return samples
