"""The statement that records what attempts came to and claims chunks for new ones, as a function.

It stands twice: for when all goes well, and for accounts in trouble, with whose campaigns no slot
goes on. In both each report and each wanted chunk finds its row by its key: OFFSET keeps the
conditions out of that search, as the planner would rather read all that is in flight.
"""

from dispatcher.books import doubt, holding, standing
from dispatcher.books.functions import Function
from dispatcher.books.holding import IN_DOUBT, UNREACHABLE
from dispatcher.books.limits import LIMITS
from dispatcher.lifecycle import FAILURES_BEFORE_HOLD, MOST_DOUBTS

PARAMETERS = {
    "reports": "json",
    "wanted": "json",
    "further": "json",
    "doubtful": "text[]",
    "worker": "text",
    "lease": "interval",
    "window": "interval",
    "beat": "bigint",
}
_COLUMNS = {
    "recorded": "integer[]",
    "campaign_id": "uuid",
    "sequence": "integer",
    "round": "integer",
    "attempt": "integer",
    "pack_id": "text",
    "size": "integer",
    "members": "text",
    "in_doubt_before": "timestamptz",
    "claimed_at": "timestamptz",
    "time_left": "interval",
    "corruptions": "integer",
    "account": "text",
    "probing": "boolean",
    "variant": "smallint",
    "unscreened": "boolean",
    "due_at": "timestamptz",
}


def _recorded(when_locked: str, also: str = "true") -> str:
    """Write down what attempts came to: on chunks that they still hold, and in the log."""
    return f"""
    WITH report AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:reports AS json)) AS report(
            place integer, campaign_id uuid, sequence integer, attempt integer, state text,
            in_doubt_since timestamptz, due_in double precision, corruptions integer,
            audience integer, successful integer, erroneous integer, error_details text,
            http_status integer, code integer, error text, outcome text, account text,
            conclusive boolean, proven boolean, doubtful boolean)
    ), held AS (
        SELECT report.*, chunk.round, chunk.claimed_at, chunk.claimed_by
        FROM report CROSS JOIN LATERAL (
            SELECT state, attempt, round, claimed_at, claimed_by FROM chunk
            WHERE campaign_id = report.campaign_id AND sequence = report.sequence
            OFFSET 0 FOR NO KEY UPDATE {when_locked}) AS chunk
        WHERE chunk.state = 'sending' AND chunk.attempt = report.attempt AND {also}
    ), settled AS (
        UPDATE chunk
        SET state = held.state, lease_until = NULL, in_doubt_since = held.in_doubt_since,
            due_at = coalesce(clock_timestamp() + make_interval(secs => held.due_in), due_at),
            corruptions = held.corruptions,
            settled_at = CASE WHEN held.state <> 'pending' THEN clock_timestamp() END,
            audience = held.audience, successful = held.successful, erroneous = held.erroneous,
            http_status = held.http_status, code = held.code, error = held.error
        FROM held
        WHERE chunk.campaign_id = held.campaign_id AND chunk.sequence = held.sequence
    ), logged AS (
        INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at, outcome,
                             chunk_state, http_status, code, error, error_details)
        SELECT campaign_id, sequence, attempt, round, claimed_by, claimed_at, outcome,
               state, http_status, code, error, error_details
        FROM held
    """


_WANTED = """
    ), wanted AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:wanted AS json)) AS wanted(
            campaign_id uuid, sequence integer)
    ), due AS (
"""
_FROM_WANTED = """
        FROM wanted CROSS JOIN LATERAL (
            SELECT state, due_at, in_doubt_since, closes_at, canary FROM chunk
            WHERE campaign_id = wanted.campaign_id AND sequence = wanted.sequence
            OFFSET 0 FOR NO KEY UPDATE SKIP LOCKED) AS chunk
        JOIN campaign ON campaign.id = wanted.campaign_id
        JOIN account ON account.name = campaign.account
"""
_IS_DUE = f"""
        WHERE (SELECT raised_at IS NULL AND beat >= :beat FROM fence)
          AND chunk.state = 'pending' AND chunk.due_at <= clock_timestamp()
          AND (chunk.in_doubt_since IS NULL
               OR chunk.in_doubt_since + :window > clock_timestamp())
          AND (chunk.in_doubt_since IS NOT NULL OR {holding.MAY_BEGIN})
          AND {holding.CAMPAIGN_RUNS} AND {holding.ACCOUNT_IS_FREE}
"""


