"""A slot at work on its campaign, flown by the wire's thread for as long as all is usual.

That thread takes a claim from the group commit, sends the chunk on a connection that is open, reads
the usual reply and hands its report over with the next wish; the slot's own thread sleeps. Whatever
is anything else lands there, and is done as if it had never slept: a connection that was closed, a
reply in any other form or of any other meaning, a chunk to be screened, a report to be recorded
alone.
"""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import NamedTuple, NoReturn

from dispatcher.books.transitions import Claim, Report
from dispatcher.lifecycle import Accepted
from workers.connection import HUNG_UP, Attempt, Guarded, TooLate, closed_by_trouble
from workers.courier import (
    Courier,
    Errand,
    Letter,
    attempt,
    is_the_last,
    measure,
    record,
    report_of,
    send_before,
    tell,
)
from workers.group_commit import Answer, Wish
from workers.reading import AT_ONCE, Reply, read_on, usual
from workers.watchdog import clock
from workers.wire import READ, WRITE

_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Landed(NamedTuple):
    """What is to be recorded yet, and whether the slot is done with its campaign."""

    last: Report | None
    is_over: bool = False


class _Trip(NamedTuple):
    """One chunk on the wire."""

    claim: Claim
    letter: Letter
    asked_at: float
    claimed_at: float
    attempt: Attempt


def may_fly(last: Report | None) -> bool:
    """Whether all has been usual so far: the last attempt is for the group commit to record."""
    return last is None or (isinstance(last.outcome, Accepted) and not last.concerns_others)


def take_off(
    courier: Courier, errand: Errand, last: Report | None, wish: Wish, recorded: Callable[[], None]
) -> "Flight | None":
    """Begin with a wish after `last`, which the slot need not hold meanwhile.

    `recorded` is called when a report has been recorded, in this thread or another. None where no
    connection is open. One is opened where nothing waits to be recorded, if that takes no time.
    """
    connection = courier.push_api.take_open(opens=last is None)
    if connection is None:
        return None
    flight = Flight(courier, errand, connection, recorded)
    flight.take_off(last, wish)
    return flight


