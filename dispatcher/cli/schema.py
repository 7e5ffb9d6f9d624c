"""The verb migrate."""

import click

from dispatcher.books import schema
from dispatcher.books.session import make_engine
from dispatcher.cli.context import context_of, json_option, print_json


@click.command()
@json_option
@click.pass_context
def migrate(ctx: click.Context, as_json: bool) -> None:
    """Bring the database's schema up to date; done at once where it is.

    Example: dispatcher migrate
    """
    engine = make_engine(context_of(ctx).settings().require_database_url())
    before, after = schema.migrate(engine)
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        print(f"The schema is up to date, at {after}.")
    else:
        print(f"The schema was at {before or 'nothing'} and is now at {after}.")
