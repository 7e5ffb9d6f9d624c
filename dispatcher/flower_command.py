"""`celery flower` for Celery's command line: Flower's own, or how to install it.

Celery looks a command up before it loads an application, so that ours could say nothing then.
"""

import sys

import click

from dispatcher.errors import SettingError
from dispatcher.extras import require_flower


def _find() -> click.Command:
    try:
        require_flower()
    except SettingError as error:
        words = str(error)
        return click.Command(
            "flower",
            callback=lambda _: _refuse(words),
            params=[click.Argument(["_"], nargs=-1, type=click.UNPROCESSED)],
            context_settings={"ignore_unknown_options": True},
            help=words,
        )
    from flower.command import flower

    found: click.Command = flower
    return found


def _refuse(words: str) -> None:
    print(words, file=sys.stderr)
    raise SystemExit(2)


command = _find()
