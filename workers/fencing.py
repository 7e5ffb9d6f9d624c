"""Whether the books are still those that this worker knew; nothing is sent where they are not."""

import logging
from collections.abc import Callable, Sequence

from redis.exceptions import RedisError
from sqlalchemy import Engine

from dispatcher.books import fence
from dispatcher.books.fence import Fence
from dispatcher.books.schema import check_version
from dispatcher.books.session import transaction
from dispatcher.epochs import Mark, latest, why_fenced
from dispatcher.errors import SchemaMismatch
from dispatcher.outside import Keeper

_NEVER = 2**62

log = logging.getLogger("dispatcher.fence")


class Fencing:
    """Compares the books with what was noted outside of them, and notes there how they go on.

    `keepers` are where marks are kept; what this worker has seen is one of them. `outgrown` is
    called once somebody has migrated the books to another schema than this worker's.
    """

    def __init__(
        self,
        engine: Engine,
        keepers: Sequence[Keeper],
        outgrown: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._keepers = keepers
        self._outgrown = outgrown
        self._is_outgrown = False
        self._seen: Mark | None = None
        self._troubled: set[Keeper] = set()

    @property
    def beat(self) -> int:
        """The least beat that the books may be at for this worker to claim anything in them.

        None is enough before a first look that something outside bears out, and in books of
        another schema than this worker's.
        """
        return _NEVER if self._seen is None else self._seen.beat

    def check(self, *, leads: bool) -> None:
        """Raise the fence, or note that the books have gone on; whoever leads counts the beat."""
        if self._is_outgrown or not self._has_our_schema():
            return
        books = self._seen.books if self._seen is not None else self._begun()
        outside, readable = self._outside(books)
        # After what is outside: that is noted once it is committed.
        with transaction(self._engine) as connection:
            found = fence.read(connection)
        if found is None:  # somebody is making the first campaign, or has emptied the table
            self._seen = None
            return
        why = why_fenced(found.standing, outside)
        if why is not None:
            self._raise(why, found, latest(outside))
        elif found.raised_at is None and (outside or len(readable) == len(self._keepers)):
            self._note(self._beaten(found) if leads else found, readable)

    def _has_our_schema(self) -> bool:
        """Whether nobody has migrated the books; else nothing more is claimed, for good."""
        try:
            with transaction(self._engine) as connection:
                check_version(connection)
        except SchemaMismatch as error:
            log.error("%s Meanwhile this worker begins nothing more, and ends.", error)
            self._is_outgrown, self._seen = True, None
            self._outgrown()
        return not self._is_outgrown

    def _begun(self) -> str | None:
        """Which books they are, as far as they are any."""
        with transaction(self._engine) as connection:
            fence.begin(connection)
            found = fence.read(connection)
        return None if found is None else found.standing.mark.books

    def _raise(self, why: str, found: Fence, epoch: int) -> None:
        with transaction(self._engine) as connection:
            is_new = fence.raise_(connection, why, found.standing.mark.epoch_id, epoch)
        if is_new:
            log.error(
                "Nothing is sent from these books: %s. `dispatcher fence accept` shows what would "
                "be sent, and lets them go on.",
                why,
            )

    def _beaten(self, found: Fence) -> Fence:
        with transaction(self._engine) as connection:
            return fence.beat(connection) or found

    def _note(self, found: Fence, readable: Sequence[Keeper]) -> None:
        """What could not be read is not written either: it may hold what we do not know."""
        mark = found.standing.mark
        if mark == self._seen:
            return
        self._seen = mark
        for keeper in readable:
            try:
                keeper.write(mark)
            except (OSError, RedisError) as error:
                self._tell(keeper, error)
            else:
                self._troubled.discard(keeper)

    def _outside(self, books: str | None) -> tuple[list[Mark], list[Keeper]]:
        """What is noted of these books, and by whom that could be read."""
        marks = [] if self._seen is None else [self._seen]
        readable = []
        for keeper in self._keepers:
            try:
                mark = None if books is None else keeper.read(books)
            except (OSError, RedisError) as error:
                self._tell(keeper, error)
            else:
                readable.append(keeper)
                marks += [] if mark is None else [mark]
        return marks, readable

    def _tell(self, keeper: Keeper, error: Exception) -> None:
        if keeper not in self._troubled:
            log.warning("How the books go on is not noted in one of its places: %s", error)
        self._troubled.add(keeper)
