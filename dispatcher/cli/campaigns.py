"""The verbs about campaigns that are there: list, show, pause, resume, cancel, rate."""

from typing import Annotated

import typer

from dispatcher.api import MOST_LISTED
from dispatcher.books.campaigns import Campaign
from dispatcher.cli import report
from dispatcher.cli.context import CampaignArgument, JsonOption, context_of, print_json, say
from dispatcher.cli.steps import INTERRUPTED, Steps
from dispatcher.errors import OptionError


def register(app: typer.Typer) -> None:
    """Add this family's verbs."""
    app.command("list", help=list_.__doc__)(list_)
    for verb in (show, pause, resume, cancel, rate):
        app.command(verb.__name__, help=verb.__doc__)(verb)


def list_(
    ctx: typer.Context,
    state: Annotated[
        str | None,
        typer.Option(help="Only scheduled, running, paused, completed, cancelled or expired ones."),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", help="At most so many.")] = MOST_LISTED,
    before: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Only those made before this one: the next page."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List campaigns, the newest first.

    Says on standard error where there are more, and how to see them.

    Example: dispatcher list --state running --tag winback
    """
    if limit < 1:
        raise OptionError(f"--limit is {limit}: give how many campaigns to list, 1 or more.")
    one_more = context_of(ctx).dispatcher().list(state, tag=tag, limit=limit + 1, before=before)
    campaigns = one_more[:limit]
    if as_json:
        print_json([campaign.as_json() for campaign in campaigns])
    else:
        report.print_list(campaigns)
    if len(one_more) > limit:
        say(f"There are more: `--before {campaigns[-1].id[:8]}` goes on, `--limit` shows more.")


def show(ctx: typer.Context, campaign: CampaignArgument, as_json: JsonOption = False) -> None:
    """Show a campaign's books as they stand.

    Example: dispatcher show last
    """
    print_campaign(context_of(ctx).dispatcher().show(campaign), as_json)


def pause(ctx: typer.Context, campaign: CampaignArgument, as_json: JsonOption = False) -> None:
    """Begin no new request; those on the wire finish.

    Example: dispatcher pause last
    """
    print_campaign(context_of(ctx).dispatcher().pause(campaign), as_json)


def resume(ctx: typer.Context, campaign: CampaignArgument, as_json: JsonOption = False) -> None:
    """Go on exactly where a paused campaign stood.

    Example: dispatcher resume last
    """
    print_campaign(context_of(ctx).dispatcher().resume(campaign), as_json)


def cancel(ctx: typer.Context, campaign: CampaignArgument, as_json: JsonOption = False) -> None:
    """End a campaign for good; what is on the wire finishes.

    Nothing new begins from the first moment on. Ctrl-C leaves the rest of a large one to workers.

    Example: dispatcher cancel 3f2a
    """
    steps = Steps("settled")
    try:
        cancelled = context_of(ctx).dispatcher().cancel(campaign, progress=steps)
    except KeyboardInterrupt:
        if not steps.done:
            raise
        say(
            f"It is cancelled, and {steps.done:,} of its chunks are settled: workers do the rest, "
            f"and so does `dispatcher cancel {campaign}`."
        )
        raise typer.Exit(INTERRUPTED) from None
    print_campaign(cancelled, as_json)


def rate(
    ctx: typer.Context,
    campaign: CampaignArgument,
    requests: Annotated[
        str, typer.Argument(metavar="R", help="Requests a second, or `none` for no limit.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Set how many requests a second a campaign may make, over all workers.

    Example: dispatcher rate last 20
    """
    print_campaign(context_of(ctx).dispatcher().rate(campaign, parse_rate(requests)), as_json)


def parse_rate(text: str) -> float | None:
    """A rate as a person writes it. Raises OptionError."""
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise OptionError(
            f"The rate {text!r} is not a number of requests a second, nor `none`."
        ) from error


def print_campaign(campaign: Campaign, as_json: bool) -> None:
    """The campaign's document, or its page for a person."""
    if as_json:
        print_json(campaign.as_json())
    else:
        report.print_page(campaign)
