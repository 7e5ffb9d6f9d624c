"""The verb log: who changed what, and when."""

from collections.abc import Sequence

import click

from dispatcher.books.acts import Act
from dispatcher.cli.context import context_of, json_option, print_json, say
from dispatcher.cli.drawing import Cell, table
from dispatcher.errors import OptionError
from dispatcher.verbs.reading import MOST_LISTED


@click.command()
@click.argument(
    "campaign",
    metavar="[ID]",
    required=False,
    help="A campaign's id, the beginning of one, or `last`; else acts about all that is.",
)
@click.option("--by", metavar="NAME", help="Only what this one did, as the log calls them.")
@click.option("--before", metavar="ACT", type=int, help="Only older ones than the act of this id.")
@click.option("--limit", metavar="N", type=int, default=MOST_LISTED, help="At most so many.")
@json_option
@click.pass_context
def log(
    ctx: click.Context,
    campaign: str | None,
    by: str | None,
    before: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """Tell who changed what, and when, the newest first.

    What workers do of themselves is there as `itself`. Says on standard error where there is more.

    Example: dispatcher log last
    """
    if limit < 1:
        raise OptionError(f"--limit is {limit}: give how many acts to list, 1 or more.")
    dispatcher = context_of(ctx).dispatcher()
    one_more = dispatcher.log(campaign, actor=by, before=before, limit=limit + 1)
    acts = one_more[:limit]
    if as_json:
        print_json([act.as_json() for act in acts])
    else:
        _print(acts)
    if len(one_more) > limit:
        say(f"There are older ones: `--before {acts[-1].id}` shows them, `--limit` more at once.")


def _print(acts: Sequence[Act]) -> None:
    if not acts:
        print("Nothing was changed yet.")
        return
    titles = ("WHEN", "WHO", "VIA", "VERB", "OF", "WHAT")
    rows: list[list[Cell]] = [[(title, "bold") for title in titles]]
    for act in acts:
        when = act.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        cells = (when, act.actor, act.via, act.verb, _subject(act), act.changes)
        rows.append([(cell, "") for cell in cells])
    for line in table(rows):
        print(line)


def _subject(act: Act) -> str:
    if act.campaign is not None:
        return act.campaign[:8]
    if act.app_id is not None:
        return f"app {act.app_id}"
    return "the books" if act.account is None else f"account {act.account}"
