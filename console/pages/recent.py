"""What many look at is read once for all of them, and not more often than it has something new."""

import asyncio
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from anyio import to_thread

_T = TypeVar("_T")
_MOST = 200


class Recent:
    """The newest answer to each question that somebody has asked of late."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[float, Any]] = {}
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def of(
        self, question: Hashable, read: Callable[[], _T], good_for: Callable[[_T], float]
    ) -> _T:
        """What `read` answers, called in a thread, unless its last answer is good for longer.

        `good_for` says for how many seconds an answer is. Raises what `read` raises.
        """
        lock = self._locks.setdefault(question, asyncio.Lock())
        async with lock:
            until, answer = self._known.get(question, (0.0, None))
            if monotonic() >= until:
                answer = await to_thread.run_sync(read)
                self._keep(question, monotonic() + good_for(answer), answer)
            found: _T = answer
            return found

    def _keep(self, question: Hashable, until: float, answer: Any) -> None:
        self._known.pop(question, None)
        self._known[question] = (until, answer)
        for oldest in list(self._known)[:-_MOST]:
            del self._known[oldest]