class Flight:
    """From a slot's taking off to its landing: all but these two is the wire's thread's."""

    def __init__(
        self, courier: Courier, errand: Errand, connection: Guarded, recorded: Callable[[], None]
    ) -> None:
        self._courier = courier
        self._errand = errand
        self._connection: Guarded | None = connection
        self._sock: socket.socket = connection.sock
        self._recorded = recorded
        self._wire = courier.push_api.wire
        self._landing: SimpleQueue[Callable[[], Landed]] = SimpleQueue()
        self._last: Report | None = None
        self._wish: Wish = errand.campaign.id
        self._asked_at = 0.0
        self._trip: _Trip | None = None
        self._unsent = memoryview(b"")
        self._watched_for = 0

    def take_off(self, last: Report | None, wish: Wish) -> None:
        """In the slot's thread, which calls `land` next: hand over to the wire's."""
        self._wish = wish
        if last is None and self._courier.closing():  # which was said while a connection opened
            self._landing.put(partial(self._by_hand, None))
            return
        self._sock.setblocking(False)
        self._ask(last, wish)

    def land(self) -> Landed:
        """Sleep until something is to be done in the slot's thread, and do it.

        Raises what the group commit raises, once the last report is recorded.
        """
        try:
            return self._landing.get()()
        except BaseException:
            if self._trip is not None and self._connection is not None:
                self._trip.attempt.end()
                self._connection.close()
            raise
        finally:
            self._let_go()

    def put(self, answer: Answer | Exception, /) -> None:
        """The group commit answers, in its thread."""
        self._wire.call(partial(self._step, partial(self._answered, answer)))

    def _ask(self, last: Report | None, wish: Wish) -> None:
        """Hand the last report over, with the next wish."""
        self._last, self._wish, self._asked_at = last, wish, clock()
        self._courier.group_commit.hand_over(last, wish, self)

    def _step(self, step: Callable[[], None]) -> None:
        """A step that fails fails in the slot."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - whatever it is, the slot waits
            self._land(partial(_fail, error))

    def _answered(self, answer: Answer | Exception) -> None:
        last, self._last = self._last, None
        if isinstance(answer, Exception):
            self._land(partial(self._failed, last, answer))
        elif last is None:
            self._go(answer.claim)
        elif answer.recorded:
            tell(self._courier, last, recorded=True)
            self._recorded()
            self._go(answer.claim)
        else:
            self._land(partial(self._record_by_hand, last, answer.claim))

    def _go(self, claim: Claim | None) -> None:
        """Send what was claimed, where nothing has to be done before."""
        assert self._connection is not None
        is_usable = self._is_usable()
        if claim is None or claim.unscreened or claim.probing or not is_usable:
            self._land(partial(self._by_hand, claim))
            return
        courier, claimed_at = self._courier, clock()
        letter = Letter(courier, self._errand, claim)
        trying = courier.push_api.attempt(send_before(courier, claim, self._asked_at))
        self._connection.attempt = trying
        try:
            self._connection.begin()
        except TooLate:
            trying.end()
            self._land(partial(self._by_hand, claim))
            return
        self._trip = _Trip(claim, letter, self._asked_at, claimed_at, trying)
        self._unsent = memoryview(courier.push_api.request(letter))
        self._send()

    def _is_usable(self) -> bool:
        """Whether the connection is open and nothing has come on it; else it is closed.

        What TLS sends for itself is taken off the wire by looking: it hides neither here, nor from
        whoever takes this connection next.
        """
        assert self._connection is not None
        with suppress(OSError):
            try:
                self._sock.recv(1)
            except _NOT_YET:
                return True
        self._connection.close()
        return False

    def _ready(self) -> None:
        """There is something to read, or room to write."""
        if self._unsent:
            self._step(self._send)
        elif self._trip is not None:
            self._step(self._receive)
        else:  # what comes unasked makes the connection useless, which is seen before it is used
            self._wire.leave(self._sock)
            self._watched_for = 0

    def _send(self) -> None:
        """As much of the request as goes onto the wire now; TLS may have to read before."""
        waits_for = WRITE
        try:
            sent = self._sock.send(self._unsent)
        except ssl.SSLWantReadError:
            sent, waits_for = 0, READ
        except _NOT_YET:
            sent = 0
        except HUNG_UP:  # the reply may be there all the same
            self._land(partial(self._read_by_hand, b"", whole=False))
            return
        except OSError as error:
            self._land(partial(self._ended_by, partial(_fail, error)))
            return
        self._unsent = self._unsent[sent:]
        self._watch(waits_for if self._unsent else READ)
        if not self._unsent:
            assert self._trip is not None
            self._unsent = memoryview(b"")  # the reply may take long, and needs none of it
            self._trip.letter.sent()

    def _receive(self) -> None:
        try:
            begun = self._sock.recv(AT_ONCE)
        except _NOT_YET:
            return
        except OSError as error:
            self._land(partial(self._ended_by, partial(_fail, error)))
            return
        reply = usual(begun)
        if reply is None:
            self._land(partial(self._read_by_hand, begun, whole=True))
            return
        try:
            landed = self._ended_by(lambda: reply, at_once=True)
        except _Away:
            self._land(partial(self._ended_by, lambda: reply))
            return
        report, courier = landed.last, self._courier
        if self._connection is None or self._connection.is_closed or not may_fly(report):
            self._land(lambda: landed)
        elif courier.closing() or not courier.nobody_waits():
            self._land(lambda: Landed(report, is_over=True))
        else:
            self._ask(report, self._errand.campaign.id)

    def _ended_by(
        self, reply: Callable[[], Reply], whole: bool = True, *, at_once: bool = False
    ) -> Landed:
        """The chunk on the wire has its reply, or comes to what is raised instead.

        _Away where that asks for members who were let go of, and is to wait for nothing.
        """
        assert self._trip is not None
        assert self._connection is not None
        (claim, letter, asked_at, claimed_at, trying), connection = self._trip, self._connection
        courier = self._courier
        outcome = courier.push_api.outcome(
            trying,
            letter.envelope,
            letter if letter.is_here or not at_once else _away,
            lambda: closed_by_trouble(connection, lambda: connection.ended(reply(), whole)),
        )
        self._trip, self._unsent = None, memoryview(b"")
        measure(courier, claim, outcome, claimed_at + letter.waited)
        return Landed(report_of(courier, claim, outcome, asked_at, claimed_at))

    def _watch(self, events: int) -> None:
        if events != self._watched_for:
            self._wire.watch(self._sock, events, self._ready)
            self._watched_for = events

    def _land(self, work: Callable[[], Landed]) -> None:
        """Wake the slot to do this; the wire looks at its connection no more."""
        self._wire.leave(self._sock)
        self._landing.put(work)

    # What is done in the slot's own thread, which has the connection for itself again.

    def _let_go(self) -> None:
        """Put the connection back, as the pool keeps them: whoever takes it waits on it."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if not connection.is_closed:
            connection.sock.settimeout(None)
        self._courier.push_api.pool.put_back(connection)

    def _by_hand(self, claim: Claim | None) -> Landed:
        """Send what was claimed in the usual way, if anything was."""
        asked_at = self._asked_at
        self._let_go()
        if claim is None:
            return Landed(None, is_over=is_the_last(self._courier, self._wish))
        return Landed(attempt(self._courier, self._errand, claim, asked_at))

    def _record_by_hand(self, last: Report, claim: Claim | None) -> Landed:
        record(self._courier, last)
        self._recorded()
        return self._by_hand(claim)

    def _read_by_hand(self, begun: bytes, *, whole: bool) -> Landed:
        """Wait for the rest of a reply, whatever it is; the watchdog keeps the time."""
        self._sock.settimeout(None)
        return self._ended_by(lambda: read_on(self._sock, begun), whole)

    def _failed(self, last: Report | None, error: Exception) -> NoReturn:
        if last is not None:
            record(self._courier, last)
            self._recorded()
        raise error


class _Away(Exception):
    """To ask for a request's members is to wait for the books."""


def _away() -> NoReturn:
    raise _Away


def _fail(error: Exception) -> NoReturn:
    raise error
