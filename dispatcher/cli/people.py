"""The verbs about people by themselves: on an app's standing list, and in stored audiences."""

from collections.abc import Sequence

import click

from dispatcher.books.finding import Found
from dispatcher.cli.asking import confirmed
from dispatcher.cli.context import context_of, json_option, print_json, say
from dispatcher.cli.drawing import Cell, table
from dispatcher.cli.interrupting import interruptible
from dispatcher.cli.preparing import preparing
from dispatcher.cli.reading import column_options, columns_of, names_of
from dispatcher.cli.steps import INTERRUPTED, Steps
from dispatcher.verbs.people import REMAINS, Receipt
from dispatcher.words import counted

_app_option = click.option("--app-id", required=True, help="The vendor's id of the app.")
_identifiers = click.argument(
    "identifiers",
    metavar="IDENTIFIER...",
    nargs=-1,
    required=True,
    help="Who is meant, with its kind: userId=anna, token=..., idfa=...",
)


@click.group()
def suppress() -> None:
    """Keep an app's standing list: whoever is on it gets nothing, running campaigns included."""


@suppress.command()
@_identifiers
@_app_option
@json_option
@click.pass_context
def add(ctx: click.Context, identifiers: tuple[str, ...], app_id: str, as_json: bool) -> None:
    """Put somebody on the list: no later chunk of any campaign of the app goes to them.

    What is on its way to the vendor already, or may be, is not called back.

    Example: dispatcher suppress add --app-id A userId=anna
    """
    done = context_of(ctx).dispatcher().suppress_add(app_id, identifiers)
    if as_json:
        print_json(done.as_json())
    else:
        print(_added(done.added, done.already))


@suppress.command()
@_identifiers
@_app_option
@json_option
@click.pass_context
def remove(ctx: click.Context, identifiers: tuple[str, ...], app_id: str, as_json: bool) -> None:
    """Take somebody off the list; whoever was left out of a campaign by then stays left out.

    Example: dispatcher suppress remove --app-id A userId=anna
    """
    done = context_of(ctx).dispatcher().suppress_remove(app_id, identifiers)
    if as_json:
        print_json(done.as_json())
    else:
        print(
            f"{counted(done.removed, 'identifier')} taken off the list"
            + (f"; {_were(done.absent)} not on it" if done.absent else "")
            + "."
        )


@suppress.command()
@_identifiers
@_app_option
@json_option
@click.pass_context
def check(ctx: click.Context, identifiers: tuple[str, ...], app_id: str, as_json: bool) -> None:
    """Say who of these is on the list; the exit status is 0 either way.

    Example: dispatcher suppress check --app-id A userId=anna userId=bob
    """
    checked = context_of(ctx).dispatcher().suppress_check(app_id, identifiers)
    if as_json:
        print_json(checked.as_json())
    else:
        for identifier in dict.fromkeys(identifiers):
            where = "on the list" if identifier in checked.listed else "not on the list"
            print(f"{identifier}  {where}")


@suppress.command("import")
@click.argument(
    "file",
    metavar="FILE",
    help="A .csv, .jsonl, .parquet or .xlsx file, also .gz or .zst, a directory of them, or `-`.",
)
@_app_option
@click.option("--format", "form", metavar="F", help="csv, jsonl or parquet: of what does not say.")
@column_options
@json_option
@click.pass_context
def import_(
    ctx: click.Context,
    file: str,
    app_id: str,
    form: str | None,
    named: tuple[str, ...],
    ignore_columns: str | None,
    absent: tuple[str, ...],
    as_json: bool,
) -> None:
    """Put everybody in a file on the list: every identifier in it, in whatever row.

    The file comes in the forms of an audience, and is read to its end before anything is added.

    Example: dispatcher suppress import --app-id A unsubscribed.csv
    """
    steps = Steps("are on the list", "identifier")
    notes: list[str] = []
    with interruptible(lambda: _left(steps.done)), preparing("the list") as reading:
        dispatcher = context_of(ctx).dispatcher()
        done = dispatcher.suppress_import(
            app_id,
            file,
            format=form,
            columns=columns_of(named),
            ignore_columns=None if ignore_columns is None else names_of(ignore_columns),
            absent=absent or None,
            reading=reading,
            told=notes.append,
            progress=steps,
        )
    for note in notes:
        say(note)
    if as_json:
        print_json(done.as_json())
    else:
        print(_added(done.added, done.already))


