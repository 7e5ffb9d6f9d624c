"""The verb top: all live campaigns, as they go."""

import sys
import time

import click

from dispatcher.cli.context import context_of, json_option, print_json
from dispatcher.cli.encoding import visible


@click.command()
@click.option(
    "--every",
    type=click.FloatRange(0.2, 3_600),
    help="Without a terminal: print again every so many seconds, until it is stopped.",
)
@json_option
@click.pass_context
def top(ctx: click.Context, every: float | None, as_json: bool) -> None:
    """Show all live campaigns: how far, how fast, until when, and what holds them.

    On a terminal it is a live page: up and down choose a campaign, p pauses and r resumes it once
    that is confirmed, q leaves. Elsewhere it prints plain lines, once or --every so often.

    Example: dispatcher top
    """
    from dispatcher.cli.monitor import loop, pages, screen

    dispatcher = context_of(ctx).dispatcher()
    if as_json:
        print_json(dispatcher.live().as_json())
    elif every is None and screen.is_possible(sys.stdout):
        subject = loop.Subject(
            read=dispatcher.live,
            page=pages.overview_page,
            campaigns=lambda overview: pages.in_order(overview.campaigns),
            is_over=lambda _: False,
            every=1.0,
        )
        loop.monitor(dispatcher, sys.stdout, subject)
    else:
        while True:
            for line in pages.overview_lines(dispatcher.live()):
                print(visible(line), flush=True)
            if every is None:
                return
            time.sleep(every)
