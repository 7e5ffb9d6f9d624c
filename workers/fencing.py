"""Whether the books are still those that this worker knew; nothing is sent where they are not."""

import logging

from redis.exceptions import RedisError
from sqlalchemy import Engine

from dispatcher.books import fence
from dispatcher.books.fence import Fence
from dispatcher.books.session import transaction
from dispatcher.epochs import Mark, latest, why_fenced
from dispatcher.outside import Keeper

log = logging.getLogger("dispatcher.fence")


class Fencing:
    """Compares the books with what was noted outside of them, and notes there how they go on.

    `keepers` are where marks are kept; what this worker has seen is one of them.
    """

    def __init__(self, engine: Engine, keepers: list[Keeper]) -> None:
        self._engine = engine
        self._keepers = keepers
        self._seen: Mark | None = None
        self._troubled: set[Keeper] = set()

    @property
    def beat(self) -> int:
        """The least beat that the books may be at for this worker to claim anything in them."""
        return 0 if self._seen is None else self._seen.beat

    def check(self, *, leads: bool) -> None:
        """Raise the fence, or note that the books have gone on; whoever leads counts the beat."""
        outside = self._outside(self._books())
        # After what is outside: that is noted once it is committed.
        with transaction(self._engine) as connection:
            found = fence.read(connection)
        assert found is not None
        why = why_fenced(found.standing, outside)
        if why is not None:
            self._raise(why, latest(outside))
        elif found.raised_at is None:
            self._note(self._beaten(found) if leads else found)

    def _books(self) -> str:
        """Which books they are."""
        if self._seen is not None:
            return self._seen.books
        with transaction(self._engine) as connection:
            fence.begin(connection)
            found = fence.read(connection)
        assert found is not None
        return found.standing.mark.books

    def _raise(self, why: str, epoch: int) -> None:
        with transaction(self._engine) as connection:
            is_new = fence.raise_(connection, why, epoch)
        if is_new:
            log.error(
                "Nothing is sent from these books: %s. `dispatcher fence accept` shows what would "
                "be sent, and lets them go on.",
                why,
            )

    def _beaten(self, found: Fence) -> Fence:
        with transaction(self._engine) as connection:
            return fence.beat(connection) or found

    def _note(self, found: Fence) -> None:
        mark = found.standing.mark
        if mark == self._seen:
            return
        self._seen = mark
        for keeper in self._keepers:
            try:
                keeper.write(mark)
            except (OSError, RedisError) as error:
                self._tell(keeper, error)
            else:
                self._troubled.discard(keeper)

    def _outside(self, books: str) -> list[Mark]:
        marks = [] if self._seen is None else [self._seen]
        for keeper in self._keepers:
            try:
                mark = keeper.read(books)
            except (OSError, RedisError) as error:
                self._tell(keeper, error)
            else:
                marks += [] if mark is None else [mark]
        return marks

    def _tell(self, keeper: Keeper, error: Exception) -> None:
        if keeper not in self._troubled:
            log.warning("How the books go on is not noted in one of its places: %s", error)
        self._troubled.add(keeper)