@suppress.command()
@_app_option
@json_option
@click.pass_context
def count(ctx: click.Context, app_id: str, as_json: bool) -> None:
    """Say how many identifiers are on the list.

    Example: dispatcher suppress count --app-id A
    """
    entries = context_of(ctx).dispatcher().suppress_count(app_id)
    if as_json:
        print_json({"app_id": app_id, "count": entries})
    else:
        print(f"{counted(entries, 'identifier')} on the list of {app_id}.")


def _left(done: int) -> str:
    return f"Interrupted: {done:,} of them are on the list; the same again adds the rest."


def _added(added: int, already: int) -> str:
    more = f"; {_were(already)} on it already" if already else ""
    return f"{counted(added, 'identifier')} put on the list{more}."


def _were(many: int) -> str:
    return f"{many:,} {'was' if many == 1 else 'were'}"


@click.command()
@click.argument(
    "identifier", metavar="IDENTIFIER", help="Who is meant, with its kind: userId=anna, token=..."
)
@json_option
@click.pass_context
def find(ctx: click.Context, identifier: str, as_json: bool) -> None:
    """Say which campaigns and chunks hold somebody, and what became of them.

    Example: dispatcher find userId=anna
    """
    found = context_of(ctx).dispatcher().find(identifier)
    if as_json:
        print_json([each.as_json() for each in found])
        return
    if not found:
        print("No stored audience holds them.")
        return
    _print_found(found)


@click.command()
@click.argument(
    "identifier", metavar="IDENTIFIER", help="Who is meant, with its kind: userId=anna, token=..."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def forget(ctx: click.Context, identifier: str, yes: bool, as_json: bool) -> None:
    """Take somebody out of every stored audience, and keep them out of all that come.

    They stand on the standing list of every app from then on, as a hash. Says where they are first,
    and asks on a terminal; elsewhere it wants --yes. Prints a receipt. What may be with the vendor
    right now has to be kept for some minutes: then it ends with 1, and has to be said again.

    Example: dispatcher forget userId=anna --yes
    """
    dispatcher = context_of(ctx).dispatcher()
    found = dispatcher.find(identifier)
    say(f"They are in {counted(len(found), 'chunk')} of stored audiences.")
    if not yes and not confirmed("Forget them for good?", "forget them"):
        say("Nobody was forgotten.")
        return
    steps = Steps("are left")
    try:
        receipt = dispatcher.forget(identifier, progress=steps)
    except KeyboardInterrupt:
        say(
            f"Interrupted: {counted(steps.done, 'chunk')} of {len(found):,} are left; "
            "the same again does the rest."
        )
        raise click.exceptions.Exit(INTERRUPTED) from None
    if as_json:
        print_json(receipt.as_json())
    else:
        _print_receipt(receipt)
    if receipt.waiting:
        say(
            f"{counted(len(receipt.waiting), 'chunk')} may be with the vendor right now, and a "
            "repeat has to be the same: forget them again in some minutes."
        )
        raise click.exceptions.Exit(1)


def _print_receipt(receipt: Receipt) -> None:
    print(f"Forgotten at {receipt.at:%Y-%m-%d %H:%M:%S %Z}.")
    print(f"On the standing list of: {', '.join(receipt.apps) or 'no app, as there is none'}.")
    if receipt.left:
        print("They left:")
        _print_found(receipt.left)
    print("What remains:")
    for each in REMAINS:
        print(f"- {each}")


def _print_found(found: Sequence[Found]) -> None:
    rows: list[list[Cell]] = [[(title, "bold") for title in _FOUND]]
    for each in found:
        settled = f"{each.settled_at:%Y-%m-%d %H:%M:%S}" if each.settled_at else "-"
        made = f"{each.created_at:%Y-%m-%d %H:%M:%S}"
        words = (str(each.campaign)[:8], str(each.chunk), each.state, each.variant or "-")
        rows.append([(word, "") for word in (*words, made, settled)])
    for line in table(rows, right=(1,)):
        print(line)


_FOUND = ("CAMPAIGN", "CHUNK", "STATE", "VARIANT", "CREATED", "SETTLED")
