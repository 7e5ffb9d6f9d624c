"""What the books say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dispatcher.books import acts, campaigns, curve, fleet, overview
from dispatcher.books import chunks as single_chunks
from dispatcher.books.acts import Act
from dispatcher.books.campaigns import Campaign
from dispatcher.books.chunks import Attempt, Chunk
from dispatcher.books.curve import Curve
from dispatcher.books.fleet import Worker
from dispatcher.books.overview import Overview
from dispatcher.books.session import snapshot, transaction
from dispatcher.errors import OptionError
from dispatcher.forks import not_while_forking
from dispatcher.lifecycle import CampaignState, usable_window
from dispatcher.verbs.connections import Connections, Reference
from dispatcher.verbs.options import check_limit, check_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dispatcher.books.audit import Explanation, Verdict
    from dispatcher.books.failures import Failure, Forgotten, Unnamed

MOST_LISTED = 50
"""How many campaigns `list` gives where nobody says it."""

MOST_A_PAGE = 1_000
"""How many chunks, or attempts at one, are read at once."""

_PAGE = 500
"""So many are read in one transaction: a session must not wait for long while they are made."""


def show(connections: Connections, campaign: Reference) -> Campaign:
    """The campaign as it stands."""
    with transaction(connections.engine) as connection:
        return campaigns.read(connection, campaigns.resolve(connection, campaign))


def message_of(connections: Connections, campaign: Reference) -> Mapping[str, Any]:
    """What its members get."""
    with transaction(connections.engine) as connection:
        found = campaigns.resolve(connection, campaign)
        document: Mapping[str, Any] = json.loads(campaigns.message_of(connection, found))
    return document


def check_schema(connections: Connections) -> None:
    """That the database answers, and has this version's schema."""
    with not_while_forking():
        from dispatcher.books import schema

    schema.check_schema(connections.engine)


def live(connections: Connections) -> Overview:
    """What is under way, at one moment."""
    with snapshot(connections.engine) as connection:
        return overview.read(connection)


def list_page(
    connections: Connections,
    state: str | None,
    *,
    tag: str | None,
    limit: int | None,
    before: Reference | None,
    tests: bool,
    key: str | None,
    app_id: str | None,
) -> tuple[Campaign, ...]:
    """The newest campaigns, read a page at a time."""
    check_limit(limit, "campaigns")
    for name, value in (("tag", tag), ("key", key), ("app_id", app_id)):
        if value is not None:
            check_line(name, value)
    only = None if state is None else _state(state)
    found: list[Campaign] = []
    with transaction(connections.engine) as connection:
        end = None if before is None else campaigns.resolve(connection, before)
    while limit is None or len(found) < limit:
        size = _PAGE if limit is None else min(_PAGE, limit - len(found))
        with transaction(connections.engine) as connection:
            page = campaigns.read_page(
                connection,
                state=only,
                tag=tag,
                key=key,
                app_id=app_id,
                before=end,
                limit=size,
                tests=tests,
            )
        found += page
        if len(page) < size:
            break
        end = UUID(page[-1].id)
    return tuple(found)


def explain(connections: Connections, campaign: Reference) -> Explanation:
    """The campaign's timeline, and what it waits for."""
    with not_while_forking():
        from dispatcher.books import audit

    settings = connections.settings
    window = usable_window(settings.pack_id_window, settings.request_timeout)
    with transaction(connections.engine) as connection:
        return audit.explain(connection, campaigns.resolve(connection, campaign), window)


def chunks(
    connections: Connections, campaign: Reference, state: str | None, *, first: int, limit: int
) -> tuple[Chunk, ...]:
    """The campaign's chunks, from one on."""
    _check_number("first", first)
    _check_page(limit, "chunks")
    if state is not None:
        _check_chunk_state(state)
    with transaction(connections.engine) as connection:
        found = campaigns.resolve(connection, campaign)
        return single_chunks.read_page(connection, found, state=state, first=first, limit=limit)


def attempts(
    connections: Connections, campaign: Reference, chunk: int, *, before: int | None, limit: int
) -> tuple[Attempt, ...]:
    """The newest attempts at a chunk."""
    _check_number("chunk", chunk)
    if before is not None:
        _check_number("before", before)
    _check_page(limit, "attempts")
    with transaction(connections.engine) as connection:
        found = campaigns.resolve(connection, campaign)
        return single_chunks.attempts(connection, found, chunk, before=before, limit=limit)


def throughput(connections: Connections, campaign: Reference) -> Curve:
    """How the campaign went over time."""
    with transaction(connections.engine) as connection:
        return curve.read(connection, campaigns.resolve(connection, campaign))


def log(
    connections: Connections,
    campaign: Reference | None,
    *,
    actor: str | None,
    before: int | None,
    limit: int | None,
) -> tuple[Act, ...]:
    """The newest acts, about one campaign or all that is."""
    check_limit(limit, "acts")
    if actor is not None:
        check_line("actor", actor)
    if before is not None and (isinstance(before, bool) or not 0 < before < 2**63):
        raise OptionError(f"before is {before}: give the id of an act, as `log --json` has it.")
    with transaction(connections.engine) as connection:
        found = None if campaign is None else campaigns.resolve(connection, campaign)
        return acts.read(connection, found, limit, actor=actor, before=before)


def workers(connections: Connections) -> tuple[Worker, ...]:
    """The workers that were alive within the last hour, by name."""
    with transaction(connections.engine) as connection:
        return fleet.read_all(connection)


def verify(connections: Connections, campaign: Reference) -> Verdict:
    """Whether the campaign's books are sound."""
    with not_while_forking():
        from dispatcher.books import audit

    with snapshot(connections.engine) as connection:
        found = campaigns.resolve(connection, campaign)
        return audit.verify(connection, found, connections.settings.pack_id_window)


def failures(
    connections: Connections, campaign: Reference
) -> Iterator[Failure | Unnamed | Forgotten]:
    """The members who were not delivered to."""
    with not_while_forking():
        from dispatcher.books.failures import failures

    with transaction(connections.engine) as connection:
        campaign_id = campaigns.resolve(connection, campaign)
    return failures(connections.engine, campaign_id)


def _check_number(name: str, number: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 2**31:
        raise OptionError(f"{name} is {number!r}: give a whole number, 1 to {2**31 - 1:,}.")


def _check_page(limit: int, what: str) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= MOST_A_PAGE:
        raise OptionError(
            f"limit is {limit!r}: give how many {what} to list, 1 to {MOST_A_PAGE:,}."
        )


def _check_chunk_state(state: str) -> None:
    if state not in single_chunks.LISTED:
        known = ", ".join(single_chunks.LISTED)
        raise OptionError(f"{state!r} is no state of a chunk; known are {known}.")


def _state(state: str) -> CampaignState:
    try:
        return CampaignState(state)
    except ValueError as error:
        raise OptionError(
            f"{state!r} is no state of a campaign; known are {', '.join(CampaignState)}."
        ) from error
