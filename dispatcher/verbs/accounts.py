"""The accounts that campaigns are sent for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dispatcher.books import accounts, transitions
from dispatcher.books.accounts import Account
from dispatcher.books.commits import commit
from dispatcher.books.session import transaction
from dispatcher.verbs.connections import Connections

if TYPE_CHECKING:
    from sqlalchemy import Connection


def read_all(connections: Connections) -> tuple[Account, ...]:
    """The accounts, by name."""
    with transaction(connections.engine) as connection:
        return accounts.read_all(connection)


def resume(connections: Connections, name: str) -> Account:
    """Lift an account's hold."""

    def lift(connection: Connection) -> Account:
        transitions.resume_account(connection, name)
        return next(a for a in accounts.read_all(connection) if a.name == name)

    return commit(
        connections.engine,
        lift,
        doubt=lambda account: (
            f"the hold of account {account.name} may be lifted; `dispatcher account list` tells."
        ),
    )
