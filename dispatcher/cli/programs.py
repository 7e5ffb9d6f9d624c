"""The verbs that start programs: worker and sandbox become those programs."""

import os
import sys
from typing import Any

import click

from dispatcher.cli.context import context_of
from dispatcher.extras import require_sandbox
from dispatcher.pools import check_pool

_PASSED_ON: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True}
_WITH_HELP = _PASSED_ON | {"help_option_names": []}


@click.command(context_settings=_PASSED_ON)
@click.pass_context
def worker(ctx: click.Context) -> None:
    """Run a Celery worker with our settings: the same as `celery -A workers worker`.

    Takes the options of Celery, such as --concurrency (how many requests at once; 64), --hostname,
    --loglevel (INFO) and --logfile; `celery -A workers worker --help` lists them all.

    Example: dispatcher worker --concurrency 16 --hostname second@%h
    """
    check_pool(ctx.args)
    context_of(ctx).settings().require_broker_url()
    become(["workers", "worker", "--loglevel", "INFO", *ctx.args])


@click.command(context_settings=_WITH_HELP)
@click.pass_context
def sandbox(ctx: click.Context) -> None:
    """Run the vendor's Push API on this machine, with a ledger and faults on demand.

    Example: dispatcher sandbox --port 8099 --unreachable 0.03 --fault error_500_after=0.02
    """
    require_sandbox()
    become(["sandbox", *ctx.args])


def become(program: list[str]) -> None:
    """Replace this process, so that signals and the exit status are the program's own.

    It finds its modules where it is installed, and none in the working directory.
    """
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", *program])
