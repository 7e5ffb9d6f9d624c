"""Webhooks: who may be told, what was told, and telling it again."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING

from dispatcher.books import acts, campaigns, outbox
from dispatcher.books.commits import commit
from dispatcher.books.outbox import Webhook
from dispatcher.books.session import transaction
from dispatcher.errand import Errand
from dispatcher.errors import OptionError
from dispatcher.receivers import may_reach, read_url
from dispatcher.settings import Settings
from dispatcher.verbs.connections import Connections, Reference
from dispatcher.verbs.options import check_limit

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection

_PATIENCE = 3.0
"""Seconds for the name server."""


def _check_sequence(sequence: int) -> None:
    if isinstance(sequence, bool) or not 0 < sequence < 2**31:
        raise OptionError(f"sequence is {sequence}: give the number of a webhook, 1 or more.")


def check_notify(settings: Settings, url: str | None) -> None:
    """Raise OptionError unless it is None or a URL that webhooks may go to, as far as is known."""
    if url is None:
        return
    try:
        receiver = read_url(url)
    except ValueError as error:
        raise OptionError(
            f"notify (--notify) cannot be told anything: {error}, as in https://example.org/hook."
        ) from None
    for address in _addresses(receiver.host, receiver.port):
        if not may_reach(address, settings.notify_allow):
            raise OptionError(
                f"notify (--notify) leads to {address}, which is no address of the Internet: name "
                "its network in DISPATCHER_NOTIFY_ALLOW, here and for the workers, if webhooks may "
                "go there."
            )


def _addresses(host: str, port: int) -> list[str]:
    """The host's addresses; none where no name server knows any, as workers ask theirs again."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        return [str(address) for *_, (address, *_) in Errand(ask).wait(_PATIENCE)]
    except UnicodeError:
        raise OptionError(f"notify (--notify) names {host!r}, which can be no host.") from None
    except OSError:  # a time-out is one
        return []


def read(
    connections: Connections,
    campaign: Reference | None,
    *,
    before: tuple[Reference, int] | None,
    limit: int | None,
) -> tuple[Webhook, ...]:
    """The newest webhooks, of one campaign or of all."""
    check_limit(limit, "webhooks")
    if before is not None:
        _check_sequence(before[1])
    with transaction(connections.engine) as connection:
        found = None if campaign is None else campaigns.resolve(connection, campaign)
        end = before and (campaigns.resolve(connection, before[0]), before[1])
        return outbox.read(connection, found, limit, end)


def redeliver(connections: Connections, campaign: Reference, sequence: int | None) -> int:
    """Let one webhook be due now, or all that were not delivered."""
    if sequence is not None:
        _check_sequence(sequence)

    def again(connection: Connection) -> int:
        found: UUID = campaigns.resolve(connection, campaign)
        due = outbox.redeliver(connection, found, sequence)
        after = {"webhooks": due} if sequence is None else {"webhook": sequence}
        acts.write(connection, "webhook redeliver", campaign_id=found, after=after)
        return due

    return commit(
        connections.engine,
        again,
        doubt=lambda _: "they may be due again; `dispatcher webhook list` tells.",
    )
