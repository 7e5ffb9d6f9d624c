"""What every verb shares: the settings, the dispatcher made of them, and how it prints."""

from __future__ import annotations

import json
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from dispatcher.cli.encoding import give_up, is_unicode, visible, visible_json
from dispatcher.settings import Settings, read_settings

if TYPE_CHECKING:
    from dispatcher.api import Dispatcher

json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON document, and nothing else, on stdout.",
)
campaign_argument = click.argument(
    "campaign",
    metavar="ID",
    help="A campaign's id, the beginning of one, or `last` for the newest.",
)


class Context:
    """The settings and the dispatcher, made when a verb first asks for them."""

    def settings(self) -> Settings:
        """The settings of the environment. Raises SettingError."""
        return self._settings

    def dispatcher(self) -> Dispatcher:
        """The verbs of the public interface."""
        return self._dispatcher

    @cached_property
    def _settings(self) -> Settings:
        return read_settings()

    @cached_property
    def _dispatcher(self) -> Dispatcher:
        from dispatcher.api import Dispatcher
        from dispatcher.verbs.actors import this_user

        return Dispatcher(self._settings, actor=this_user("cli"))


def context_of(ctx: click.Context) -> Context:
    """The context that the program's entry made."""
    found = ctx.find_root().obj
    assert isinstance(found, Context)
    return found


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    print(visible_json(json.dumps(document, indent=2, ensure_ascii=not is_unicode())))


def say(words: str) -> None:
    """Something for the person, on standard error; where nobody can be told, the verb goes on."""
    try:
        print(visible(words, lines=True), file=sys.stderr, flush=True)
    except OSError:
        give_up(sys.stderr)
