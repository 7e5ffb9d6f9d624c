"""The verb console: the pages and the HTTP API, and the tokens that let programs use that."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from dispatcher.cli.context import context_of, json_option, print_json, say
from dispatcher.cli.drawing import Cell, table
from dispatcher.cli.users import user


@click.group(invoke_without_command=True)
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8080, help="0: any port that is free."
)
@click.option(
    "--host", default="127.0.0.1", help="Who else may ask: 0.0.0.0 lets every network do it."
)
@click.option("--tls-cert", metavar="FILE", help="A chain of certificates (PEM): HTTPS.")
@click.option("--tls-key", metavar="FILE", help="Its key (PEM, without a password).")
@click.option("--behind-proxy", is_flag=True, help="A proxy before it has TLS.")
@click.option(
    "--trusted-proxy",
    metavar="NETWORK",
    multiple=True,
    help="Where the proxy is, as 10.0.0.0/8: it says by X-Forwarded-For who asks.",
)
@click.option("--public-url", metavar="URL", help="Where browsers find it, where that is not here.")
@click.pass_context
def console(ctx: click.Context, /, **given: Any) -> None:
    """Serve the console and the HTTP API, until it is stopped.

    People sign in, see `dispatcher console user`; programs have a token, see `dispatcher console
    token`. It listens on this machine alone, and prints a way in while there are no users.
    Elsewhere it wants users, and TLS or a proxy that has it.

    Example: dispatcher console --port 8080
    """
    if ctx.invoked_subcommand is not None:
        return
    from dispatcher.cli.programs import become
    from dispatcher.extras import require_console

    require_console()
    from dispatcher import session_key

    settings = context_of(ctx).settings()
    settings.require_database_url()
    settings.require_broker_url()
    session_key.check(settings)
    become(["console", *_options(given)])


def _options(given: Mapping[str, Any]) -> Iterator[str]:
    """The same options again, for the program that it becomes."""
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            yield option
        elif value is not None and value is not False:
            for each in value if isinstance(value, tuple) else (value,):
                yield from (option, str(each))


console.add_command(user)


@console.group()
def token() -> None:
    """Let somebody use the HTTP API, and take that back."""


@token.command()
@click.argument("name", metavar="NAME", help="Whose it is, as the log is to say.")
@click.option(
    "--role",
    required=True,
    help="viewer looks, operator also sends and steers, admin may do everything.",
)
@click.pass_context
def add(ctx: click.Context, name: str, role: str) -> None:
    """Make a token, and print it: this once, as only its hash is kept.

    Example: dispatcher console token add shop --role operator
    """
    made = context_of(ctx).dispatcher().token_add(name, role)
    say(f"Keep the token of {name} safe: nobody can show it again.")
    print(made.reveal())


@token.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List whose tokens there are, and what each may do.

    Example: dispatcher console token list
    """
    tokens = context_of(ctx).dispatcher().tokens()
    if as_json:
        print_json([each.as_json() for each in tokens])
        return
    if not tokens:
        print("No token yet: `dispatcher console token add` makes one.")
        return
    rows: list[list[Cell]] = [[(title, "bold") for title in ("NAME", "ROLE", "SINCE")]]
    for each in tokens:
        since = each.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        rows.append([(each.name, ""), (each.role, ""), (since, "")])
    for line in table(rows):
        print(line)


@token.command()
@click.argument("name", metavar="NAME", help="Whose it is.")
@click.pass_context
def remove(ctx: click.Context, name: str) -> None:
    """Take a token back: it lets nobody in from the next request on, and its streams end.

    Example: dispatcher console token remove shop
    """
    context_of(ctx).dispatcher().token_remove(name)
    print(f"The token of {name} is gone.")
