"""What a worker has to tell of its attempts, and of campaigns that end, for traces."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import Engine

from dispatcher.books import acts, campaigns
from dispatcher.books.campaigns import Campaign
from dispatcher.books.session import transaction
from dispatcher.books.transitions import Report
from dispatcher.lifecycle import Accepted, name_of
from dispatcher.tracing import Attempt, Run, Tracer
from workers.watchdog import clock

_MOST_ACTS = 100
_OK = 200


def traced(report: Report, asked_at: float, claimed_at: float) -> Attempt:
    """An attempt that is answered now; its chunk was asked for and claimed then, on `clock()`."""
    claim, outcome = report.claim, report.outcome
    offset = time.time() - clock()
    reason = None if isinstance(outcome, Accepted) else outcome.reason
    return Attempt(
        campaign=claim.campaign_id,
        chunk=claim.sequence,
        number=claim.attempt,
        outcome=name_of(outcome),
        state=report.decision.state,
        http_status=_OK if reason is None else reason.http_status,
        code=None if reason is None else reason.code,
        asked=asked_at + offset,
        claimed=claimed_at + offset,
        answered=time.time(),
    )


def tell_of_the_ended(engine: Engine, tracer: Tracer, campaign_ids: Sequence[UUID]) -> None:
    """Tell the traces of those campaigns among these that have ended."""
    if not tracer.tells:
        return
    with transaction(engine) as connection:
        ended = campaigns.just_ended(connection, campaign_ids)
        done = [(each, acts.read(connection, UUID(each.id), _MOST_ACTS)) for each in ended]
    for campaign, noted in done:
        tracer.ran(_run(campaign, noted))


def _run(campaign: Campaign, noted: Sequence[acts.Act]) -> Run:
    assert campaign.finished_at is not None
    return Run(
        campaign=UUID(campaign.id),
        state=campaign.state,
        members={name: count for name, count in asdict(campaign.members).items() if count},
        began=campaign.started_at or campaign.created_at,
        ended=campaign.finished_at,
        acts=[(act.at, act.verb) for act in reversed(noted)],
    )
