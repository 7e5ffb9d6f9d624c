"""A campaign's timeline: what happened, what it waits for, and what a person can do."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from dispatcher.books import acts, approval, chunks, fleet, holding
from dispatcher.books.acts import Act
from dispatcher.books.guarding import Guard
from dispatcher.books.holding import Held, because
from dispatcher.lifecycle import RETRIABLE, CampaignState, ChunkState
from dispatcher.words import counted, requests_a_second


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, from `at` until `until`."""

    at: datetime
    until: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened to a campaign, what it waits for now, and what a person can do."""

    campaign: str
    state: str
    happened: tuple[Event, ...]
    waits_for: tuple[str, ...]
    remedies: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The document of `explain --json`; times are ISO 8601."""
        document = asdict(self)
        document["happened"] = [
            {"at": event.at.isoformat(), "until": event.until.isoformat(), "what": event.what}
            for event in self.happened
        ]
        return document


_FACTS = text(f"""
SELECT campaign.*, {approval.ORDERED} AS ordered_by,
       (SELECT count(*) FROM chunk WHERE campaign_id = campaign.id) AS stored,
       (SELECT count(*) FROM part
        WHERE campaign_id = campaign.id AND round = 1
          AND origin <> concat_ws('-', campaign_id, sequence, round)) AS cut_later,
       (SELECT json_agg(json_build_object('name', name, 'members', members_total) ORDER BY number)
        FROM variant WHERE campaign_id = campaign.id) AS variants
FROM campaign WHERE id = :campaign_id
""")
_ITS_VARIANT = """
LEFT JOIN variant ON variant.campaign_id = chunk.campaign_id AND variant.number = chunk.variant
"""
_ATTEMPTS = text(f"""
SELECT outcome, attempt.http_status, attempt.code,
       min(replace(attempt.error, pack_id, '(pack_id)')) AS error,
       count(*) AS attempts, count(DISTINCT sequence) AS chunks,
       min(ended_at) AS first, max(ended_at) AS last, variant.name AS variant
FROM attempt JOIN chunk USING (campaign_id, sequence)
{_ITS_VARIANT}
WHERE chunk.campaign_id = :campaign_id
GROUP BY outcome, attempt.http_status, attempt.code, variant.name
""")
_TOO_LATE = text(f"""
SELECT was_divided, count(DISTINCT sequence) AS chunks, sum(size - withheld) AS members,
       min(ended_at) AS first, max(ended_at) AS last, variant.name AS variant
FROM attempt JOIN chunk USING (campaign_id, sequence)
{_ITS_VARIANT}
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM part
                   WHERE part.campaign_id = attempt.campaign_id
                     AND part.sequence = attempt.sequence AND part.round = attempt.round + 1
                     AND origin <> concat_ws('-', campaign_id, sequence, part.round))
        AS was_divided) AS divided
WHERE chunk.campaign_id = :campaign_id AND outcome = 'accepted' AND attempt.round < chunk.round
GROUP BY was_divided, variant.name
""")
_UNRESOLVED = text(f"""
SELECT count(*) AS chunks, sum(size - withheld) AS members, min(settled_at) AS first,
       max(settled_at) AS last, variant.name AS variant
FROM chunk {_ITS_VARIANT}
WHERE chunk.campaign_id = :campaign_id AND state = 'unresolved'
GROUP BY variant.name
""")
# Nothing tells when somebody was forgotten: it may have been at any time from the beginning on.
_WITHHELD = text(f"""
SELECT count(*) AS chunks, sum(withheld) AS members,
       min(coalesce(claimed_at, settled_at, created_at)) AS first,
       max(coalesce(claimed_at, settled_at, created_at)) AS last, variant.name AS variant
FROM chunk JOIN campaign ON campaign.id = chunk.campaign_id {_ITS_VARIANT}
WHERE chunk.campaign_id = :campaign_id AND withheld > 0
GROUP BY variant.name
""")
_CANARY = text("""
SELECT canary_members AS members, canary_state AS state, canary_measured AS measured,
       canary_errors AS errors, ended.first, ended.last
FROM campaign CROSS JOIN LATERAL (
    SELECT min(settled_at) AS first, max(settled_at) AS last FROM chunk
    WHERE campaign_id = campaign.id AND canary) AS ended
WHERE id = :campaign_id AND canary_members IS NOT NULL AND ended.first IS NOT NULL
""")
_ISOLATED = text("""
SELECT count(DISTINCT origin) AS chunks, count(*) FILTER (WHERE culprit) AS culprits,
       coalesce(sum(requests) FILTER (
           WHERE origin <> concat_ws('-', campaign_id, sequence, round)), 0) AS requests,
       min(first) AS first, max(last) AS last
FROM part CROSS JOIN LATERAL (
    SELECT count(*) AS requests, min(ended_at) AS first, max(ended_at) AS last FROM attempt
    WHERE attempt.campaign_id = part.campaign_id AND attempt.sequence = part.sequence
      AND attempt.round = part.round AND outcome NOT IN ('not_sent', 'withheld')) AS made
WHERE campaign_id = :campaign_id
""")
_WAITING = text("""
SELECT count(*) FILTER (WHERE state = 'sending') AS sending,
       count(*) FILTER (WHERE state = 'pending') AS pending,
       count(*) FILTER (WHERE published_at IS NOT NULL) AS published,
       count(*) FILTER (WHERE state = 'pending' AND in_doubt_since IS NOT NULL) AS in_doubt,
       min(in_doubt_since) FILTER (WHERE state = 'pending') + :window AS first_window,
       count(*) FILTER (WHERE state = 'pending' AND due_at > clock_timestamp() AND attempt > 0)
           AS backing_off,
       min(due_at) FILTER (WHERE state = 'pending' AND due_at > clock_timestamp() AND attempt > 0)
           AS next_due
FROM chunk WHERE campaign_id = :campaign_id AND state IN ('pending', 'sending')
""")


