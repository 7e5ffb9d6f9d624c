"""The addresses of a host, in time: a name server that is away holds nobody for long."""

import os
import socket
import threading
from functools import partial

from dispatcher.errand import Errand
from workers.watchdog import clock

Address = tuple[str, int]

_lock = threading.Lock()
_asked: dict[tuple[int, str, int | None], Errand[list[Address]]] = {}
"""By process, as a fork has none of its parent's threads."""


def addresses(host: str, port: int | None, deadline: float) -> list[Address]:
    """The host's addresses, in the order in which to try them.

    All who ask for one host at a time share one question, so that a name server that is away costs
    a thread, and not one for each request. Raises OSError: TimeoutError where `deadline` on
    `clock()` comes before the answer.
    """
    key = (os.getpid(), host, port)
    with _lock:
        errand = _asked.get(key)
        if errand is None or errand.over:
            errand = _asked[key] = Errand(partial(_ask, host, port))
    try:
        return list(errand.wait(deadline - clock()))
    except TimeoutError as error:
        raise TimeoutError(f"{host}: no name server answered in time") from error
    except socket.gaierror as error:
        raise OSError(f"{host}: {error.strerror}") from error


def _ask(host: str, port: int | None) -> list[Address]:
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(str(found), int(number)) for *_, (found, number, *_) in entries]
