"""The verb purge: forget whom ended campaigns were sent to."""

from datetime import timedelta

import click

from dispatcher.books.keeping import Audiences
from dispatcher.cli.asking import confirmed
from dispatcher.cli.context import context_of, json_option, print_json, say
from dispatcher.errors import OptionError
from dispatcher.settings import days
from dispatcher.words import counted

_STEPS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


@click.command()
@click.option(
    "--older-than",
    metavar="DAYS",
    help="Of campaigns that ended so many days ago; DISPATCHER_KEEP_AUDIENCE otherwise.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def purge(ctx: click.Context, older_than: str | None, yes: bool, as_json: bool) -> None:
    """Drop the audiences of campaigns that ended long ago; their numbers stay.

    Says how much that is first, and asks on a terminal; elsewhere it wants --yes. Members who were
    not delivered to can be neither listed nor sent to again afterwards; of the vendor's reasons
    the codes stay, and what they mean. Workers do the same by themselves. What a `send` that was
    killed left on this machine goes, too.

    Example: dispatcher purge --older-than 7 --yes
    """
    age = _age(older_than)
    dispatcher = context_of(ctx).dispatcher()
    found = dispatcher.purgeable(age)
    if not found.campaigns and not found.scratch:
        say("No campaign that ended so long ago has its audience any more: nothing is to be done.")
    else:
        say(f"To be dropped for good: {_described(found)}.")
        if not yes and not confirmed("Drop them?", "drop them"):
            say("Nothing was dropped.")
            found = Audiences(0, 0, 0)
        else:
            found = dispatcher.purge(age)
            say("Done. PostgreSQL's vacuum makes the room free for the next campaigns.")
    if as_json:
        print_json(found.as_json())


def _age(text: str | None) -> timedelta | None:
    try:
        return None if text is None else days(text)
    except ValueError as error:
        raise OptionError(f"--older-than {error}.") from error


def _described(found: Audiences) -> str:
    unit, size = next((step for step in _STEPS if found.bytes >= step[1]), ("bytes", 1))
    stored = (
        f"the audiences of {counted(found.campaigns, 'campaign')}, "
        f"{counted(found.members, 'member')} in {found.bytes / size:,.0f} {unit}"
    )
    if not found.scratch:
        return stored
    left = f"what killed producers left on this machine ({counted(found.scratch, 'audience')})"
    return f"{stored}; and {left}" if found.campaigns else left
