"""The command line: parse, call, print. One sentence on standard error where something is wrong."""

import logging
import os
import sys
from pathlib import Path

import click

from dispatcher.cli.context import Context, say
from dispatcher.cli.encoding import never_fail, visible, why_unwritten
from dispatcher.cli.verbs import VerbGroup
from dispatcher.diagnostics import RedactedLines, redact_tracebacks
from dispatcher.errors import CallerError, DispatcherError
from dispatcher.extras import DISTRIBUTION
from dispatcher.settings import below_environment, read_config


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"dispatcher {version(DISTRIBUTION)}")
        ctx.exit()


@click.command(
    "dispatcher",
    cls=VerbGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="A TOML file of settings, before the verb; the environment wins.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
@click.pass_context
def app(ctx: click.Context, config: Path | None) -> None:
    """Push campaigns to audiences of any size: everybody exactly once, as far as it can be known;
    what cannot be known is said.
    """
    if config is not None:
        os.environ.update(below_environment(read_config(config), os.environ))
    ctx.obj = Context()


def main() -> None:
    """The console script: run the verb and exit with its status."""
    never_fail()
    redact_tracebacks()
    warnings = logging.StreamHandler()
    warnings.setFormatter(_Visible("Warning: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[warnings])
    try:
        app()
    except DispatcherError as error:
        say(f"dispatcher: {error}")
        sys.exit(2 if isinstance(error, CallerError) else 1)
    except BaseException as error:  # click leaves by SystemExit
        _leave_if_unwritten(error)
        raise


class _Visible(RedactedLines):
    """Lines that steer no terminal either."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record), lines=True)


def _leave_if_unwritten(ended_by: BaseException) -> None:
    """Exit where standard output does not take what was printed: quietly if nobody reads on."""
    match why_unwritten(ended_by):
        case None:
            pass
        case BrokenPipeError():
            sys.exit(0)
        case OSError(strerror=reason):
            say(
                f"dispatcher: Standard output cannot be written to: {reason}. What the verb changed"
                " stays changed: `dispatcher list` and `dispatcher show` tell."
            )
            sys.exit(1)
