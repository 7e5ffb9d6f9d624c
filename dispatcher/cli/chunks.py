"""The verbs chunks and attempts: single requests of a campaign, and what became of each."""

from collections.abc import Sequence
from datetime import datetime

import click

from dispatcher.books.chunks import Attempt, Chunk
from dispatcher.cli.context import campaign_argument, context_of, json_option, print_json, say
from dispatcher.cli.drawing import Cell, table
from dispatcher.verbs.reading import MOST_A_PAGE, MOST_LISTED
from dispatcher.words import duration

NUMBER = click.IntRange(1, 2**31 - 1)
limit_option = click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, MOST_A_PAGE),
    default=MOST_LISTED,
    help=f"At most so many, {MOST_A_PAGE:,} of them.",
)


@click.command()
@campaign_argument
@click.option(
    "--state", metavar="STATE", help="Only those in this state, as `rejected` or `in_doubt`."
)
@click.option("--from", "first", metavar="N", type=NUMBER, default=1, help="From this number on.")
@limit_option
@json_option
@click.pass_context
def chunks(
    ctx: click.Context, campaign: str, state: str | None, first: int, limit: int, as_json: bool
) -> None:
    """List a campaign's chunks: the state of each, and what the last attempt at it came to.

    Says on standard error where to go on, if it printed as many as it may.

    Example: dispatcher chunks last --state rejected
    """
    found = context_of(ctx).dispatcher().chunks(campaign, state, first=first, limit=limit)
    if as_json:
        print_json([chunk.as_json() for chunk in found])
    else:
        _print_chunks(found)
    if len(found) == limit:
        say(f"There may be more: `--from {found[-1].chunk + 1}` goes on, `--limit` shows more.")


@click.command()
@campaign_argument
@click.argument("chunk", metavar="CHUNK", type=NUMBER, help="Its number, as `chunks` lists it.")
@click.option("--before", metavar="ATTEMPT", type=NUMBER, help="Only those before this one.")
@limit_option
@json_option
@click.pass_context
def attempts(
    ctx: click.Context, campaign: str, chunk: int, before: int | None, limit: int, as_json: bool
) -> None:
    """Tell what each attempt at a chunk came to, the newest first.

    Example: dispatcher attempts last 17
    """
    found = context_of(ctx).dispatcher().attempts(campaign, chunk, before=before, limit=limit)
    if as_json:
        print_json([attempt.as_json() for attempt in found])
    else:
        _print_attempts(found)
    if len(found) == limit and found[-1].attempt > 1:
        say(f"There are older ones: `--before {found[-1].attempt}` shows them.")


def _print_chunks(found: Sequence[Chunk]) -> None:
    if not found:
        print("No chunks.")
        return
    titles = ("CHUNK", "STATE", "MEMBERS", "ATTEMPTS", "VARIANT", "DUE", "LAST ATTEMPT")
    rows: list[list[Cell]] = [[(title, "bold") for title in titles]]
    for chunk in found:
        cells = (
            f"{chunk.chunk}",
            "in doubt" if chunk.in_doubt else chunk.state,
            f"{chunk.members:,}",
            f"{chunk.attempts:,}",
            chunk.variant or "-",
            _moment(chunk.due_at),
            "-" if chunk.last is None else chunk.last.words or "on the wire",
        )
        rows.append([(cell, "") for cell in cells])
    for line in table(rows, right=(0, 2, 3)):
        print(line)


def _print_attempts(found: Sequence[Attempt]) -> None:
    if not found:
        print("No attempts.")
        return
    titles = ("ATTEMPT", "WHEN", "TOOK", "WORKER", "PACK_ID", "OUTCOME")
    rows: list[list[Cell]] = [[(title, "bold") for title in titles]]
    for made in found:
        took = None if made.ended_at is None else (made.ended_at - made.started_at).total_seconds()
        cells = (
            f"{made.attempt}",
            _moment(made.started_at),
            "-" if took is None else duration(took),
            made.worker,
            made.pack_id,
            made.words or "on the wire",
        )
        rows.append([(cell, "") for cell in cells])
    for line in table(rows, right=(0,)):
        print(line)


def _moment(moment: datetime | None) -> str:
    return "-" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
