"""What an author looks at before a campaign is made: the message by itself, a file's columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING

from dispatcher.errors import OptionError
from dispatcher.forks import not_while_forking
from dispatcher.settings import Settings

if TYPE_CHECKING:
    from dispatcher.audience.headings import Heading
    from dispatcher.message import Message


def check_message(message: Mapping[str, object] | str | bytes) -> Message:
    """The message in these objects, or in their JSON text."""
    with not_while_forking():
        from dispatcher.message import check
        from dispatcher.message.reading import read

    return check(read(message, "The message") if isinstance(message, str | bytes) else message)


def columns(
    settings: Settings,
    audience: str | PathLike[str],
    platforms: Iterable[str] | None,
    format: str | None,
) -> tuple[Heading, ...]:
    """The columns of the file, for a message of these platforms."""
    with not_while_forking():
        from dispatcher.audience.headings import headings
        from dispatcher.message.platforms import PLATFORMS

    wanted = PLATFORMS if platforms is None else tuple(platforms)
    for name in wanted:
        if name not in PLATFORMS:
            raise OptionError(f"{name!r} is no platform: known are {', '.join(PLATFORMS)}.")
    return headings(
        audience,
        wanted,
        format=format,
        memory=settings.prepare_memory,
        scratch=settings.scratch,
    )
