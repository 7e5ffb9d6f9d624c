"""The verbs about webhooks: what receivers were told, and telling it again."""

from collections.abc import Sequence
from datetime import datetime

import click

from dispatcher.books.outbox import Webhook
from dispatcher.cli.context import campaign_argument, context_of, json_option, print_json, say
from dispatcher.cli.drawing import Cell, table
from dispatcher.errors import OptionError
from dispatcher.verbs.reading import MOST_LISTED
from dispatcher.words import counted


@click.group()
def webhook() -> None:
    """See what the receivers of webhooks were told in the last days; tell it again."""


@webhook.command("list")
@click.argument(
    "campaign",
    metavar="[ID]",
    required=False,
    help="A campaign's id, the beginning of one, or `last`; else webhooks of all campaigns.",
)
@click.option(
    "--before", metavar="ID/SEQUENCE", help="Only older ones than this webhook of this campaign."
)
@click.option("--limit", metavar="N", type=int, default=MOST_LISTED, help="At most so many.")
@json_option
@click.pass_context
def list_(
    ctx: click.Context, campaign: str | None, before: str | None, limit: int, as_json: bool
) -> None:
    """List webhooks, the newest first: to whom, what about, and what became of them.

    Example: dispatcher webhook list last
    """
    if limit < 1:
        raise OptionError(f"--limit is {limit}: give how many webhooks to list, 1 or more.")
    end = None if before is None else _place(before)
    one_more = context_of(ctx).dispatcher().webhooks(campaign, before=end, limit=limit + 1)
    webhooks = one_more[:limit]
    if as_json:
        print_json([one.as_json() for one in webhooks])
    else:
        _print(webhooks)
    if len(one_more) > limit:
        last = f"{webhooks[-1].campaign[:8]}/{webhooks[-1].sequence}"
        say(f"There are older ones: `--before {last}` shows them, `--limit` more at once.")


@webhook.command()
@campaign_argument
@click.argument(
    "sequence",
    metavar="[SEQUENCE]",
    type=int,
    required=False,
    help="The number of one of its webhooks; else all that were not delivered.",
)
@json_option
@click.pass_context
def redeliver(ctx: click.Context, campaign: str, sequence: int | None, as_json: bool) -> None:
    """Let workers deliver a campaign's webhook again, or all that were not delivered, now.

    A receiver tells a repeat by its webhook-id, which stays.

    Example: dispatcher webhook redeliver last 2
    """
    due = context_of(ctx).dispatcher().redeliver(campaign, sequence)
    if as_json:
        print_json({"due": due})
    else:
        print(f"{counted(due, 'webhook')} due: see `dispatcher webhook list {campaign}`.")


def _place(before: str) -> tuple[str, int]:
    campaign, _, sequence = before.rpartition("/")
    if not (campaign and sequence.isascii() and sequence.isdigit()):
        raise OptionError(
            f"--before is {before!r}: give a campaign and the number of one of its webhooks, as in "
            "4f2c91aa/3."
        )
    return campaign, int(sequence)


def _print(webhooks: Sequence[Webhook]) -> None:
    if not webhooks:
        print("No webhook in the last days.")
        return
    titles = ("CREATED", "CAMPAIGN", "SEQUENCE", "TYPE", "RECEIVER", "ATTEMPTS", "")
    rows: list[list[Cell]] = [[(title, "bold") for title in titles]]
    for one in webhooks:
        cells = (
            _moment(one.created_at),
            one.campaign[:8],
            f"{one.sequence:,}",
            one.type,
            one.receiver,
            f"{one.attempts:,}",
            _fate(one),
        )
        rows.append([(cell, "") for cell in cells])
    for line in table(rows, right=(2, 5)):
        print(line)


def _fate(webhook: Webhook) -> str:
    said = f"HTTP {webhook.http_status}" if webhook.http_status else webhook.error
    because = f": {said}" if said else ""
    if webhook.delivered_at is not None:
        return f"delivered {_moment(webhook.delivered_at)}"
    if webhook.given_up_at is not None:
        return f"given up {_moment(webhook.given_up_at)}{because}"
    if webhook.due_at is None or not webhook.attempts:
        return "waits"
    return f"again {_moment(webhook.due_at)}{because}"


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
