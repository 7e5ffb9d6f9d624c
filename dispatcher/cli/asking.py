"""A question on the terminal, before something that cannot be undone."""

import sys

import click

from dispatcher.errors import OptionError


def confirmed(question: str, what: str) -> bool:
    """Whether the person at the terminal says yes; OptionError, to `what`, where there is none."""
    if not sys.stdin.isatty():
        raise OptionError(f"There is no terminal to ask on: give --yes to {what}.")
    return click.confirm(question, err=True)
