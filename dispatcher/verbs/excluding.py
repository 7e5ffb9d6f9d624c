"""Leaving out members for what other campaigns sent to them: what is asked, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from dispatcher.books import exclusions, joining, making
from dispatcher.books.exclusions import Exclusions, Take
from dispatcher.books.session import allow_long_statements, snapshot
from dispatcher.errors import OptionError
from dispatcher.forks import not_while_forking
from dispatcher.verbs.options import Options

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dispatcher.audience import Frozen
    from dispatcher.verbs.connections import Connections, Reference
    from dispatcher.verbs.ordering import Order

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_LONGEST = timedelta(days=3650)


def exclusions_of(said: Options) -> Exclusions:
    """What these options ask for; OptionError where they contradict each other, or say no time."""
    only = said["only_unsent"]
    asked = Exclusions(
        exclude=_references(said["exclude"]),
        only_unsent=None if only is None else _reference("only_unsent", only),
        not_within=_not_within(said["not_within"]),
        ignore_purged=_ignores(said["exclude_purged"]),
    )
    if asked.ignore_purged and not asked:
        raise OptionError(
            "exclude_purged says what to do where excluding finds no members, but nothing is "
            "excluded: name what is (--exclude, --only-unsent, --not-within), or leave it out."
        )
    if asked.only_unsent in asked.exclude:
        raise OptionError(
            f"Campaign {asked.only_unsent} is to be excluded, and those whom it did not reach are "
            "to be the only ones: the second (--only-unsent) says both, leave the first out."
        )
    return asked


def frozen(
    connections: Connections, order: Order, connection: Connection | None = None
) -> Frozen | None:
    """The chunks that the order's exclusions are about, read when they are asked for, if any.

    They are read in the caller's transaction, where `connection` is in one.

    Where the key stands for a campaign already, nobody is excluded once more: its content says who
    was asked for, and who got it then is settled.
    """
    key, asked = order.said["key"], order.exclusions
    if not asked:
        return None
    with not_while_forking():
        from dispatcher.audience import Frozen

    def read(take: Take) -> list[str] | None:
        with _reading(connections, connection) as reading:
            if key is not None and making.is_taken(reading, key):
                return None
            return exclusions.read(reading, order.app_id, asked, take)

    return Frozen(read, asked.only_unsent is not None)


@contextmanager
def _reading(connections: Connections, connection: Connection | None) -> Iterator[Connection]:
    """All of it as it was at one moment, as far as the caller's transaction allows."""
    if connection is not None:
        with joining.within(connection):
            yield connection
    else:
        with snapshot(connections.engine) as own:
            allow_long_statements(own)
            yield own


def _references(given: Reference | Sequence[Reference] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, str | UUID | Iterable):
        raise OptionError(f"exclude is a {type(given).__name__}: give the ids of campaigns.")
    several = (given,) if isinstance(given, str | UUID) else tuple(given)
    return tuple(sorted({_reference("exclude", each) for each in several}))


def _reference(name: str, given: Reference) -> str:
    if not isinstance(given, str | UUID):
        raise OptionError(f"{name} holds a {type(given).__name__}: give the ids of campaigns.")
    return str(given).strip().lower()


def _not_within(given: timedelta | str | None) -> timedelta | None:
    if given is None:
        return None
    if isinstance(given, timedelta):
        within = given
    elif isinstance(given, str) and (match := re.fullmatch(r"\s*([0-9]{1,6})([mhd])\s*", given)):
        within = int(match[1]) * _UNITS[match[2]]
    else:
        raise OptionError(f"not_within is {given!r}: write it as 30m, 24h or 7d.")
    if not timedelta(0) < within <= _LONGEST:
        raise OptionError(f"not_within is {given!s}: give more than nothing and at most 3650d.")
    return within


def _ignores(given: str) -> bool:
    if given not in ("ignore", "refuse"):
        raise OptionError(f"exclude_purged is {given!r}: it is either ignore or refuse.")
    return given == "ignore"
