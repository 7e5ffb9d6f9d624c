"""The verb send: a message and an audience become a committed campaign."""

from math import inf
from pathlib import Path
from typing import TypeVar

import click

from dispatcher import message
from dispatcher.api import Dispatcher
from dispatcher.books.campaigns import Campaign
from dispatcher.cli import rehearsal
from dispatcher.cli.campaigns import parse_rate
from dispatcher.cli.context import context_of, json_option, print_json, say
from dispatcher.cli.interrupting import interruptible
from dispatcher.cli.moments import parse_moment
from dispatcher.cli.preparing import preparing
from dispatcher.cli.reading import column_options, columns_of, names_of, read_message
from dispatcher.cli.watch import watch_to_end
from dispatcher.errors import OptionError
from dispatcher.settings import DEFAULT_ACCOUNT
from dispatcher.verbs.options import Options
from dispatcher.words import counted

Choice = TypeVar("Choice", bound=str)

_INTERRUPTED = "Interrupted: nothing is left behind, unless `dispatcher list` shows the campaign."


_OR_ON_EACH_CLOCK = ", or name the column of members' zones (--zone-column)"


@click.command()
@click.argument(
    "message_file", metavar="MESSAGE", help="A JSON file of the platform objects, or `-`."
)
@click.option("--app-id", required=True, help="The vendor's id of the app.")
@click.option(
    "--audience",
    "audiences",
    metavar="FILE",
    multiple=True,
    help="A .csv, .jsonl, .parquet or .xlsx file, also .gz or .zst, a directory of them, or `-`, "
    "stdin. Several times: all count.",
)
@click.option(
    "--format",
    "form",
    metavar="F",
    help="csv, jsonl or parquet: of stdin (else jsonl), pipes, and files whose names say none.",
)
@click.option(
    "--audience-sql",
    metavar="QUERY",
    help="A query whose rows count, its columns named as the identifiers are.",
)
@click.option(
    "--audience-db",
    metavar="URL",
    help="Its database, as SQLAlchemy names it; else DISPATCHER_AUDIENCE_URL, which `ps` does not "
    "show.",
)
@column_options
@click.option(
    "--variant-column",
    metavar="C",
    help="The column that names which of the message's variants a member gets.",
)
@click.option(
    "--split",
    metavar="A=50,B=50",
    help="Deal the message's variants at random, by weight; a repeat deals alike.",
)
@click.option("--tag", help="The vendor's statistics group.")
@click.option("--tag-variants", is_flag=True, help="Tag each variant by itself, as TAG-NAME.")
@click.option("--key", help="The same key again means the same campaign, sent once.")
@click.option(
    "--rate", default="none", help="At most this many requests a second, over all workers."
)
@click.option("--at", help="When to begin, as 2026-11-24T10:00+01:00.")
@click.option("--expires", help="When to give up, as 2026-11-24T22:00+01:00.")
@click.option(
    "--window",
    "windows",
    metavar="W",
    multiple=True,
    help="Begin only then, as `mon-fri 09:00-21:00 Europe/Berlin`, or `local` with "
    "--zone-column; may stand several times.",
)
@click.option(
    "--finish-by",
    metavar="TIME",
    help="Go at the rate that lets it end then, as 2026-11-24T18:00+01:00.",
)
@click.option(
    "--account",
    default=DEFAULT_ACCOUNT,
    help="Whose token sends it: DISPATCHER_USER_TOKEN_NAME's is `name`.",
)
@click.option(
    "--on-invalid",
    metavar="fail|skip",
    default="fail",
    help="What invalid rows do to the campaign.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="Write invalid rows with line and reason to this file.",
)
@click.option(
    "--suppress",
    metavar="FILE",
    multiple=True,
    help="Leave out whoever has an identifier in it; forms and several times as --audience.",
)
@click.option(
    "--exclude",
    metavar="CAMPAIGN",
    multiple=True,
    help="Leave out whoever was, or may have been, sent this one. Several times for several.",
)
@click.option(
    "--only-unsent",
    metavar="CAMPAIGN",
    help="Send only to those of its members whom this one did not reach.",
)
@click.option(
    "--not-within",
    metavar="TIME",
    help="Leave out whoever any campaign of the app was sent to in this time, as 30m, 24h or 7d.",
)
@click.option(
    "--exclude-purged",
    metavar="ignore|refuse",
    default="refuse",
    help="What members who are no longer kept do to these three.",
)
@click.option(
    "--zone-column",
    metavar="C",
    help="The column of each member's time zone: --at, without an offset, and a window that is "
    "`local` are then on each own clock.",
)
@click.option("--default-zone", metavar="Z", help="That of members whose row names none.")
@click.option(
    "--if-late",
    metavar="send|skip",
    default="send",
    help="What becomes of members in whose zone the time has passed.",
)
@click.option(
    "--canary",
    metavar="N|P%",
    help="So many first, at random, as 2000 or 1%; the rest waits for what becomes of them.",
)
@click.option(
    "--max-error-rate",
    metavar="RATE",
    help="Pause where more errors than this are proven, as 10%.",
)
@click.option(
    "--dry-run", is_flag=True, help="Store and send nothing; show what it would be, with examples."
)
@click.option(
    "--test-to",
    metavar="FILE",
    help="Send to those few in it now, as a test of its own, and show the vendor's answer.",
)
@click.option(
    "--notify",
    metavar="URL",
    help="Who is told of each change of its state, by a webhook that DISPATCHER_NOTIFY_SECRET "
    "signs.",
)
@click.option("--watch", is_flag=True, help="Follow it to its end.")
@json_option
@click.pass_context
def send(
    ctx: click.Context,
    message_file: str,
    app_id: str,
    audiences: tuple[str, ...],
    form: str | None,
    audience_sql: str | None,
    audience_db: str | None,
    named: tuple[str, ...],
    ignore_columns: str | None,
    absent: tuple[str, ...],
    variant_column: str | None,
    split: str | None,
    tag: str | None,
    tag_variants: bool,
    key: str | None,
    rate: str,
    at: str | None,
    expires: str | None,
    windows: tuple[str, ...],
    finish_by: str | None,
    account: str,
    on_invalid: str,
    rejects: Path | None,
    suppress: tuple[str, ...],
    exclude: tuple[str, ...],
    only_unsent: str | None,
    not_within: str | None,
    exclude_purged: str,
    zone_column: str | None,
    default_zone: str | None,
    if_late: str,
    canary: str | None,
    max_error_rate: str | None,
    dry_run: bool,
    test_to: str | None,
    notify: str | None,
    watch: bool,
    as_json: bool,
) -> None:
    """Commit a campaign with its whole audience; workers send it.

    Example: dispatcher send message.json --app-id A --audience winback.csv --watch

    Some left out: dispatcher send message.json --app-id A --audience all.csv --suppress out.csv

    Nobody twice a day: dispatcher send message.json --app-id A --audience all.csv --not-within 24h

    A few first: dispatcher send message.json --app-id A --audience all.csv --canary 2000
    --max-error-rate 10%

    By language: dispatcher send texts.json --app-id A --audience all.csv --variant-column lang

    To yourself: dispatcher send message.json --app-id A --audience all.csv --test-to me.csv

    Look first: dispatcher send message.json --app-id A --audience all.csv --dry-run
    """
    if not audiences and audience_sql is None and test_to is None:
        raise click.MissingParameter(param_hint="'--audience'", param_type="option", ctx=ctx)
    if dry_run and (watch or test_to is not None):
        other = "--watch" if watch else "--test-to"
        raise OptionError(f"--dry-run sends nothing, and {other} is for what is sent: keep one.")
    dispatcher = context_of(ctx).dispatcher()
    checked = read_message(
        message_file, {"audience": audiences, "suppress": suppress, "test": [test_to or ""]}
    )
    options: Options = {
        "audience": audiences or None,
        "format": form,
        "audience_sql": audience_sql,
        "audience_db": audience_db,
        "campaign_tag": tag,
        "key": key,
        "rate": parse_rate(rate),
        "send_at": parse_moment(
            "--at", at, on_the_wall=zone_column is not None, or_else=_OR_ON_EACH_CLOCK
        ),
        "expires_at": parse_moment("--expires", expires),
        "window": windows or None,
        "finish_by": parse_moment("--finish-by", finish_by),
        "account": account,
        "on_invalid": _one_of("--on-invalid", on_invalid, "fail", "skip"),
        "rejects": rejects,
        "suppress": suppress or None,
        "exclude": exclude or None,
        "only_unsent": only_unsent,
        "not_within": not_within,
        "exclude_purged": _one_of("--exclude-purged", exclude_purged, "ignore", "refuse"),
        "variant_column": variant_column,
        "split": split,
        "tag_variants": tag_variants,
        "columns": columns_of(named),
        "ignore_columns": None if ignore_columns is None else names_of(ignore_columns),
        "absent": absent or None,
        "zone_column": zone_column,
        "default_zone": default_zone,
        "if_late": _one_of("--if-late", if_late, "send", "skip"),
        "canary": canary,
        "max_error_rate": max_error_rate,
        "test_to": test_to,
        "notify": notify,
    }
    if dry_run:
        with interruptible(lambda: _INTERRUPTED), preparing() as progress:
            found = dispatcher.dry_run(app_id=app_id, message=checked, progress=progress, **options)
        rehearsal.show(found, as_json)
        return
    for warning in checked.warnings:
        say(f"Warning: {warning}")
    campaign = _enqueue(dispatcher, app_id, checked, options)
    if watch or test_to is not None:
        say(committed(campaign))
        seconds = inf if test_to is None else _TEST_SECONDS
        raise click.exceptions.Exit(watch_to_end(dispatcher, campaign.id, as_json, seconds))
    if as_json:
        print_json(campaign.as_json())
    else:
        print(committed(campaign))


