"""The verb demo: a whole campaign on this machine, and the proof of it."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import click
from rich.console import Console

from dispatcher.api import Dispatcher
from dispatcher.books.campaigns import Campaign
from dispatcher.cli import report
from dispatcher.cli.context import json_option, print_json, say
from dispatcher.cli.preparing import preparing
from dispatcher.cli.send import committed
from dispatcher.cli.watch import follow
from dispatcher.embedded import demo as staging
from dispatcher.extras import require_console


@click.command()
@click.option(
    "--members",
    type=click.IntRange(1, 10_000_000),
    default=200_000,
    help="How many members the audience has.",
)
@click.option("--no-faults", is_flag=True, help="Let the Push API answer every request.")
@click.option(
    "--console",
    "with_console",
    is_flag=True,
    help="Instead, keep the console running, with campaigns in several states, until Ctrl-C.",
)
@click.option("--port", type=click.IntRange(0, 65_535), default=8080, help="The console's; 0: any.")
@json_option
def demo(members: int, no_faults: bool, with_console: bool, port: int, as_json: bool) -> None:
    """Send a campaign on this machine, to a Push API that fails now and then, and prove it.

    Everything runs here and ends with the demonstration: PostgreSQL, Valkey, the sandbox Push API,
    a worker.

    Example: dispatcher demo --members 50000
    """
    with _ending_cleanly():
        if with_console:
            _show(faults=not no_faults, port=port)
        else:
            raise click.exceptions.Exit(_perform(members, faults=not no_faults, as_json=as_json))


def _perform(members: int, *, faults: bool, as_json: bool) -> int:
    say("Starting PostgreSQL, Valkey, the sandbox Push API and a worker ...")
    began = time.monotonic()
    with staging.stage(faults=faults) as stage:
        say(f"  they run, after {time.monotonic() - began:.1f} s. {_weather(faults)}")
        path = stage.directory / "audience.csv"
        staging.write_audience(path, members)
        say(f"  wrote {path.name}: {members:,} members, a few of them twice, a few rows invalid.")
        dispatcher = Dispatcher(stage.settings)
        with preparing() as progress:
            campaign_id = dispatcher.enqueue(
                app_id=staging.APP_ID,
                message=staging.MESSAGE,
                audience=path,
                campaign_tag="demo",
                on_invalid="skip",
                rejects=stage.directory / "rejects.csv",
                progress=progress,
            )
        say(committed(dispatcher.show(campaign_id)))
        campaign = follow(dispatcher, campaign_id)
        ledger = stage.ledger()
    proven = _is_proven(campaign, ledger)
    if as_json:
        print_json({"campaign": campaign.as_json(), "ledger": ledger, "proven": proven})
    else:
        report.print_page(campaign)
        _print_proof(campaign, ledger, proven)
    return 0 if proven else 1


def _show(*, faults: bool, port: int) -> NoReturn:
    """Keep everything running, until somebody ends it."""
    from dispatcher.embedded import showcase

    require_console()
    say("Starting PostgreSQL, Valkey, the sandbox Push API, a worker and the console ...")
    with staging.stage(faults=faults) as stage, showcase.showing(stage, port) as shown:
        print(f"The console is at {shown.address}. Sign in by one of these names and passwords:")
        for name, role in showcase.PEOPLE.items():
            print(f"  {name:<6} {shown.passwords[name].reveal():<24} {role}")
        print("Campaigns run, wait and have stopped there. Ctrl-C ends everything.", flush=True)
        while True:
            signal.pause()


def _weather(faults: bool) -> str:
    if not faults:
        return "The Push API answers every request."
    names = ", ".join(f"{part:.0%} {name}" for name, part in staging.FAULTS.items())
    return f"Faults on purpose:\n  {names}."


def _is_proven(campaign: Campaign, ledger: dict[str, Any]) -> bool:
    """Whether the vendor's side knows exactly the members whom the books call sent to."""
    sent = campaign.members.delivered + campaign.members.uncounted
    return bool(
        ledger["twice"] == 0
        and sent <= ledger["members"] <= sent + campaign.members.unresolved
        and campaign.ended
    )


def _print_proof(campaign: Campaign, ledger: dict[str, Any], proven: bool) -> None:
    faults = sum(ledger["faults"].values())
    style, mark = ("bold green", "✓") if proven else ("bold red", "✗")
    console = Console(highlight=False)
    console.print("\n[bold]The proof, from the Push API's own ledger[/bold]")
    console.print(
        f"  {ledger['requests']:,} requests for {campaign.chunks.total:,} chunks, "
        f"{faults:,} of them met a fault on purpose"
    )
    console.print(
        f"  {ledger['members']:,} members taken: {ledger['devices']:,} devices reached, "
        f"{ledger['unreachable']:,} unreachable"
    )
    console.print(f"  [{style}]{mark} pushes received twice: {ledger['twice']:,}[/{style}]")


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the demonstration like Ctrl-C: everything stops."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    before = {number: signal.signal(number, interrupt) for number in _ENDING}
    try:
        yield
    except KeyboardInterrupt:
        say("Interrupted: everything that the demonstration started has ended.")
        raise click.exceptions.Exit(130) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_ENDING = (signal.SIGTERM, signal.SIGHUP)
