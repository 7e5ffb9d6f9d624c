"""What keeps a campaign from being sent, said once: in SQL for who sends, in words for who waits.

The conditions name the tables `campaign` and `account`. Claims, publishing, `explain`, `show` and
`doctor` read them here; what is to hold a chunk back besides belongs here as well.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from dispatcher.books import approval, doubt, fleet, guarding
from dispatcher.books.guarding import Guard
from dispatcher.lifecycle import FAILURES_BEFORE_HOLD, MOST_DOUBTS, CampaignState
from dispatcher.schedule import moment_of, zone_named
from dispatcher.words import requests_a_second

UNREACHABLE = "the Push API cannot be reached"
"""Why an account rests that no attempt could be sent for."""
IN_DOUBT = "the Push API does not say what becomes of requests"
"""Why an account rests of which one attempt after the other may have been sent."""
ASKED = "the Push API asked to wait"
"""Why an account rests that the vendor throttles."""

CAMPAIGN_RUNS = """
(campaign.state = 'running' AND campaign.finished_at IS NULL
 AND (campaign.expires_at IS NULL OR campaign.expires_at > clock_timestamp()))
"""
ACCOUNT_IS_FREE = "(account.hold_until IS NULL OR account.hold_until <= clock_timestamp())"
AWAITS_A_PROBE = f"""
(account.doubts >= {MOST_DOUBTS} AND account.fresh_from > clock_timestamp()
 AND NOT {doubt.waits("account.name")})
"""
"""Whether an account in doubt has nothing left to ask about, and may not begin a clean chunk."""
HAS_ZONES_WINDOWS = "(campaign.windows IS NOT NULL AND campaign.opens_at IS NULL)"
"""Whether its windows are on its members' own clocks: each chunk has its opening."""
BY_ZONE = f"(campaign.wall_time IS NOT NULL OR {HAS_ZONES_WINDOWS})"
"""Whether chunks are due by their members' own clocks."""
NOT_FENCED = "(SELECT raised_at IS NULL FROM fence)"
"""Whether the books are those that workers have sent from, and no older copy."""
RATE = "least(campaign.rate, campaign.planned_rate)"
"""The requests a second that a campaign may make: what it is told, and what ends it in time."""
IN_WINDOW = """
(campaign.opens_at IS NULL
 OR clock_timestamp() >= campaign.opens_at AND clock_timestamp() < campaign.closes_at)
"""
"""Whether fresh chunks may begin; what is in doubt is asked about whatever the clock shows."""
IN_ITS_ZONE_S_WINDOW = "(chunk.closes_at IS NULL OR chunk.closes_at > clock_timestamp())"
"""The same of a fresh chunk whose members' zone has openings of its own: it is due at the next."""
REST_MAY_BEGIN = "NOT campaign.awaits_verdict"
"""Whether more than its canary may begin; what is in doubt is asked about all the same."""
MAY_BEGIN = f"({IN_WINDOW} AND {IN_ITS_ZONE_S_WINDOW} AND (chunk.canary OR {REST_MAY_BEGIN}))"
"""Whether this fresh chunk may begin, where its campaign may be sent anything of."""
RESTED_LATELY = """
coalesce(account.throttled_until > statement_timestamp() - interval '30 s', false)
"""
"""Whether its API asked the account to wait a short while ago: it is not asked for much at once."""
MAY_GO_ON = f"({IN_WINDOW} AND {REST_MAY_BEGIN} AND {RATE} IS NULL AND NOT {RESTED_LATELY})"
"""Whether slots may take one fresh chunk after another: no chunk has to wait for its own moment."""
MAY_SEND = f"({NOT_FENCED} AND {CAMPAIGN_RUNS} AND {ACCOUNT_IS_FREE} AND NOT {AWAITS_A_PROBE})"
"""Whether a campaign may be sent anything of; each chunk has its own time and window besides."""
UNTROUBLED = f"({ACCOUNT_IS_FREE} AND account.failures = 0 AND account.doubts = 0)"
"""Whether the account's API works, as far as is known."""
OVERDUE = timedelta(seconds=15)
# With a rate a campaign may wait for as many places as others share it, at most all, and two.
_LONG = f"""
greatest(make_interval(secs => {OVERDUE.total_seconds()}), make_interval(secs => coalesce(
    (2 + (SELECT count(*) FROM campaign AS other
          WHERE other.state = 'running' AND other.finished_at IS NULL))
    / least({RATE}, {fleet.RATE}), 0)))
"""
FRESH = "(state = 'pending' AND in_doubt_since IS NULL AND published_at IS NULL)"
"""Whether a chunk is neither in doubt nor named by a message, in the words of an index."""
# The first in the order of an index each: of a campaign that stands still, most chunks are what is
# looked for, and the planner would read them one after another until it finds none.
_FIRST_DUE = f"""
least((SELECT due_at FROM chunk WHERE campaign_id = campaign.id AND {FRESH}
         AND {IN_WINDOW} AND {IN_ITS_ZONE_S_WINDOW} AND {REST_MAY_BEGIN}
       ORDER BY due_at, sequence LIMIT 1),
      (SELECT due_at FROM chunk WHERE campaign_id = campaign.id AND {FRESH} AND canary
         AND {IN_WINDOW} AND {IN_ITS_ZONE_S_WINDOW}
       ORDER BY due_at, sequence LIMIT 1),
      (SELECT min(due_at) FROM chunk
       WHERE campaign_id = campaign.id AND state = 'pending' AND in_doubt_since IS NOT NULL))
"""
_LAST_ENDED = """
(SELECT ended_at FROM attempt WHERE campaign_id = campaign.id ORDER BY ended_at DESC LIMIT 1)
"""
IS_OVERDUE = f"""
({MAY_SEND} AND campaign.resumed_at < now() - {_LONG}
 AND (EXISTS (SELECT FROM chunk WHERE campaign_id = campaign.id AND chunk.state = 'sending'
                AND lease_until < now() - make_interval(secs => {OVERDUE.total_seconds()}))
      OR {UNTROUBLED}
         AND NOT EXISTS (SELECT FROM chunk WHERE campaign_id = campaign.id
                           AND (published_at IS NOT NULL OR chunk.state = 'sending'))
         AND coalesce({_LAST_ENDED} <= now() - {_LONG}, true)
         AND {_FIRST_DUE} < now() - make_interval(secs => {OVERDUE.total_seconds()})))
"""
"""Whether workers should have gone on with a campaign long ago, and have not."""


