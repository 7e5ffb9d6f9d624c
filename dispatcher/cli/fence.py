"""The verb fence: books that were put back are sent from only once somebody has looked."""

import click

from dispatcher.books.fence import NOTHING_TO_ACCEPT
from dispatcher.cli.asking import confirmed
from dispatcher.cli.context import context_of, json_option, print_json, say
from dispatcher.cli.drawing import Cell, table
from dispatcher.errors import ImpossibleInState
from dispatcher.verbs.fencing import Fenced
from dispatcher.words import counted


@click.group()
def fence() -> None:
    """Go on from books that were restored, once you have seen what would be sent."""


@fence.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def accept(ctx: click.Context, yes: bool, as_json: bool) -> None:
    """Let workers send from books that were restored or copied, as they are.

    Shows the campaigns that would go on, and asks on a terminal; elsewhere it wants --yes. Whoever
    was sent to after the copy was made would get it again: cancel what is not to be sent first,
    which works meanwhile.

    Example: dispatcher fence accept
    """
    dispatcher = context_of(ctx).dispatcher()
    found = dispatcher.fenced()
    if found is None:
        raise ImpossibleInState(NOTHING_TO_ACCEPT)
    _show(found)
    if not yes and not confirmed("Go on from these books?", "go on from these books"):
        say("Nothing was changed: nothing is sent.")
        return
    epoch = dispatcher.fence_accept()
    say(f"Epoch {epoch} has begun: workers go on within seconds.")
    if as_json:
        print_json({**found.as_json(), "epoch": epoch})


def _show(found: Fenced) -> None:
    say(f"Nothing is sent from these books: {found.reason}.")
    if not found.campaigns:
        say("No campaign in them has anything left to send.")
        return
    members = sum(campaign.members for campaign in found.campaigns)
    campaigns = counted(len(found.campaigns), "campaign")
    say(
        f"{campaigns} would go on, with {counted(members, 'member')} who are unsent in them. "
        "Whoever got it after the copy was made gets it again:"
    )
    rows: list[list[Cell]] = [
        [(campaign.id[:8], ""), (campaign.state, ""), (f"{campaign.members:,}", ""),
         (campaign.campaign_tag or "-", "dim")]
        for campaign in found.campaigns
    ]  # fmt: skip
    for line in table(rows):
        say(f"  {line}")
