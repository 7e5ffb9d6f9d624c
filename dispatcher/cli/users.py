"""The verbs about people: who may sign in to the console."""

import sys

import click

from dispatcher.cli.context import context_of, json_option, print_json, say
from dispatcher.cli.drawing import Cell, table
from dispatcher.errors import OptionError
from dispatcher.redaction import Secret

_MOST_READ = 10_000


@click.group()
def user() -> None:
    """Let people sign in to the console, and take that back."""


_name_argument = click.argument("name", metavar="NAME", help="Who it is, as the log is to say.")
_role_help = "viewer looks, operator also sends and steers, admin may do everything."


@user.command()
@_name_argument
@click.option("--role", required=True, help=_role_help)
@click.pass_context
def add(ctx: click.Context, name: str, role: str) -> None:
    """Let somebody sign in to the console.

    Asks for the password, or reads it from a piped standard input; where that is empty, it makes
    one, and prints it as the last word.

    Example: dispatcher console user add anna --role operator
    """
    given = _asked()
    made = context_of(ctx).dispatcher().user_add(name, role, given)
    _tell(f"{name} may sign in", given, made)


@user.command()
@_name_argument
@click.pass_context
def password(ctx: click.Context, name: str) -> None:
    """Give a user another password, read as by `add`; their sessions end at once.

    Example: dispatcher console user password anna
    """
    given = _asked()
    made = context_of(ctx).dispatcher().user_password(name, given)
    _tell(f"{name} has another password, and is signed out everywhere", given, made)


@user.command()
@_name_argument
@click.argument("role", metavar="ROLE", help=_role_help)
@click.pass_context
def role(ctx: click.Context, name: str, role: str) -> None:
    """Give a user another role; their sessions end at once.

    Example: dispatcher console user role anna admin
    """
    context_of(ctx).dispatcher().user_role(name, role)
    print(f"{name} is {role} from the next sign-in on.")


@user.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List who may sign in to the console, and what each may do.

    Example: dispatcher console user list
    """
    users = context_of(ctx).dispatcher().users()
    if as_json:
        print_json([each.as_json() for each in users])
        return
    if not users:
        print("No user yet: `dispatcher console user add` lets somebody sign in.")
        return
    rows: list[list[Cell]] = [[(title, "bold") for title in ("NAME", "ROLE", "SINCE")]]
    for each in users:
        since = each.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        rows.append([(each.name, ""), (each.role, ""), (since, "")])
    for line in table(rows):
        print(line)


@user.command()
@_name_argument
@click.pass_context
def remove(ctx: click.Context, name: str) -> None:
    """Let somebody in no more: their sessions, and what they watch, end at once.

    Example: dispatcher console user remove anna
    """
    context_of(ctx).dispatcher().user_remove(name)
    print(f"{name} may not sign in any more.")


def _asked() -> str | None:
    """The password that somebody types twice, or pipes here; None where they pipe nothing."""
    if sys.stdin.isatty():
        typed: str = click.prompt(
            "Password", hide_input=True, confirmation_prompt="Once more", err=True
        )
        return typed
    try:
        return sys.stdin.read(_MOST_READ).rstrip("\r\n") or None
    except UnicodeDecodeError as error:
        raise OptionError("The password on standard input is not UTF-8.") from error


def _tell(done: str, given: str | None, made: Secret) -> None:
    if given is None:
        say(f"{done}. The password was made here, and nobody can show it again:")
        print(made.reveal())
    else:
        print(f"{done}.")
