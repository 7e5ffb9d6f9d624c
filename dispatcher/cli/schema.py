"""The verb migrate."""

import sys

import click

from dispatcher.books import roles, schema
from dispatcher.books.session import make_engine
from dispatcher.cli.context import context_of, json_option, print_json
from dispatcher.cli.encoding import visible


@click.command()
@click.option(
    "--roles",
    "with_roles",
    is_flag=True,
    help="Make the roles dispatcher_producer, dispatcher_worker and dispatcher_reader, too.",
)
@json_option
@click.pass_context
def migrate(ctx: click.Context, with_roles: bool, as_json: bool) -> None:
    """Bring the database's schema up to date; done at once where it is.

    With --roles each kind of program may do what it needs and no more: GRANT one of the roles to
    its user. To be run by the tables' owner, who may create roles.

    Example: dispatcher migrate --roles
    """
    engine = make_engine(context_of(ctx).settings().require_database_url())
    before, after = schema.migrate(
        engine, tell=lambda words: print(visible(words), file=sys.stderr)
    )
    if with_roles:
        schema.migrate_roles(engine)
    if as_json:
        made = {"roles": list(roles.ROLES)} if with_roles else {}
        print_json({"before": before, "after": after, **made})
        return
    if before == after:
        print(f"The schema is up to date, at {after}.")
    else:
        print(f"The schema was at {before or 'nothing'} and is now at {after}.")
    if with_roles:
        print(
            f"{', '.join(roles.ROLES)} have their rights: grant each program's user one of them, "
            f"as in GRANT {roles.WORKER} TO name."
        )
