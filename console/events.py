"""What is under way, as server-sent events: read once for all streams, however many there are."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing

from anyio import to_thread

from console.auth.persons import Proof
from console.problems import Problem, of_error, surprise
from dispatcher import Campaign, Dispatcher, DispatcherError

_LOG = logging.getLogger(__name__)

_EVERY = 1.0
_KNOWN_WITHIN = 5.0
"""Seconds within which a token or session that was just made is in a frame."""
_SIGN_OF_LIFE = 15.0
"""Seconds after which a stream says something though nothing changes: it shows whether anybody is
still there.
"""


class Frame:
    """What all streams tell, until the next one: the live `campaigns`, or why they are not known.

    `text` is the event that programs get of it. What a page makes of it is made once, for all.
    """

    def __init__(
        self,
        text: bytes,
        proofs: frozenset[Proof] | None,
        campaigns: Sequence[Campaign] = (),
        problem: str | None = None,
    ) -> None:
        self.text = text
        self.proofs = proofs
        self.campaigns = {campaign.id: campaign for campaign in campaigns}
        self.problem = problem
        self.is_over = asyncio.Event()
        self._made: dict[object, str] = {}

    def once(self, what: object, make: Callable[[], str]) -> str:
        """What `make` gives, made by whoever asks for it first."""
        if what not in self._made:
            self._made[what] = make()
        return self._made[what]

    def may_see(self, proof: Proof) -> bool:
        return self.proofs is None or proof in self.proofs

    def is_as(self, other: "Frame") -> bool:
        return (self.text, self.proofs) == (other.text, other.proofs)


class Broadcast:
    """One reader of the books, for as long as somebody listens.

    A stream holds no connection of the database. It tells the newest state and skips what it was
    too slow for, so that nothing piles up; it ends when its token or session does.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._frame = Frame(b"", None)
        self._listeners = 0
        self._reader: asyncio.Task[None] | None = None
        self._has_ended = False

    async def stream(self, proof: Proof) -> AsyncIterator[bytes]:
        """The whole state at once, and then each time that it changes."""
        yield b"retry: 2000\n\n"
        told = None
        async with aclosing(self.frames(proof, _SIGN_OF_LIFE)) as frames:
            async for frame in frames:
                yield b": still here\n\n" if frame is told else frame.text
                told = frame

    async def frames(self, proof: Proof, patience: float) -> AsyncGenerator[Frame]:
        """The newest frame at once, and each that comes; the same again after `patience` seconds.

        It ends with the token or session, and with the program.
        """
        self._listeners += 1
        if self._reader is None:
            self._frame = Frame(b"", None)
            self._reader = asyncio.create_task(self._read_on())
        try:
            if not self._frame.may_see(proof):  # it may be older than the token or session
                await _within(_KNOWN_WITHIN, self._frame.is_over)
            while not self._has_ended and (frame := self._frame).may_see(proof):
                if frame.text:
                    yield frame
                await _within(patience, frame.is_over)
        finally:
            self._listeners -= 1

    def end(self) -> None:
        """End all streams, as the program ends."""
        self._has_ended = True
        self._frame.is_over.set()

    async def _read_on(self) -> None:
        try:
            while self._listeners and not self._has_ended:
                before, now = self._frame, await self._newest()
                if not now.is_as(before):
                    self._frame = now
                    before.is_over.set()
                await asyncio.sleep(_EVERY)
        finally:
            self._reader = None

    async def _newest(self) -> Frame:
        """What the books say; where that is not known, for whatever reason, streams say so."""
        try:
            return await to_thread.run_sync(self._read)
        except DispatcherError as error:
            return _unknown(of_error(error))
        except Exception:  # noqa: BLE001 - it is logged, and the streams go on
            frame = _unknown(surprise())
            if not frame.is_as(self._frame):
                _LOG.exception("What streams tell could not be read")
            return frame

    def _read(self) -> Frame:
        campaigns = self._dispatcher.live().campaigns
        proofs: list[Proof] = [*self._dispatcher.tokens(), *self._dispatcher.sessions()]
        documents = [campaign.as_json() for campaign in campaigns]
        return Frame(event("campaigns", json.dumps(documents)), frozenset(proofs), campaigns)


def _unknown(problem: Problem) -> Frame:
    return Frame(event("problem", bytes(problem.body).decode()), None, problem=problem.detail)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


_END_OF_LINE = re.compile(r"\r\n|\r|\n")
"""All that ends a line of a stream (HTML, 9.2.6)."""


def event(name: str, text: str) -> bytes:
    """One event of a stream."""
    lines = "".join(f"data: {line}\n" for line in _END_OF_LINE.split(text))
    return f"event: {name}\n{lines}\n".encode()