def explain(connection: Connection, campaign_id: UUID, window: timedelta) -> Explanation:
    """The campaign's timeline, from the attempt log and the present state.

    `window` is the usable part of the vendor's window.
    """
    facts = connection.execute(_FACTS, {"campaign_id": campaign_id}).one()
    attempts = connection.execute(_ATTEMPTS, {"campaign_id": campaign_id}).all()
    waiting = connection.execute(_WAITING, {"campaign_id": campaign_id, "window": window}).one()
    unresolved = connection.execute(_UNRESOLVED, {"campaign_id": campaign_id}).all()
    too_late = connection.execute(_TOO_LATE, {"campaign_id": campaign_id}).all()
    withheld = connection.execute(_WITHHELD, {"campaign_id": campaign_id}).all()
    noted = acts.read(connection, campaign_id, None)
    canary = connection.execute(_CANARY, {"campaign_id": campaign_id}).one_or_none()
    isolated = connection.execute(_ISOLATED, {"campaign_id": campaign_id}).one()
    held = holding.held(connection, [campaign_id]).get(campaign_id)
    silences = fleet.silences(connection)
    happened = [
        *_milestones(facts, noted),
        *_noted(noted),
        *map(_attempted, attempts),
        *map(_given_up, unresolved),
        *map(_accepted_too_late, too_late),
        *map(_withheld, withheld),
        *([] if canary is None else [_canary(canary)]),
        *_isolated(isolated),
    ]
    return Explanation(
        campaign=str(campaign_id),
        state=facts.state,
        happened=tuple(sorted(happened, key=lambda event: event.at)),
        waits_for=tuple(_waits_for(facts, waiting, held, silences)),
        remedies=tuple(_remedies(facts, held)),
    )


