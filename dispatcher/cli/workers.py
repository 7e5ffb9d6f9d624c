"""The verb workers: who is there to send, and who hears nothing."""

from collections.abc import Sequence

import click

from dispatcher.books.fleet import Worker
from dispatcher.cli.context import context_of, json_option, print_json
from dispatcher.cli.drawing import Cell, table


@click.command()
@json_option
@click.pass_context
def workers(ctx: click.Context, as_json: bool) -> None:
    """List the workers that told of themselves within the last hour; the first by name leads.

    One that stops as it should is not among them any more; one that was killed is, as silent.

    Example: dispatcher workers
    """
    known = context_of(ctx).dispatcher().workers()
    if as_json:
        print_json([each.as_json() for each in known])
    else:
        _print(known)


def _print(known: Sequence[Worker]) -> None:
    if not known:
        print("No worker is known: start one, as by `dispatcher worker`.")
        return
    titles = ("WORKER", "SLOTS", "RATE", "SEEN", "STATE", "BECAUSE")
    rows: list[list[Cell]] = [[(title, "bold") for title in titles]]
    for each in known:
        cells = (
            each.name,
            f"{each.slots:,}",
            "-" if each.rate is None else f"{each.rate:g}/s",
            each.seen_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            each.state,
            each.silence or "-",
        )
        rows.append([(cell, "") for cell in cells])
    for line in table(rows, right=(1,)):
        print(line)
