"""The verbs about accounts: what holds them, and going on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dispatcher.books.accounts import Account
from dispatcher.cli.context import JsonOption, context_of, print_json

account_app = typer.Typer(
    no_args_is_help=True, help="See the vendor's accounts and what holds them; lift a hold."
)


@account_app.command("list")
def list_(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the accounts with their rate, what holds them until when, and failures in a row.

    Example: dispatcher account list
    """
    accounts = context_of(ctx).dispatcher().accounts()
    if as_json:
        print_json([account.as_json() for account in accounts])
    else:
        _print(accounts)


@account_app.command()
def resume(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")],
    as_json: JsonOption = False,
) -> None:
    """Lift an account's hold: it goes on at once, slowly at first.

    Where its API failed before, one chunk goes alone and finds out whether it is well again.

    Example: dispatcher account resume default
    """
    account = context_of(ctx).dispatcher().resume_account(name)
    if as_json:
        print_json(account.as_json())
    else:
        _print([account])


def _print(accounts: Sequence[Account]) -> None:
    if not accounts:
        print("No account yet: the first campaign makes one.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("ACCOUNT", "RATE", "RUNNING", "FAILURES", "DOUBTS", "RESTS UNTIL"):
        table.add_column(column, no_wrap=True)
    table.add_column("BECAUSE")
    for account in accounts:
        table.add_row(
            account.name,
            "-" if account.rate is None else f"{account.rate:g}/s",
            f"{account.running:,}",
            f"{account.failures:,}",
            f"{account.doubts:,}",
            "-" if account.hold_until is None else _moment(account.hold_until),
            account.hold_reason or "-",
        )
    Console(highlight=False).print(table)


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