@dataclass(frozen=True, slots=True)
class Held:
    """What keeps a campaign from going on, until when if that is known, and a sentence about it.

    `by` is one of window, rate, account, canary, paused, schedule, workers, broker, database and
    doubt; `reason` is why an account rests or a campaign has paused itself.
    """

    by: str
    until: datetime | None
    words: str
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The value of `held` in `show --json`."""
        until = self.until and self.until.isoformat()
        return {"by": self.by, "until": until, "words": self.words}


_FACTS = text(f"""
SELECT campaign.id, campaign.state, campaign.reason, campaign.send_at, campaign.account,
    account.hold_until, account.hold_reason, account.fresh_from, account.failures, account.doubts,
    NOT {ACCOUNT_IS_FREE} AS is_on_hold, {AWAITS_A_PROBE} AS awaits_a_probe,
    (SELECT reason FROM fence) AS fenced, clock_timestamp() AS now, {fleet.LIVE_SLOTS} AS slots,
    {fleet.SILENCE} AS silence, campaign.windows, campaign.opens_at,
    NOT {IN_WINDOW} AND EXISTS (
        SELECT FROM chunk
        WHERE campaign_id = campaign.id AND chunk.state = 'pending' AND in_doubt_since IS NULL)
        AS awaits_its_window,
    campaign.wall_time, zones.due_at AS next_zone_at, zones.zone AS next_zone,
    zones.due_at > clock_timestamp()
        AND NOT EXISTS (SELECT FROM chunk WHERE campaign_id = campaign.id AND state = 'sending')
        AND NOT EXISTS (
            SELECT FROM chunk WHERE campaign_id = campaign.id AND published_at IS NOT NULL)
        AS awaits_a_zone,
    pause.actor AS paused_by, pause.at AS paused_at,
    campaign.awaits_approval,
    CASE WHEN campaign.awaits_approval THEN {approval.ORDERED} END AS ordered_by,
    {", ".join(f"campaign.{name}" for name in guarding.COLUMNS)},
    {IS_OVERDUE} AS is_overdue,
    campaign.finish_by, campaign.planned_rate, pace.allowed, pace.rate, pace.next_at,
    pace.next_at > clock_timestamp()
        AND NOT EXISTS (SELECT FROM chunk WHERE campaign_id = campaign.id AND state = 'sending')
        AS awaits_its_place
FROM campaign JOIN account ON account.name = campaign.account
LEFT JOIN LATERAL (
    SELECT due_at, zone FROM chunk
    WHERE campaign_id = campaign.id AND {BY_ZONE}
      AND {FRESH}
    ORDER BY due_at, sequence LIMIT 1) AS zones ON true
CROSS JOIN LATERAL (
    SELECT least({RATE}, {fleet.RATE}) AS rate, least(campaign.rate, {fleet.RATE}) AS allowed,
        (SELECT max(started_at) + make_interval(secs => 1 / least({RATE}, {fleet.RATE}))
         FROM (SELECT started_at FROM attempt WHERE campaign_id = campaign.id
               ORDER BY ended_at DESC LIMIT 16) AS latest) AS next_at) AS pace
LEFT JOIN LATERAL (
    SELECT actor, at FROM act
    WHERE campaign_id = campaign.id AND campaign.state = 'paused' AND verb = 'pause'
    ORDER BY id DESC LIMIT 1) AS pause ON true