# A fresh one has to begin before its window closes.
_UNTIL = """
least(chunk.in_doubt_since + :window, CASE WHEN fit.in_doubt_since IS NULL THEN fit.closes_at END)
"""


_CLOSES_AT = "least(campaign.closes_at, chunk.closes_at) AS closes_at"


def _claimed(chosen: str, which: str, probing: str) -> str:
    """Claim these chunks; what was recorded, and the claims."""
    return f"""
    ), claimed AS (
        UPDATE chunk
        SET state = 'sending', attempt = chunk.attempt + 1, published_at = NULL,
            claimed_at = fit.now, claimed_by = :worker, lease_until = fit.now + :lease,
            in_doubt_since = coalesce(fit.in_doubt_since, fit.now),
            unscreened = CASE WHEN fit.in_doubt_since IS NULL THEN fit.has_grown
                              ELSE chunk.unscreened END
        FROM {chosen} AS fit
        WHERE chunk.campaign_id = fit.campaign_id AND chunk.sequence = fit.sequence
          AND {which}
        RETURNING chunk.campaign_id, chunk.sequence, chunk.round, chunk.attempt, chunk.pack_id,
            chunk.size, chunk.members, fit.in_doubt_since AS in_doubt_before, chunk.claimed_at,
            {_UNTIL} - fit.now AS time_left, chunk.corruptions, fit.account,
            {probing}, chunk.variant, chunk.unscreened, chunk.due_at
    )
    SELECT (SELECT array_agg(place) FROM held) AS recorded, claimed.*
    FROM (SELECT) AS once LEFT JOIN claimed ON true
    """


# More of a campaign for slots that go on with it: fresh chunks that no message names, in the order
# of publishing. `from_due_at` and `from_sequence` are where the last ones were found: what stands
# before them in the index is gone for the most part, and would be waded through again.
def _further(of_the_account: str) -> str:
    """More of campaigns whose accounts are well; `of_the_account` are the columns about these."""
    return f"""
        UNION ALL
        SELECT open.id, chunk.sequence, CAST(NULL AS timestamptz), open.account, open.has_grown,
               least(open.closes_at, chunk.closes_at), {of_the_account} clock_timestamp()
        FROM (
            SELECT further.*, campaign.id, campaign.account, {standing.HAS_GROWN} AS has_grown,
                   campaign.closes_at
            FROM json_to_recordset(CAST(:further AS json)) AS further(
                campaign_id uuid, most integer, from_due_at timestamptz, from_sequence integer)
            JOIN campaign ON campaign.id = further.campaign_id
            JOIN account ON account.name = campaign.account
            WHERE (SELECT raised_at IS NULL AND beat >= :beat FROM fence)
              AND {holding.CAMPAIGN_RUNS} AND {holding.UNTROUBLED}
              AND account.name <> ALL(:doubtful) AND {holding.MAY_GO_ON}
            OFFSET 0) AS open
        CROSS JOIN LATERAL (
            SELECT sequence, closes_at FROM chunk
            WHERE chunk.campaign_id = open.id AND state = 'pending' AND in_doubt_since IS NULL
              AND published_at IS NULL AND due_at <= statement_timestamp()
              AND (due_at, sequence) >= (open.from_due_at, open.from_sequence)
              AND {holding.IN_ITS_ZONE_S_WINDOW}
            ORDER BY due_at, sequence LIMIT open.most FOR NO KEY UPDATE SKIP LOCKED) AS chunk
    """


