"""The verbs about accounts: what holds them, and going on."""

from collections.abc import Sequence
from datetime import datetime

import click

from dispatcher.books.accounts import Account
from dispatcher.cli.context import context_of, json_option, print_json
from dispatcher.cli.drawing import Cell, table


@click.group()
def account() -> None:
    """See the vendor's accounts and what holds them; lift a hold."""


@account.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the accounts with their rate, what holds them until when, and failures in a row.

    Example: dispatcher account list
    """
    accounts = context_of(ctx).dispatcher().accounts()
    if as_json:
        print_json([one.as_json() for one in accounts])
    else:
        _print(accounts)


@account.command()
@click.argument("name", metavar="NAME", help="The account's name.")
@json_option
@click.pass_context
def resume(ctx: click.Context, name: str, as_json: bool) -> None:
    """Lift an account's hold: it goes on at once, slowly at first.

    Where its API failed before, one chunk goes alone and finds out whether it is well again.

    Example: dispatcher account resume default
    """
    resumed = context_of(ctx).dispatcher().resume_account(name)
    if as_json:
        print_json(resumed.as_json())
    else:
        _print([resumed])


def _print(accounts: Sequence[Account]) -> None:
    if not accounts:
        print("No account yet: the first campaign makes one.")
        return
    titles = ("ACCOUNT", "RATE", "RUNNING", "FAILURES", "DOUBTS", "RESTS UNTIL", "BECAUSE")
    rows: list[list[Cell]] = [[(title, "bold") for title in titles]]
    for one in accounts:
        cells = (
            one.name,
            "-" if one.rate is None else f"{one.rate:g}/s",
            f"{one.running:,}",
            f"{one.failures:,}",
            f"{one.doubts:,}",
            "-" if one.hold_until is None else _moment(one.hold_until),
            one.hold_reason or "-",
        )
        rows.append([(cell, "") for cell in cells])
    for line in table(rows):
        print(line)


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