WHERE campaign.id = ANY(:ids) AND campaign.finished_at IS NULL
""")


def held(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Held]:
    """What holds each of these campaigns; those that nothing holds are not among them."""
    if not ids:
        return {}
    rows = connection.execute(_FACTS, {"ids": list(ids)})
    found = {row.id: _held(row) for row in rows}
    return {campaign_id: held for campaign_id, held in found.items() if held is not None}


def _held(facts: Row[Any]) -> Held | None:
    match CampaignState(facts.state):
        case CampaignState.PAUSED:
            if facts.awaits_approval:
                return Held("paused", None, approval.words(facts), facts.reason)
            if (guard := Guard.of(facts)).is_stopped:
                return Held("canary", None, guard.words, facts.reason)
            words = f"It is paused{_by_whom(facts)}{because(facts.reason)}."
            return Held("paused", None, words, facts.reason)
        case CampaignState.SCHEDULED:
            return Held("schedule", facts.send_at, "Its time has not come.")
        case CampaignState.RUNNING:
            return _running_held(facts)
        case _:
            return None


def _running_held(facts: Row[Any]) -> Held | None:
    if facts.fenced:
        words = (
            f"Its books were put back{because(facts.fenced)}. `dispatcher fence accept` shows what "
            "would be sent, and goes on."
        )
        return Held("database", None, words)
    if facts.slots == 0:
        return Held("workers", None, "No worker is alive.")
    if facts.silence:
        by = "workers" if facts.silence.startswith(fleet.ELSEWHERE) else "broker"
        words = f"No worker takes messages{because(facts.silence)}."
        return Held(by, None, words, facts.silence)
    if facts.awaits_a_zone and not _awaits_their_window(facts):
        words = f"It is not yet {_minute(facts.wall_time)} in its next members' zone."
        return Held("schedule", facts.next_zone_at, words)
    if facts.awaits_a_zone:
        words = f"It is outside its members' windows: {', '.join(facts.windows)}."
        return Held("window", facts.next_zone_at, words)
    if facts.awaits_its_window:
        words = f"It is outside its window: {', '.join(facts.windows)}."
        return Held("window", facts.opens_at, words)
    if facts.is_on_hold:
        by = "doubt" if facts.hold_reason == IN_DOUBT else "account"
        words = f"Account {facts.account} rests{because(facts.hold_reason)}."
        return Held(by, facts.hold_until, words, facts.hold_reason)
    if facts.awaits_a_probe:
        words = f"Account {facts.account} probes rarely{because(IN_DOUBT)}."
        return Held("doubt", facts.fresh_from, words, IN_DOUBT)
    if facts.doubts >= MOST_DOUBTS or facts.failures >= FAILURES_BEFORE_HOLD:
        by, why = _PROBED_FOR[facts.doubts >= MOST_DOUBTS]
        words = f"Account {facts.account} probes with one request at a time{because(why)}."
        return Held(by, None, words, why)
    if facts.awaits_verdict:
        return Held("canary", None, Guard.of(facts).words)
    if facts.planned_rate is not None and facts.finish_by <= facts.now:
        return Held("rate", None, f"It should have ended by {_minute(facts.finish_by)}.")
    if (facts.planned_rate or 0) > (facts.allowed or inf) * _NEARLY:
        words = (
            f"It cannot end by {_minute(facts.finish_by)}: that would take "
            f"{facts.planned_rate:.3g} requests a second, and {facts.allowed:g} are allowed."
        )
        return Held("rate", facts.next_at, words)
    if facts.awaits_its_place:
        words = f"It waits for its place at {requests_a_second(facts.rate)}."
        return Held("rate", facts.next_at, words)
    if facts.is_overdue:
        words = (
            f"It has been due for more than {OVERDUE.total_seconds():.0f} s, and workers do not "
            "get to it: the database is behind, or a relay stands still; see `dispatcher doctor`."
        )
        return Held("database", None, words)
    return None


def _awaits_their_window(facts: Row[Any]) -> bool:
    """Whether the next members' clock shows their time already, and they wait for a window."""
    if facts.windows is None or facts.opens_at is not None:
        return False
    zone = zone_named(facts.next_zone)
    if facts.wall_time is None or zone is None:
        return True
    return bool(facts.next_zone_at > moment_of(facts.wall_time, zone))


_NEARLY = 1.05
"""A plan that is off by so little is made."""


def _by_whom(facts: Row[Any]) -> str:
    """Who paused it and when, where that was noted."""
    if facts.paused_by is None:
        return ""
    return f" by {facts.paused_by} since {facts.paused_at.isoformat(timespec='seconds')}"


def _minute(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")


_PROBED_FOR = {True: ("doubt", IN_DOUBT), False: ("account", UNREACHABLE)}


def because(reason: str | None) -> str:
    """A reason behind what it is the reason of, without a full stop."""
    return f": {reason.rstrip('.')}" if reason else ""