# Where no account is in trouble and nothing is in doubt, no account's row is written.
_WELL = f"""
{_recorded("SKIP LOCKED")}
{_WANTED}
        SELECT wanted.campaign_id, wanted.sequence, chunk.in_doubt_since, campaign.account,
               {standing.HAS_GROWN} AS has_grown, {_CLOSES_AT}, clock_timestamp() AS now
{_FROM_WANTED}
{_IS_DUE}
{_further("")}
{_claimed("due", "true", "false")}
"""
_OVER = f"""
(said.proven AND hold_reason = '{IN_DOUBT}' OR said.conclusive AND hold_reason = '{UNREACHABLE}')
"""
_PROBING = f"(failures >= {FAILURES_BEFORE_HOLD} OR doubts >= {MOST_DOUBTS})"
_TOLD = f"""
    ), said AS (
        SELECT account AS name, bool_or(conclusive) AS conclusive, bool_or(proven) AS proven,
               count(*) FILTER (WHERE doubtful)::integer AS doubts
        FROM held GROUP BY account
    ), told AS (
        UPDATE account
        SET failures = CASE WHEN said.conclusive THEN 0 ELSE account.failures END,
            doubts = CASE WHEN said.proven THEN 0 ELSE account.doubts + said.doubts END,
            doubtful_since = CASE WHEN said.proven THEN NULL
                WHEN said.doubts > 0 THEN coalesce(doubtful_since, clock_timestamp())
                ELSE doubtful_since END,
            fresh_from = CASE WHEN said.proven THEN NULL
                WHEN account.doubts + said.doubts >= {MOST_DOUBTS}
                    THEN coalesce(fresh_from, clock_timestamp() + {doubt.SHORTEST_REST})
                ELSE fresh_from END,
            throttled_until = CASE
                WHEN said.proven AND account.doubts >= {MOST_DOUBTS}
                     OR said.conclusive AND account.failures >= {FAILURES_BEFORE_HOLD}
                    THEN clock_timestamp() ELSE throttled_until END,
            hold_until = CASE WHEN {_OVER} THEN NULL ELSE hold_until END,
            hold_reason = CASE WHEN {_OVER} THEN NULL ELSE hold_reason END
        FROM said
        WHERE account.name = said.name AND account.name = ANY(ours)
          AND (said.doubts > 0 OR said.conclusive AND account.failures > 0
               OR said.proven AND account.doubts > 0)
        RETURNING account.name, account.failures, account.doubts
"""
# While an account's attempts come to nothing, one winner is the probe, and holds the account until
# its lease ends or it reports; a claim that finds no chunk leaves the account as it is.
_FIT = f"""
    ), fit AS (
        SELECT due.*, {_PROBING} AS probing,
               row_number() OVER (PARTITION BY account ORDER BY in_doubt_since) AS place
        FROM due
        WHERE in_doubt_since IS NOT NULL
           OR {doubt.may_begin_clean("due.account", "due.doubts", "due.nth")}
              AND (doubts < {MOST_DOUBTS} OR coalesce(fresh_again, true))
    ), probe AS (
        UPDATE account
        SET hold_until = clock_timestamp() + :lease,
            hold_reason = CASE WHEN fit.doubts >= {MOST_DOUBTS}
                               THEN '{IN_DOUBT}' ELSE '{UNREACHABLE}' END,
            fresh_from = CASE WHEN fit.doubts >= {MOST_DOUBTS} AND fit.in_doubt_since IS NULL
                THEN fit.now + {doubt.rest_before_fresh("(fit.now - fit.doubtful_since)")}
                ELSE fresh_from END
        FROM fit
        WHERE fit.probing AND fit.place = 1 AND NOT fit.was_told AND account.name = fit.account
          AND {holding.ACCOUNT_IS_FREE} AND account.name = ANY(ours)
        RETURNING account.name
"""