def _milestones(facts: Row[Any], noted: Sequence[Act]) -> Iterator[Event]:
    by = "".join(f" by {act.actor}" for act in noted if act.verb == "send")
    yield Event(
        facts.created_at,
        facts.created_at,
        f"committed{by} with {counted(facts.members_total, 'member')} in "
        f"{counted(facts.chunks_total - facts.cut_later, 'chunk')}{_by_variant(facts)}",
    )
    if facts.stored < facts.chunks_total:
        what = (
            f"it does not add up: {facts.stored:,} of its "
            f"{counted(facts.chunks_total, 'chunk')} are stored, and the others can never be sent"
        )
        yield Event(facts.created_at, facts.created_at, what)
    if facts.started_at is not None:
        yield Event(facts.started_at, facts.started_at, "began")
    if facts.finished_at is not None:
        yield Event(facts.finished_at, facts.finished_at, f"ended, {facts.state}")


_MILESTONES = frozenset({"send", "start", "complete"})
"""What the campaign's row tells as well."""
_DONE = {
    "pause": "paused",
    "resume": "resumed",
    "cancel": "cancelled",
    "expire": "expired",
    "retry": "ordered to be sent again",
    "purge": "audience dropped",
    "forget": "somebody forgotten",
    "canary": "canary decided",
    "approve": "approved",
}
"""What a person reads for a verb; others are changes of what they are named after."""


def _noted(noted: Sequence[Act]) -> Iterator[Event]:
    for act in noted:
        if act.verb not in _MILESTONES:
            done = _DONE.get(act.verb, f"{act.verb} changed")
            what = f"{done} by {act.actor}" + (f" ({act.changes})" if act.changes else "")
            yield Event(act.at, act.at, what)


def _by_variant(facts: Row[Any]) -> str:
    variants = facts.variants or ()
    dealt = ", ".join(f"{variant['members']:,} get {variant['name']}" for variant in variants)
    return f": {dealt}" if dealt else ""


def _attempted(row: Row[Any]) -> Event:
    outcome = chunks.told(row.outcome, row.http_status, row.code, row.error)
    what = f"{counted(row.attempts, 'attempt')} at {counted(row.chunks, 'chunk')} {_of(row)}"
    return Event(row.first, row.last, what + outcome)


def _of(row: Row[Any]) -> str:
    return "" if row.variant is None else f"of {row.variant} "


def _given_up(unresolved: Row[Any]) -> Event:
    what = (
        f"{_members_in_chunks(unresolved)} became unresolved: they may have been sent, and whether "
        "they were can no longer be asked safely"
    )
    return Event(unresolved.first, unresolved.last, what)


def _accepted_too_late(late: Row[Any]) -> Event:
    what = (
        f"{_members_in_chunks(late)} turned out to have been accepted after they were ordered to "
        "be sent again: they may get it twice"
    )
    if late.was_divided:
        what = (
            f"{counted(late.chunks, 'chunk')} {_of(late)}turned out to have been accepted after "
            "being divided for a refusal: nothing more is sent of it, and whoever got a part of it "
            "since may have got it twice"
        )
    return Event(late.first, late.last, what)


def _withheld(withheld: Row[Any]) -> Event:
    what = (
        f"{_members_in_chunks(withheld)} {'was' if withheld.members == 1 else 'were'} withheld: on "
        "the standing list by the time that their chunk was first to be sent, or forgotten"
    )
    return Event(withheld.first, withheld.last, what)


def _members_in_chunks(row: Row[Any]) -> str:
    of = "" if row.variant is None else f" of {row.variant}"
    return f"{counted(row.members, 'member')} in {counted(row.chunks, 'chunk')}{of}"


def _canary(row: Row[Any]) -> Event:
    is_what = "is running" if row.state == "running" else row.state
    what = (
        f"its canary of {counted(row.members, 'member')} {is_what}: {row.errors:,} of "
        f"{row.measured:,} measured ones are errors"
    )
    return Event(row.first, row.last, what)


def _were(count: int, noun: str) -> str:
    return f"{counted(count, noun)} {'was' if count == 1 else 'were'}"


def _isolated(isolated: Row[Any]) -> Iterator[Event]:
    if isolated.chunks:
        what = (
            f"{_were(isolated.chunks, 'chunk')} looked through for users whose value alone the "
            f"vendor refuses: {_were(isolated.culprits, 'member')} found, with "
            f"{counted(isolated.requests, 'further request')}"
        )
        yield Event(isolated.first, isolated.last, what)