def _enqueue(
    dispatcher: Dispatcher, app_id: str, checked: message.Message, options: Options
) -> Campaign:
    """Commit the campaign, and tell what was left out or read otherwise than it stands there."""
    made: list[Campaign] = []
    notes: list[str] = []
    with interruptible(lambda: _INTERRUPTED), preparing() as progress:
        dispatcher.enqueue(
            app_id=app_id,
            message=checked,
            progress=progress,
            told=notes.append,
            committed=made.append,
            **options,
        )
    for note in notes:
        say(note)
    (campaign,) = made
    return campaign


def committed(campaign: Campaign) -> str:
    """What was committed, what was left out, and whether it waits for somebody to let it go on."""
    read, held = campaign.input, campaign.held
    counts = {
        "repeated": read.duplicates,
        "invalid": read.invalid,
        "suppressed": read.suppressed,
        "excluded": read.excluded,
    }
    left_out = [f"{count:,} {what}" for what, count in counts.items() if count]
    rows = "row" if sum(counts.values()) == 1 else "rows"
    return (
        f"Campaign {campaign.id}: {counted(campaign.members.total, 'member')} in "
        f"{counted(campaign.chunks.total, 'chunk')}"
        + (f"; left out: {' and '.join(left_out)} {rows}" if left_out else "")
        + (f"; {campaign.canary.members:,} of them go first" if campaign.canary else "")
        + "."
        + (f" {held.words}" if held is not None and held.by in _WAITS_FOR_SOMEBODY else "")
    )


def _one_of(option: str, text: str, first: Choice, second: Choice) -> Choice:
    for each in (first, second):
        if text == each:
            return each
    raise OptionError(f"{option} {text!r} is neither {first} nor {second}.")


_TEST_SECONDS = 30.0
_WAITS_FOR_SOMEBODY = ("paused", "database")
"""What holds a campaign until somebody lets it go on."""
