"""The verbs about campaigns that are there: list, show, pause, resume, cancel and the like."""

import click

from dispatcher.books.campaigns import Campaign
from dispatcher.cli.context import campaign_argument, context_of, json_option, print_json, say
from dispatcher.cli.moments import parse_moment
from dispatcher.cli.steps import INTERRUPTED, Steps
from dispatcher.errors import OptionError
from dispatcher.verbs.reading import MOST_LISTED


@click.command()
@click.option(
    "--state", help="Only scheduled, running, paused, completed, cancelled or expired ones."
)
@click.option("--tag", help="Only those with this tag.")
@click.option("--app-id", help="Only those of this app.")
@click.option("--key", help="Only the one that this key stands for.")
@click.option("--limit", metavar="N", type=int, default=MOST_LISTED, help="At most so many.")
@click.option("--tests", is_flag=True, help="Test campaigns, which are not among the others.")
@click.option("--before", metavar="ID", help="Only those made before this one: the next page.")
@json_option
@click.pass_context
def list(
    ctx: click.Context,
    state: str | None,
    tag: str | None,
    app_id: str | None,
    key: str | None,
    limit: int,
    before: str | None,
    tests: bool,
    as_json: bool,
) -> None:
    """List campaigns, the newest first.

    Says on standard error where there are more, and how to see them.

    Example: dispatcher list --state running --tag winback
    """
    if limit < 1:
        raise OptionError(f"--limit is {limit}: give how many campaigns to list, 1 or more.")
    dispatcher = context_of(ctx).dispatcher()
    one_more = dispatcher.list(
        state,
        tag=tag,
        app_id=app_id,
        key=key,
        limit=limit + 1,
        before=before,
        tests=tests,
    )
    campaigns = one_more[:limit]
    if as_json:
        print_json([campaign.as_json() for campaign in campaigns])
    else:
        from dispatcher.cli import report

        report.print_list(campaigns)
    if len(one_more) > limit:
        say(f"There are more: `--before {campaigns[-1].id[:8]}` goes on, `--limit` shows more.")


@click.command()
@campaign_argument
@json_option
@click.pass_context
def show(ctx: click.Context, campaign: str, as_json: bool) -> None:
    """Show a campaign's books as they stand.

    Example: dispatcher show last
    """
    print_campaign(context_of(ctx).dispatcher().show(campaign), as_json)


@click.command()
@campaign_argument
@click.pass_context
def message(ctx: click.Context, campaign: str) -> None:
    """Print the message that a campaign's members get, as `send` takes it: JSON.

    Example: dispatcher message last
    """
    print_json(context_of(ctx).dispatcher().message_of(campaign))


@click.command()
@campaign_argument
@json_option
@click.pass_context
def pause(ctx: click.Context, campaign: str, as_json: bool) -> None:
    """Begin no new request; those on the wire finish.

    Example: dispatcher pause last
    """
    print_campaign(context_of(ctx).dispatcher().pause(campaign), as_json)


@click.command()
@campaign_argument
@json_option
@click.pass_context
def resume(ctx: click.Context, campaign: str, as_json: bool) -> None:
    """Go on exactly where a paused campaign stood.

    Example: dispatcher resume last
    """
    print_campaign(context_of(ctx).dispatcher().resume(campaign), as_json)


@click.command()
@campaign_argument
@json_option
@click.pass_context
def approve(ctx: click.Context, campaign: str, as_json: bool) -> None:
    """Let a campaign go on that waits for a second person: you, if you did not order it.

    DISPATCHER_APPROVAL_MEMBERS says above how many members one does.

    Example: dispatcher approve 3f2a
    """
    print_campaign(context_of(ctx).dispatcher().approve(campaign), as_json)


@click.command()
@campaign_argument
@json_option
@click.pass_context
def cancel(ctx: click.Context, campaign: str, as_json: bool) -> None:
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
        raise click.exceptions.Exit(INTERRUPTED) from None
    print_campaign(cancelled, as_json)


@click.command()
@campaign_argument
@click.argument("requests", metavar="R", help="Requests a second, or `none` for no limit.")
@json_option
@click.pass_context
def rate(ctx: click.Context, campaign: str, requests: str, as_json: bool) -> None:
    """Set how many requests a second a campaign may make, over all workers.

    Example: dispatcher rate last 20
    """
    print_campaign(context_of(ctx).dispatcher().rate(campaign, parse_rate(requests)), as_json)


@click.command()
@campaign_argument
@click.argument(
    "windows",
    metavar="W...",
    nargs=-1,
    required=True,
    help="Windows, as `mon-fri 09:00-21:00 Europe/Berlin`, or `none` for any time; `local` is each "
    "member's own zone.",
)
@json_option
@click.pass_context
def window(ctx: click.Context, campaign: str, windows: tuple[str, ...], as_json: bool) -> None:
    """Set when a campaign may begin something new.

    What may have been sent already is asked about at any time, for nine minutes at most.

    Example: dispatcher window last "mon-fri 09:00-21:00 Europe/Berlin"
    """
    given = None if windows == ("none",) else windows
    print_campaign(context_of(ctx).dispatcher().window(campaign, given), as_json)


@click.command("finish-by")
@campaign_argument
@click.argument("time", metavar="TIME", help="As 2026-11-24T18:00+01:00, or `none`.")
@json_option
@click.pass_context
def finish_by(ctx: click.Context, campaign: str, time: str, as_json: bool) -> None:
    """Go at the rate that lets a campaign end by a time, planned anew as it runs.

    It is never above the campaign's own rate or its account's; `show` says where they are too low.

    Example: dispatcher finish-by last 2026-11-24T18:00+01:00
    """
    moment = None if time == "none" else parse_moment("TIME", time)
    print_campaign(context_of(ctx).dispatcher().finish_by(campaign, moment), as_json)


@click.command()
@campaign_argument
@click.argument("verdict", metavar="accept", help="That is all that there is to say.")
@click.option(
    "--max-error-rate",
    metavar="RATE",
    help="From here on no more errors than this, as 20%; what was before does not count.",
)
@json_option
@click.pass_context
def canary(
    ctx: click.Context, campaign: str, verdict: str, max_error_rate: str | None, as_json: bool
) -> None:
    """Go on with a campaign that its canary, or too many errors, have stopped.

    Where too many errors were proven, they are not tested any more, unless --max-error-rate gives
    another bound. Where the canary decided nothing, the bound guards the rest.

    Example: dispatcher canary last accept
    """
    if verdict != "accept":
        raise OptionError(
            f"{verdict!r} is nothing to do about a canary: `accept` goes on, and `dispatcher "
            "cancel` ends the campaign."
        )
    dispatcher = context_of(ctx).dispatcher()
    accepted = dispatcher.accept_canary(campaign, max_error_rate=max_error_rate)
    say(_guarded(accepted))
    print_campaign(accepted, as_json)


def _guarded(campaign: Campaign) -> str:
    if campaign.max_error_rate is None:
        return "It goes on, and no bound on its errors holds any more."
    return f"It goes on; from here on at most {100 * campaign.max_error_rate:.3g} % errors may be."


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
        from dispatcher.cli import report

        report.print_page(campaign)