def _waits_for(
    facts: Row[Any], waiting: Row[Any], held: Held | None, silences: dict[str, str]
) -> Iterator[str]:
    if held is not None:
        yield _held_words(facts, held)
    if facts.state == CampaignState.RUNNING:
        yield from _running_waits_for(facts, waiting)
        yield from (
            f"worker {name}, which takes no message: {why}" for name, why in silences.items()
        )
    if waiting.sending:
        yield f"{counted(waiting.sending, 'request')} on the wire"
    if waiting.pending and facts.state in (CampaignState.CANCELLED, CampaignState.EXPIRED):
        yield (
            f"a worker's sweep: {counted(waiting.pending, 'chunk')} that will not be sent are yet "
            "to be settled"
        )
    if waiting.in_doubt:
        yield (
            f"answers about {counted(waiting.in_doubt, 'chunk')} that may have been sent; "
            f"the first window closes at {waiting.first_window.isoformat()}"
        )


def _held_words(facts: Row[Any], held: Held) -> str:
    until = "" if held.until is None else f" until {held.until.isoformat()}"
    match held.by:
        case "schedule":
            return f"its time{until}: {held.words}" if facts.started_at else f"its time{until}"
        case "paused" if facts.awaits_approval:
            return held.words.removeprefix("It waits for ").rstrip(".")
        case "paused":
            return f"`dispatcher resume`: {held.words[0].lower()}{held.words[1:].rstrip('.')}"
        case "workers":
            return "a worker: none is alive" if held.reason is None else "a worker that hears"
        case "window":
            return f"its window{until}: {', '.join(facts.windows)}"
        case "account" | "doubt":
            return f"account {facts.account}, which rests{until}{because(held.reason)}"
        case _:
            return f"{held.by}{until}: {held.words}"


def _running_waits_for(facts: Row[Any], waiting: Row[Any]) -> Iterator[str]:
    if waiting.backing_off:
        yield (
            f"the next attempt at {counted(waiting.backing_off, 'chunk')}, the first at "
            f"{waiting.next_due.isoformat()}"
        )
    if facts.rate is not None:
        yield f"its rate, {requests_a_second(facts.rate)}"


def _remedies(facts: Row[Any], held: Held | None) -> Iterator[str]:
    campaign = str(facts.id)[:8]
    if held is not None and held.by == "workers":
        yield "start a worker: `celery -A workers worker`"
    if facts.stored < facts.chunks_total and facts.finished_at is None:
        yield f"`dispatcher cancel {campaign}` ends it, with those who are missing as cancelled"
    if held is not None and held.by in ("account", "doubt"):
        yield f"`dispatcher account resume {facts.account}` tries at once"
    if facts.awaits_approval and facts.state == CampaignState.PAUSED:
        yield f"`dispatcher approve {campaign}`, by somebody else than {facts.ordered_by}"
        yield f"`dispatcher cancel {campaign}` ends it"
    elif Guard.of(facts).is_stopped and facts.state == CampaignState.PAUSED:
        yield f"`dispatcher canary {campaign} accept` goes on"
        yield f"`dispatcher cancel {campaign}` ends it"
    elif facts.state == CampaignState.PAUSED:
        mend = "mend the reason, then " if facts.reason else ""
        yield f"{mend}`dispatcher resume {campaign}`"
    for state in sorted(RETRIABLE):
        members = getattr(facts, f"members_{state}")
        if members:
            yield f"{counted(members, f'{state} member')}: {_remedy(facts, campaign, state)}"


def _remedy(facts: Row[Any], campaign: str, state: str) -> str:
    if facts.purged_to:
        return "who they are is no longer kept, so nothing can be done"
    listed = f"`dispatcher failures {campaign}` lists them"
    again = f", `dispatcher retry {campaign} --only {state}` sends to them again"
    if state == ChunkState.UNRESOLVED:
        again += ", and may reach some a second time"
    return listed + ("" if facts.state == CampaignState.CANCELLED else again)
