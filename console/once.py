"""What is asked for twice, by an impatient click or a repeated request, is done once.

It is known to this process alone, and for the newest of them: tests have no key in the books.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock

_MOST_KNOWN = 1_000


class Once:
    """The ids of the campaigns that were made, each by the text that stands for its making."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: dict[str, Future[str]] = {}

    def made(self, asked: str, make: Callable[[], str]) -> str:
        """What `make` answers, or has answered before; who asks meanwhile waits for that answer.

        Raises what `make` raises; the next who asks makes it then.
        """
        with self._lock:
            known = self._made.get(asked)
            if known is None:
                mine = self._made[asked] = Future()
                if len(self._made) > _MOST_KNOWN:
                    del self._made[next(iter(self._made))]
        if known is not None:
            return known.result()
        try:
            mine.set_result(make())
        except BaseException as error:
            with self._lock:
                self._made.pop(asked, None)
            mine.set_exception(error)
            raise
        return mine.result()
