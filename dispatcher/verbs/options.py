"""What callers may say of a campaign, and the checks of values that several verbs take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

from dispatcher.errors import OptionError
from dispatcher.schedule import Window, next_opening, on_members_clocks
from dispatcher.settings import Settings, is_account_name

if TYPE_CHECKING:
    from dispatcher.audience import Source
    from dispatcher.verbs.connections import Reference


class Options(TypedDict, total=False):
    """What may be said of a campaign besides its app and its message; `send` has options for it.

    audience: an iterable of dicts or other rows with names; a data frame (pandas, Polars) or an
        Arrow table; the path of a .csv, .jsonl, .parquet or .xlsx file or of a directory of such
        files; or several paths, all of which count.
    audience_sql: a query whose rows count as well; it needs no `audience` beside it.
    audience_db: its database's URL, or else that of DISPATCHER_AUDIENCE_URL.
    format: "csv", "jsonl" or "parquet", of what has no name that says it.
    columns: the identifier in a column, by the name that the file has for it.
    ignore_columns: the columns that are left out; "all": those that are no identifier.
    absent: the words that count as nothing, in place of the usual ones, in the audience and in
        `suppress`.
    suppress: identifiers, in the forms of an audience: who has one of them gets nothing.
    exclude: campaigns of the same app, by id: who was, or may have been, sent one of them gets
        nothing. Who is the same is told as for `suppress`.
    only_unsent: a campaign: only those of its members count to whom it was not sent.
    not_within: who was, or may have been, sent any campaign of this app within this time gets
        nothing, tests aside: a timedelta, or as "30m", "24h" and "7d".
    exclude_purged: "refuse" (unless given) makes no campaign where those three meet members who are
        no longer kept; "ignore" passes over them.
    variant_column: the audience's column that names which of the message's variants a member gets.
    split: their weights, as {"a": 50, "b": 50} or "a=50,b=50", to deal them at random instead; the
        same content is dealt alike each time.
    on_invalid: "fail" (unless given) refuses an audience with an invalid row; "skip" leaves such
        rows out.
    rejects: the file that invalid rows are written to.
    campaign_tag: the vendor's statistics group.
    tag_variants: each variant has a group of its own, TAG-NAME.
    key: the same key again returns the same campaign, and with other content raises.
    account: whose token sends it.
    rate: the most requests a second, over all workers.
    send_at: when to begin; aware. With `zone_column` without an offset: a time on each member's
        own clock.
    zone_column: the audience's column that names each member's zone, one of IANA's.
    default_zone: that of members whose row names none; without it such a row is invalid.
    if_late: what becomes of members in whose zone that time has passed: "send" (unless given) them
        the message at once, or "skip" them, who are counted as expired then.
    expires_at: when to give up; aware.
    window: nothing fresh begins outside, one or several as "mon-fri 09:00-21:00 Europe/Berlin".
    test_to: a few members, 100 at most, in the forms of an audience, who get it now in place of all
        others; as a campaign of its own, a test, to which neither the key, nor the times, nor what
        leaves members out but the standing list applies.
    finish_by: go at the rate that lets it end then, planned anew as it runs; aware.
    canary: so many members, or as "1%" such a part of them, go first, drawn at random; the rest
        waits for what they tell of the errors. It needs a `max_error_rate`.
    max_error_rate: where more than this rate of errors is proven, the campaign pauses: as 0.1 or
        "10%". Errors are the vendor's `erroneous`, and whom it refused.
    notify: the URL of who is told of each change of its state, by a signed webhook; one in a
        private network only where DISPATCHER_NOTIFY_ALLOW has it.
    """

    audience: Source | None
    audience_sql: str | None
    audience_db: str | None
    format: str | None
    columns: Mapping[str, str] | None
    ignore_columns: Iterable[str] | None
    absent: Iterable[str] | None
    suppress: Source | None
    exclude: Reference | Sequence[Reference] | None
    only_unsent: Reference | None
    not_within: timedelta | str | None
    exclude_purged: Literal["ignore", "refuse"]
    variant_column: str | None
    zone_column: str | None
    default_zone: str | None
    if_late: Literal["send", "skip"]
    split: Mapping[str, float] | str | None
    on_invalid: Literal["fail", "skip"]
    rejects: str | Path | None
    campaign_tag: str | None
    tag_variants: bool
    key: str | None
    account: str
    rate: float | None
    send_at: datetime | None
    expires_at: datetime | None
    window: str | Sequence[str] | None
    finish_by: datetime | None
    canary: int | str | None
    max_error_rate: float | str | None
    test_to: Source | None
    notify: str | None


def check_rate(rate: float | None) -> None:
    """Raise OptionError unless it is None or a number of requests a second above 0."""
    if rate is None:
        return
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise OptionError("rate must be a number of requests a second, or none.")
    if not (isfinite(rate) and 0.001 <= rate <= 1_000_000):
        raise OptionError(f"rate is {rate:g}: give between 0.001 and 1000000 requests a second.")


def check_texts(app_id: str, campaign_tag: str | None, key: str | None, account: str) -> None:
    """Raise OptionError unless each that is given is one line, and the account a name of one."""
    texts = {"app_id": app_id, "campaign_tag": campaign_tag, "key": key, "account": account}
    for name, value in texts.items():
        if value is not None or name not in ("campaign_tag", "key"):
            check_line(name, value)
    if not is_account_name(account):
        raise OptionError(
            f"account is {account!r}: an account's name is made of a-z and 0-9, and is not `file`."
        )


def check_line(name: str, value: object) -> None:
    """Raise OptionError, with this name, unless the value is one line of text."""
    if not isinstance(value, str) or not value.strip():
        raise OptionError(f"{name} must be a text that is not empty.")
    if "\0" in value or not value.isprintable() or len(value) > 500:
        raise OptionError(f"{name} must be one line of at most 500 characters.")


def check_limit(limit: int | None, what: str) -> None:
    """Raise OptionError unless it is None or how many of these may be listed."""
    if limit is not None and (isinstance(limit, bool) or not 0 < limit < 1_000_000):
        raise OptionError(f"limit is {limit}: give how many {what} to list, 1 or more.")


def check_times(send_at: datetime | None, expires_at: datetime | None) -> None:
    """Raise OptionError unless both are aware, and there is time between begin and end."""
    for name, moment in (("send_at", send_at), ("expires_at", expires_at)):
        if moment is not None:
            _check_moment(name, moment)
    if send_at is not None and expires_at is not None and expires_at <= send_at:
        raise OptionError("expires_at is not after send_at: the campaign could send nothing.")


_LATE = timedelta(minutes=1)
"""A time that has passed by less was not wrong: whoever gave it took a moment to get here."""


def check_not_passed(
    windows: Sequence[Window] | None, send_at: datetime | None, expires_at: datetime | None
) -> None:
    """Raise OptionError where a campaign that is made now would be too late for its times."""
    now = datetime.now(UTC)
    if send_at is not None and send_at < now - _LATE:
        raise OptionError(
            f"send_at is {send_at.isoformat()}, which has passed: give a later time (send_at, "
            "--at), or leave it out to begin now."
        )
    if expires_at is not None and expires_at <= now:
        raise OptionError(
            f"expires_at is {expires_at.isoformat()}, which has passed: give a later time "
            "(expires_at, --expires), or leave it out."
        )
    check_opens_in_time(windows, send_at, expires_at)


def check_finish_by(
    settings: Settings,
    finish_by: datetime | None,
    send_at: datetime | None,
    expires_at: datetime | None,
) -> None:
    """Raise OptionError unless a campaign of these times can end by this one.

    SettingError where there is no Redis to keep the rate that this takes.
    """
    if finish_by is None:
        return
    settings.require_place_for_rates(1)
    _check_moment("finish_by", finish_by)
    if send_at is not None and finish_by <= send_at:
        raise OptionError("finish_by is not after send_at: the campaign could send nothing.")
    if expires_at is not None and finish_by > expires_at:
        raise OptionError("finish_by is after expires_at: the campaign would expire before.")


def _check_moment(name: str, moment: object) -> None:
    if not isinstance(moment, datetime):
        raise OptionError(f"{name} is a {type(moment).__name__}: give an aware datetime.")
    if moment.utcoffset() is None:
        raise OptionError(
            f"{name} has no time zone: give an aware datetime"
            + (", or the column of members' zones (zone_column)." if name == "send_at" else ".")
        )
    check_year(name, moment)


def check_year(name: str, moment: datetime) -> None:
    """Raise OptionError for a time that is too far away to reckon with."""
    if not _FIRST_YEAR <= moment.year < _FIRST_YEAR_REFUSED:
        raise OptionError(
            f"{name} is in the year {moment.year}: give one from {_FIRST_YEAR} to "
            f"{_FIRST_YEAR_REFUSED - 1}."
        )


_FIRST_YEAR, _FIRST_YEAR_REFUSED = 1970, 2200
"""Reckoning with moments ends somewhere: here, long before what clocks and databases hold."""


def check_opens_in_time(
    windows: Sequence[Window] | None, send_at: datetime | None, expires_at: datetime | None
) -> None:
    """Raise OptionError where no window opens between a campaign's begin and its end."""
    if windows is None or on_members_clocks(windows):
        return  # of those each zone has its own openings, which are looked at where zones are known
    now = datetime.now(UTC)
    opens_at = next_opening(windows, now if send_at is None else max(now, send_at)).opens_at
    if expires_at is not None and opens_at >= expires_at:
        raise OptionError(
            f"The window {', '.join(each.text for each in windows)} opens at "
            f"{opens_at.isoformat(timespec='minutes')}, and the campaign expires at "
            f"{expires_at.isoformat(timespec='minutes')}: nothing could be sent."
        )
