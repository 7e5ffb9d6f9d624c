"""The verbs check and columns: a message and an audience's file, looked at by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dispatcher.cli.context import context_of, json_option, print_json, say
from dispatcher.cli.drawing import Cell, cropped, table
from dispatcher.cli.reading import read_message
from dispatcher.words import counted

if TYPE_CHECKING:
    from dispatcher.audience.headings import Heading

_LONGEST_VALUES = 60
_LONGEST_NAME = 40


@click.command()
@click.argument(
    "message_file", metavar="MESSAGE", help="A JSON file of the platform objects, or `-`."
)
@json_option
def check(message_file: str, as_json: bool) -> None:
    """Check a message by itself: nothing is connected, stored or sent.

    Example: dispatcher check message.json
    """
    message = read_message(message_file, {})
    if as_json:
        print_json(message.as_json())
        return
    for warning in message.warnings:
        say(f"Warning: {warning}")
    texts = f", {counted(len(message.variants), 'variant')}" if message.variants else ""
    size = f"{len(message.json.encode()):,} bytes"
    print(f"The message is well-formed: {', '.join(message.platforms)}{texts}, {size}.")


@click.command()
@click.argument(
    "audience", metavar="FILE", help="A .csv, .jsonl, .parquet or .xlsx file, also .gz or .zst."
)
@click.option(
    "--format", "form", metavar="F", help="csv, jsonl or parquet: of a file whose name says none."
)
@json_option
@click.pass_context
def columns(ctx: click.Context, audience: str, form: str | None, as_json: bool) -> None:
    """Tell an audience's columns: what each is read as, and its first values.

    Example: dispatcher columns winback.csv
    """
    found = context_of(ctx).dispatcher().columns(audience, format=form)
    if as_json:
        print_json([each.as_json() for each in found])
        return
    rows: list[list[Cell]] = [[(title, "bold") for title in ("COLUMN", "READ AS", "FIRST VALUES")]]
    rows += [
        [(cropped(each.name, _LONGEST_NAME), ""), (_read_as(each), ""), (_values(each), "dim")]
        for each in found
    ]
    for line in table(rows):
        print(line)


def _read_as(heading: Heading) -> str:
    if heading.identifier is not None:
        return heading.identifier
    if heading.ignored:
        return "left out"
    if heading.may_tell is not None:
        return f"? (--{heading.may_tell}-column, --column or --ignore-columns)"
    return "? (--column or --ignore-columns)"


def _values(heading: Heading) -> str:
    return cropped(", ".join(each for each in heading.values if each), _LONGEST_VALUES)
