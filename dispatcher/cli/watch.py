"""The verb watch: live progress until a campaign ends or pauses itself."""

import sys
import time
from collections.abc import Iterator
from math import inf

import click

from dispatcher.api import Dispatcher
from dispatcher.books.campaigns import Campaign
from dispatcher.cli.campaigns import print_campaign
from dispatcher.cli.context import campaign_argument, context_of, json_option, say
from dispatcher.errors import DatabaseUnavailable
from dispatcher.lifecycle import CampaignState
from dispatcher.words import counted, duration

NOT_ALL_DELIVERED = 3
_EVERY = 0.25
_LINE_EVERY = 5.0
_PATIENCE = 60.0


@click.command()
@campaign_argument
@json_option
@click.pass_context
def watch(ctx: click.Context, campaign: str, as_json: bool) -> None:
    """Show a campaign's progress until it ends or pauses itself.

    On a terminal it is a live page: p pauses and r resumes the campaign once that is confirmed, q
    leaves it, and it goes on. Elsewhere it prints a line now and then.

    Exits with 3 when it paused itself, or when not everybody could be delivered to.

    Example: dispatcher watch last
    """
    dispatcher = context_of(ctx).dispatcher()
    campaign_id = dispatcher.show(campaign).id
    raise click.exceptions.Exit(watch_to_end(dispatcher, campaign_id, as_json))


def watch_to_end(
    dispatcher: Dispatcher, campaign_id: str, as_json: bool, seconds: float = inf
) -> int:
    """Follow the campaign, print its page or document at the end; the exit status.

    After so many seconds it is not waited for any longer, which is a failure.
    """
    from dispatcher.cli.monitor import screen

    try:
        show = _monitored if screen.is_possible(sys.stderr) else follow
        campaign = show(dispatcher, campaign_id, seconds)
    except KeyboardInterrupt:
        campaign = None
    if campaign is None:
        say(
            f"The campaign goes on without being watched; `dispatcher watch {campaign_id}` "
            "shows it again."
        )
        return 130
    print_campaign(campaign, as_json)
    if not _is_over(campaign):
        why = f" {campaign.held.words}" if campaign.held else ""
        say(f"It has not ended after {seconds:g} seconds.{why} It goes on without being watched.")
        return 1
    failed = campaign.members.failed > 0
    return NOT_ALL_DELIVERED if failed or _paused_itself(campaign) else 0


def _monitored(dispatcher: Dispatcher, campaign_id: str, seconds: float) -> Campaign | None:
    """The same on a live page; None where the person left it."""
    from dispatcher.cli.monitor import loop, pages

    until = time.monotonic() + seconds
    subject = loop.Subject(
        read=lambda: (dispatcher.show(campaign_id), dispatcher.accounts()),
        page=lambda read, view: pages.campaign_page(*read, view),
        campaigns=lambda read: read[:1],
        is_over=lambda read: _is_over(read[0]) or time.monotonic() > until,
        every=2 * _EVERY,
    )
    found = loop.monitor(dispatcher, sys.stderr, subject)
    return None if found is None else found[0]


def follow(dispatcher: Dispatcher, campaign_id: str, seconds: float = inf) -> Campaign:
    """Show the campaign's progress until it has ended or paused itself, or so long; its state."""
    until = time.monotonic() + seconds
    with _Display() as display:
        for campaign in _snapshots(dispatcher, campaign_id):
            display.update(campaign)
            if _is_over(campaign) or time.monotonic() > until:
                return campaign
            time.sleep(_EVERY)
    raise AssertionError("snapshots never end by themselves")


def _snapshots(dispatcher: Dispatcher, campaign_id: str) -> Iterator[Campaign]:
    """The campaign again and again; a database that is away for a minute is waited for."""
    away_since: float | None = None
    while True:
        try:
            campaign = dispatcher.show(campaign_id)
        except DatabaseUnavailable as error:
            now = time.monotonic()
            if away_since is None:
                away_since = now
                say(f"{error} Waiting for it; the campaign is safe.")
            if now - away_since > _PATIENCE:
                raise
            time.sleep(1)
            continue
        away_since = None
        yield campaign


def _is_over(campaign: Campaign) -> bool:
    return campaign.ended or _paused_itself(campaign)


def _paused_itself(campaign: Campaign) -> bool:
    """A pause with a reason is the campaign's own; an operator's has none."""
    return campaign.state == CampaignState.PAUSED and campaign.reason is not None


class _Display:
    """A bar on a terminal; a line now and then elsewhere."""

    def __init__(self) -> None:
        from rich import progress
        from rich.console import Console

        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=None),
            progress.TaskProgressColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[speed]}"),
            console=Console(stderr=True, highlight=False),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("", total=None, speed="")
        self._next_line = 0.0
        self._last_state = ""

    def __enter__(self) -> "_Display":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, campaign: Campaign) -> None:
        members = campaign.members
        done = members.total - members.remaining
        speed = _speed(campaign)
        self._bar.update(
            self._task,
            description=campaign.state,
            total=members.total,
            completed=done,
            speed=speed,
        )
        if self._bar.disable:
            held = f". {campaign.held.words}" if campaign.held else ""
            words = f"{done:,} of {counted(members.total, 'member')}{speed}{held}"
            self._say(campaign.state, words)

    def _say(self, state: str, words: str) -> None:
        now = time.monotonic()
        if state != self._last_state or now >= self._next_line:
            self._last_state, self._next_line = state, now + _LINE_EVERY
            say(f"{state}: {words}")


def _speed(campaign: Campaign) -> str:
    throughput = campaign.throughput
    if not throughput.members_per_second:
        return ""
    speed = f"  {throughput.members_per_second:,.0f} members/s"
    if throughput.eta_seconds is not None:
        speed += f", {duration(throughput.eta_seconds)} left"
    return speed
