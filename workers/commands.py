"""Celery's own command line on our application: Flower, which has no password of its own."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

_HERE = "127.0.0.1"


def complete() -> None:
    """Have `flower` listen on this machine unless told otherwise.

    Nothing where this is not Celery's command line, or where Flower is not installed.
    """
    running = sys.modules.get("celery.bin.celery")
    installed = sys.modules.get("flower.command")
    if running is None or installed is None:
        return
    # Celery has looked the command up by now, and is to call it.
    command: click.Command = installed.flower
    command.callback = _listening_here(command.callback)


def _listening_here(flower: Callable[..., Any] | None) -> Callable[..., Any]:
    assert flower is not None

    @wraps(flower)
    def listen(*arguments: Any, **options: Any) -> Any:
        os.environ.setdefault("FLOWER_ADDRESS", _HERE)
        return flower(*arguments, **options)

    return listen
