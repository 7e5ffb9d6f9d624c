"""The verb retry: the operator's order to send again."""

import click

from dispatcher.api import Dispatcher
from dispatcher.books.campaigns import Campaign
from dispatcher.cli.asking import confirmed
from dispatcher.cli.campaigns import print_campaign
from dispatcher.cli.context import campaign_argument, context_of, json_option, say
from dispatcher.cli.steps import INTERRUPTED, Steps
from dispatcher.errors import OptionError
from dispatcher.lifecycle import RETRIABLE, ChunkState
from dispatcher.words import counted

_CHOICES = ", ".join(sorted(RETRIABLE))


@click.command()
@campaign_argument
@click.option("--only", metavar="STATE", required=True, help=f"One of {_CHOICES}.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def retry(ctx: click.Context, campaign: str, only: str, yes: bool, as_json: bool) -> None:
    """Send the rejected, unresolved or expired chunks of a campaign again, under new pack_ids.

    Says how many members first, and asks on a terminal; elsewhere it wants --yes.

    Example: dispatcher retry last --only unresolved
    """
    if only not in RETRIABLE:
        raise OptionError(f"--only {only!r} is none of {_CHOICES}.")
    dispatcher = context_of(ctx).dispatcher()
    stands = dispatcher.show(campaign)
    members = getattr(stands.members, only)
    if members:
        say(_announced(stands, members, only))
        if not yes and not confirmed("Send again?", "send again"):
            say("Nothing was sent again.")
            return
    print_campaign(_retried(dispatcher, stands, members, only), as_json)


def _retried(dispatcher: Dispatcher, stands: Campaign, members: int, only: str) -> Campaign:
    if members:
        return _in_steps(dispatcher, stands, only)
    say(f"Campaign {stands.id} has no {only} members: nothing is to be sent again.")
    return stands


def _in_steps(dispatcher: Dispatcher, stands: Campaign, only: str) -> Campaign:
    steps = Steps("ordered to be sent again")
    try:
        members = getattr(stands.members, only)
        return dispatcher.retry(stands.id, only, at_most=members, progress=steps)
    except KeyboardInterrupt:
        if not steps.done:
            raise
        say(
            f"{counted(steps.done, 'chunk')} of {getattr(stands.chunks, only):,} are sent again; "
            f"`dispatcher retry {stands.id[:8]} --only {only}` orders the rest."
        )
        raise click.exceptions.Exit(INTERRUPTED) from None


def _announced(campaign: Campaign, members: int, only: str) -> str:
    words = f"To be sent to again: {counted(members, f'{only} member')} of campaign {campaign.id}."
    if only == ChunkState.UNRESOLVED:
        words += " Whoever got the push already will get it twice."
    return words
