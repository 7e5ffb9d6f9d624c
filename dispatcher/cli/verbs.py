"""The verbs by name, each read from its family's module when somebody asks for it.

Most of what a command costs is loading modules: `show` loads neither what `send` needs nor what
`doctor` does.
"""

from collections import UserDict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import IO, Any

import click

from dispatcher.cli.encoding import visible
from dispatcher.redaction import redact

FAMILIES = {
    "demo": "demo",
    "check": "authoring",
    "columns": "authoring",
    "send": "send",
    "watch": "watch",
    "top": "top",
    "list": "campaigns",
    "show": "campaigns",
    "message": "campaigns",
    "pause": "campaigns",
    "resume": "campaigns",
    "approve": "campaigns",
    "cancel": "campaigns",
    "rate": "campaigns",
    "window": "campaigns",
    "finish-by": "campaigns",
    "canary": "campaigns",
    "retry": "retry",
    "explain": "inspection",
    "chunks": "chunks",
    "attempts": "chunks",
    "throughput": "inspection",
    "log": "log",
    "webhook": "webhooks",
    "verify": "inspection",
    "failures": "inspection",
    "doctor": "inspection",
    "fence": "fence",
    "metrics": "monitoring",
    "console": "console",
    "purge": "purge",
    "migrate": "schema",
    "worker": "programs",
    "workers": "workers",
    "sandbox": "programs",
    "account": "accounts",
    "suppress": "people",
    "find": "people",
    "forget": "people",
    "services": "services",
}
"""Each verb's family: the module of this package that has a command of that name."""


class VerbGroup(click.Group):
    """The group of all verbs, in the order of the table."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"commands": _Verbs(FAMILIES)})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs' names."""
        return list(self.commands)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse what stands before the verb."""
        with _in_our_words():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Parse what stands behind the verb, and do it; Ctrl-C ends with 130."""
        try:
            with _in_our_words():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(130) from None


class _Verbs(UserDict[str, Any]):
    """Each verb's command; to list or to suggest names loads none."""

    def __getitem__(self, verb: str) -> Any:
        family = super().__getitem__(verb)
        return getattr(import_module(f"dispatcher.cli.{family}"), verb.replace("-", "_"))


class _WrongUsage(click.UsageError):
    """Wrong usage, with the short way to help."""

    def show(self, file: IO[Any] | None = None) -> None:
        if self.ctx is not None:
            way = f"Try '{self.ctx.command_path} -h' for help."
            click.echo(f"{self.ctx.get_usage()}\n{way}\n", file=file, err=True)
        click.echo(f"Error: {visible(self.format_message(), lines=True)}", file=file, err=True)


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except (click.exceptions.NoArgsIsHelpError, _WrongUsage):
        raise
    except click.UsageError as error:
        if isinstance(error, click.NoSuchOption):
            name = error.option_name
            message = f"No such option: {name}"
            error = click.NoSuchOption(name, message, error.possibilities, error.ctx)
        # A URL with a password may stand where none belongs.
        raise _WrongUsage(redact(error.format_message()), error.ctx) from None
