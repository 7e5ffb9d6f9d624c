"""Accounts: the rest that an attempt means for all of their campaigns, and its end."""

import random
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from dispatcher.books import acts
from dispatcher.books.holding import ASKED, IN_DOUBT, UNREACHABLE
from dispatcher.books.transitions.exchanging import Report
from dispatcher.errors import AccountNotFound
from dispatcher.lifecycle import InDoubt, NotSent, Throttle, account_hold, throttle

_LOCK = text("""
SELECT account.*, clock_timestamp() AS now FROM account WHERE name = :account FOR NO KEY UPDATE
""")
_COUNT_FAILURE = text("UPDATE account SET failures = failures + 1 WHERE name = :account")
_HOLD = text("""
UPDATE account SET hold_until = :until, hold_reason = :reason WHERE name = :account
""")
_THROTTLE = text("""
UPDATE account SET throttles = :count, throttled_at = :began, throttled_until = :until
WHERE name = :account
""")
_RESUME = text("""
UPDATE account
SET hold_until = NULL, hold_reason = NULL, throttles = 0,
    throttled_until = least(throttled_until, clock_timestamp()),
    fresh_from = CASE WHEN fresh_from IS NOT NULL THEN clock_timestamp() END
WHERE name = :account
""")


def rest_as_decided(connection: Connection, report: Report) -> None:
    """Let the whole account rest where the vendor asked for it, or its API came to nothing.

    The account was free while its probe was under way; only what the vendor asked for outlasts
    what the probe came to.
    """
    claim, outcome, decision = report.claim, report.outcome, report.decision
    throttled = decision.throttled or decision.hold is not None
    failed = isinstance(outcome, NotSent)
    if not (throttled or failed or (claim.probing and isinstance(outcome, InDoubt))):
        return
    values = {"account": claim.account}
    if failed:
        connection.execute(_COUNT_FAILURE, values)
    account = connection.execute(_LOCK, values).one()
    if throttled:
        before = Throttle(account.throttles, account.throttled_at, account.throttled_until)
        rest = throttle(before, claim.claimed_at, decision.hold, account.now, random.random())
        connection.execute(
            _THROTTLE,
            values | {"count": rest.count, "began": rest.began, "until": rest.until},
        )
        _hold(connection, account, rest.until, ASKED, was_probe=claim.probing)
    elif hold := account_hold(max(account.failures, account.doubts if claim.probing else 0)):
        reason = UNREACHABLE if failed else IN_DOUBT
        _hold(connection, account, account.now + hold, reason, was_probe=claim.probing)


def _hold(
    connection: Connection,
    account: Row[Any],
    until: datetime | None,
    reason: str,
    *,
    was_probe: bool,
) -> None:
    """Hold until then, unless a hold that counts lasts longer: a probe's own ends with it."""
    stays = account.hold_until is not None and not (was_probe and account.hold_reason != ASKED)
    if until is None or (stays and account.hold_until >= until):
        return
    connection.execute(_HOLD, {"account": account.name, "until": until, "reason": reason})


def resume_account(connection: Connection, name: str) -> None:
    """Lift the account's hold: it goes on slowly, or probes at once where its API failed before.

    Raises AccountNotFound.
    """
    held = connection.execute(_LOCK, {"account": name}).one_or_none()
    if held is None:
        raise AccountNotFound(f"There is no account {name!r}: see `dispatcher account list`.")
    connection.execute(_RESUME, {"account": name})
    before = {"hold_until": held.hold_until, "hold_reason": held.hold_reason}
    after = dict.fromkeys(before)
    if (held.hold_until, held.fresh_from, held.throttles) != (None, None, 0):
        acts.write(connection, "account resume", account=name, before=before, after=after)
