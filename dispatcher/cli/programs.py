"""The verbs that start programs: worker and sandbox become those programs."""

import os
import sys
from importlib.util import find_spec
from typing import Any

import typer

from dispatcher.cli.context import context_of
from dispatcher.errors import SettingError

_PASSED_ON: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True}
_WITH_HELP = _PASSED_ON | {"help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add this family's verbs."""
    app.command("worker", help=worker.__doc__, context_settings=_PASSED_ON)(worker)
    app.command("sandbox", help=sandbox.__doc__, context_settings=_WITH_HELP)(sandbox)


def worker(ctx: typer.Context) -> None:
    """Run a Celery worker with our settings: the same as `celery -A workers worker`.

    Takes the options of Celery, such as --concurrency (how many requests at once; 64), --hostname,
    --loglevel (INFO) and --logfile; `celery -A workers worker --help` lists them all.

    Example: dispatcher worker --concurrency 16 --hostname second@%h
    """
    context_of(ctx).settings().require_broker_url()
    _become(["celery", "-A", "workers", "worker", "--loglevel", "INFO", *ctx.args])


def sandbox(ctx: typer.Context) -> None:
    """Run the vendor's Push API on this machine, with a ledger and faults on demand.

    Example: dispatcher sandbox --port 8099 --unreachable 0.03 --fault error_500_after=0.02
    """
    if find_spec("aiohttp") is None:
        raise SettingError("The sandbox needs the extra: pip install 'dispatcher[embedded]'.")
    _become(["sandbox", *ctx.args])


def _become(program: list[str]) -> None:
    """Replace this process, so that signals and the exit status are the program's own."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", *program])
