"""What is dear takes turns, so that nobody who looks, or tries to sign in, keeps others out.

All routes share the process's threads and its few connections to the database.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Request
from starlette.exceptions import HTTPException

_MOST_WAITING = 20
"""Who comes when so many wait already is told so at once."""


class Turn:
    """So many at a time; who waits for it holds neither a thread nor a connection."""

    def __init__(self, at_once: int, busy: str) -> None:
        self._limiter = CapacityLimiter(at_once)
        self._busy = busy

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for one's turn; HTTPException where too many wait."""
        if self._limiter.statistics().tasks_waiting >= _MOST_WAITING:
            words = f"{self._busy}: try again in a few seconds."
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, words, {"Retry-After": "5"})
        async with self._limiter:
            yield


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of an application, by what they are for.

    verifying: the books of a campaign, each of its chunks.
    looking: what counts a campaign's attempts: its page, its curve, its timeline.
    signing_in: a password, which takes memory and a core.
    """

    verifying: Turn = field(default_factory=lambda: Turn(1, "Others verify campaigns"))
    looking: Turn = field(default_factory=lambda: Turn(2, "Many look at campaigns"))
    signing_in: Turn = field(default_factory=lambda: Turn(1, "Many sign in at this moment"))


async def _verifying(request: Request) -> AsyncIterator[None]:
    turns: Turns = request.app.state.turns
    async with turns.verifying.taken():
        yield


async def _looking(request: Request) -> AsyncIterator[None]:
    turns: Turns = request.app.state.turns
    async with turns.looking.taken():
        yield


# After whoever is let in: what stands in a route's signature is waited for in its order.
Verifying = Annotated[None, Depends(_verifying, scope="function")]
Looking = Annotated[None, Depends(_looking, scope="function")]