_OF_A_WELL_ACCOUNT = "CAST(NULL AS timestamptz), false, 0, 0, true, CAST(1 AS bigint),"
_IS_PROBE = """
(NOT fit.probing OR fit.place = 1 AND EXISTS (SELECT FROM probe WHERE name = fit.account))
"""


def _is_free(account: str) -> str:
    """Whether this account is none that somebody else has locked, of those to be locked."""
    return f"({account} = ANY(ours) OR {account} <> ALL(touched))"


def _in_trouble(when_locked: str) -> str:
    return f"""
{_recorded(when_locked, _is_free("report.account"))}
{_TOLD}
{_WANTED}
        SELECT wanted.campaign_id, wanted.sequence, chunk.in_doubt_since, campaign.account,
               {standing.HAS_GROWN} AS has_grown, {_CLOSES_AT}, account.doubtful_since,
               told.name IS NOT NULL AS was_told,
               coalesce(told.failures, account.failures) AS failures,
               coalesce(told.doubts, account.doubts) AS doubts,
               account.fresh_from <= clock_timestamp() AS fresh_again,
               row_number() OVER (PARTITION BY account.name, chunk.in_doubt_since IS NULL) AS nth,
               clock_timestamp() AS now
{_FROM_WANTED}
        LEFT JOIN told ON told.name = account.name
{_IS_DUE} AND {_is_free("account.name")}
{_further(_OF_A_WELL_ACCOUNT)}
{_FIT}
{_claimed("fit", _IS_PROBE, "fit.probing")}
    """


# What an account may begin while it is in doubt is counted under its lock, and so are doubts: all
# of one statement's accounts are locked in an order, and the next statement sees what others did.
# Who sends holds them for as long as a commit takes. What is longer locked is passed over, and
# everybody else's goes through: nothing is claimed of it, and a report waits for it alone.
_PATIENCE = "100ms"
_TOUCHED = """
ARRAY(
    SELECT name FROM account
    WHERE name = ANY(:doubtful) OR (doubts > 0 OR failures > 0) AND name IN (
        SELECT campaign.account FROM campaign JOIN json_to_recordset(:wanted) AS wanted(
            campaign_id uuid) ON campaign.id = wanted.campaign_id
        UNION ALL
        SELECT report.account FROM json_to_recordset(:reports) AS report(account text)))
"""
_LOCKED = "SELECT name FROM account WHERE name = ANY(touched) ORDER BY name FOR NO KEY UPDATE"
_WELL_OR_LOCKED = f"""
IF cardinality(:doubtful) = 0
   AND NOT EXISTS (SELECT FROM account WHERE doubts > 0 OR failures > 0) THEN
    RETURN QUERY {_WELL};
    RETURN;
END IF;
touched := {_TOUCHED};
BEGIN
    PERFORM set_config('lock_timeout', '{_PATIENCE}', true);
    ours := ARRAY({_LOCKED});
    PERFORM set_config('lock_timeout', '{LIMITS["lock_timeout"]}', true);
EXCEPTION WHEN lock_not_available THEN
    ours := ARRAY({_LOCKED} SKIP LOCKED);
END;
"""
_ACCOUNTS = {"touched": "text[] := '{}'", "ours": "text[]"}
"""Those of a statement that have to be locked, and those that may be written."""
EXCHANGE = Function(
    "exchange_chunks",
    PARAMETERS,
    _COLUMNS,
    _in_trouble("SKIP LOCKED"),
    _WELL_OR_LOCKED,
    _ACCOUNTS,
)
"""Passes over what somebody has locked, chunks and accounts."""
RECORD = Function(
    "record_chunk",
    PARAMETERS,
    _COLUMNS,
    _in_trouble(""),
    "ours := ARRAY(SELECT account FROM json_to_recordset(:reports) AS report(account text));",
    _ACCOUNTS,
)
"""Waits for a chunk that somebody has locked, and for its account where that is to be written."""
FUNCTIONS = (EXCHANGE, RECORD)
"""What the database has to have. To plan them takes longer than to execute them."""
