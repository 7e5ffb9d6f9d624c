"""The addresses of a host, in time: a name server that is away holds nobody for long."""

import os
import socket
import threading
from functools import partial

from dispatcher.errand import Errand
from workers.watchdog import clock

Address = tuple[str, int]

_GOOD_FOR = 1.0
"""Seconds from a question on in which its answer is everybody's: many slots begin at once."""

_lock = threading.Lock()
_asked: dict[tuple[int, str, int | None], tuple[float, Errand[list[Address]]]] = {}
"""When, and by whom; by process, as a fork has none of its parent's threads."""


def addresses(host: str, port: int | None, deadline: float) -> list[Address]:
    """The host's addresses, in the order in which to try them.

    All who ask for one host within a second share one answer, and all who wait for it one question:
    a name server that is away costs a thread, and not one for each request. Raises OSError:
    TimeoutError where `deadline` on `clock()` comes before the answer.
    """
    key = (os.getpid(), host, port)
    with _lock:
        at, errand = _asked.get(key, (0.0, None))
        if errand is None or (errand.over and clock() > at + _GOOD_FOR):
            errand = _errand(host, port)
            _asked[key] = clock(), errand
    try:
        return list(errand.wait(deadline - clock()))
    except TimeoutError as error:
        raise TimeoutError(f"{host}: no name server answered in time") from error
    except socket.gaierror as error:
        with _lock:  # an error is theirs alone who have waited for it
            if key in _asked and _asked[key][1] is errand:
                del _asked[key]
        raise OSError(f"{host}: {error.strerror}") from error


def _errand(host: str, port: int | None) -> Errand[list[Address]]:
    try:
        return Errand(partial(_ask, host, port))
    except RuntimeError as error:
        raise OSError(f"{host}: no thread can be started to ask for its addresses") from error


def _ask(host: str, port: int | None) -> list[Address]:
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(str(found), int(number)) for *_, (found, number, *_) in entries]
