"""`dispatcher services`: the embedded PostgreSQL and Valkey on their own, in the background."""

import shlex
from dataclasses import asdict
from pathlib import Path

import click

from dispatcher import embedded
from dispatcher.cli.context import json_option, print_json, say
from dispatcher.embedded import ServerStatus, ServerUrls
from dispatcher.settings import read_home


@click.group()
def services() -> None:
    """The embedded PostgreSQL and Valkey, left running in the background until `stop`."""


@services.command()
@json_option
def start(as_json: bool) -> None:
    """Start both servers, or leave them running, and print their URLs for the shell.

    Example: eval "$(dispatcher services start)"
    """
    home = read_home()
    urls = embedded.start(home)
    if as_json:
        print_json(asdict(urls) | {"database_url": urls.libpq_url})
        return
    print(_exports(urls))
    say(f"PostgreSQL and Valkey run, for {home}, until `dispatcher services stop`.")


@services.command()
@json_option
def stop(as_json: bool) -> None:
    """Stop both servers; their data stay for the next start.

    Example: dispatcher services stop
    """
    stopped = embedded.stop(read_home())
    if as_json:
        print_json({"stopped": stopped})
        return
    say("PostgreSQL and Valkey are stopped." if stopped else "Nothing was running.")


@services.command()
@json_option
def status(as_json: bool) -> None:
    """Say of each server whether it runs, and where; passwords are not shown.

    Example: dispatcher services status --json
    """
    pair = embedded.status(read_home())
    if as_json:
        servers = {"postgresql": pair.postgresql, "valkey": pair.valkey}
        print_json({name: _document(server) for name, server in servers.items()})
        return
    print(_sentence("PostgreSQL", pair.postgresql))
    print(_sentence("Valkey", pair.valkey))


def _exports(urls: ServerUrls) -> str:
    return (
        f"export DISPATCHER_DATABASE_URL={shlex.quote(urls.libpq_url)}\n"
        f"export DISPATCHER_BROKER_URL={shlex.quote(urls.broker_url)}"
    )


def _document(server: ServerStatus) -> dict[str, object]:
    return asdict(server) | {"socket": _text(server.socket), "log": str(server.log)}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _sentence(title: str, server: ServerStatus) -> str:
    if server.running:
        ending = f", and ends with process {server.ends_with}" if server.ends_with else ""
        return f"{title} runs at {server.url}{ending}."
    if server.died:
        again = "`dispatcher services start` starts it again"
        return f"{title} has died: {again}; {server.log} may tell why."
    return f"{title} does not run."
