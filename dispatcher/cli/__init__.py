"""The command line: parse, call, print. One sentence on standard error where something is wrong."""

import logging
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from dispatcher.cli import (
    accounts,
    campaigns,
    demo,
    inspection,
    programs,
    purge,
    retry,
    schema,
    send,
    services,
    watch,
)
from dispatcher.cli.context import Context, say
from dispatcher.cli.encoding import never_fail
from dispatcher.errors import CallerError, DispatcherError
from dispatcher.settings import below_environment, read_config

app = typer.Typer(
    name="dispatcher",
    help="Push campaigns to audiences of any size: everybody exactly once, as far as it can be "
    "known; what cannot be known is said.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for family in (demo, send, watch, campaigns, retry, inspection, purge, schema, programs):
    family.register(app)
app.add_typer(accounts.account_app, name="account")
app.add_typer(services.services_app, name="services")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"dispatcher {version('dispatcher')}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="A TOML file of settings, before the verb; the environment wins."
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    if config is not None:
        os.environ.update(below_environment(read_config(config), os.environ))
    ctx.obj = Context()


def main() -> None:
    """The console script: run the verb and exit with its status."""
    never_fail()
    logging.basicConfig(level=logging.WARNING, format="Warning: %(message)s", stream=sys.stderr)
    try:
        app()
    except DispatcherError as error:
        say(f"dispatcher: {error}")
        sys.exit(2 if isinstance(error, CallerError) else 1)
    except BrokenPipeError:
        # Whoever read our output has enough; Python would complain once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
