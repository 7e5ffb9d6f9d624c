"""Whether the books have gone on from where they were, or are an older copy of themselves.

Pure: what the books say of themselves is compared with what was noted outside of them. Epochs are
counted; within one, the books' beat grows each second that a worker lives.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

MOST_LAG = timedelta(minutes=1)
MOST_BEATS = 60
"""A standby that is promoted may lack so much of the end; an older copy lacks more."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the books stood at a moment: which books, in which epoch of theirs, at which beat.

    `epoch_id` tells epochs of the same number apart, which two copies begin. `timeline` is
    PostgreSQL's: a server that was promoted, or recovered to a moment, has a later one.
    """

    books: str
    epoch: int
    epoch_id: str
    beat: int
    beat_at: datetime
    timeline: int

    def as_text(self) -> str:
        """What `of_text` reads."""
        return json.dumps({**asdict(self), "beat_at": self.beat_at.isoformat()})

    @classmethod
    def of_text(cls, written: str) -> "Mark | None":
        """The mark that was written; None for what is none, as after a crash."""
        try:
            facts = json.loads(written)
            mark = cls(**{**facts, "beat_at": datetime.fromisoformat(facts["beat_at"])})
        except (ValueError, TypeError, KeyError):
            return None
        numbers = (mark.epoch, mark.beat, mark.timeline)
        is_whole = all(type(number) is int for number in numbers) and mark.beat_at.tzinfo
        return mark if is_whole else None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the books say of themselves: their mark, the place that they noted, and their place now.

    A place is a server, a database and a table, as PostgreSQL numbers them.
    """

    mark: Mark
    noted_place: str
    place: str


def why_fenced(here: Standing, outside: Iterable[Mark]) -> str | None:
    """Why nothing may be sent from these books; None where they are what was noted outside."""
    if here.place != here.noted_place:
        return (
            "they were restored from a dump, or copied: they stand in another place than where "
            "they were written"
        )
    for mark in outside:
        if mark.books == here.mark.books and (why := _why_behind(here.mark, mark)):
            return why
    return None


def latest(outside: Iterable[Mark]) -> int:
    """The latest epoch among these marks; 0 where there is none."""
    return max((mark.epoch for mark in outside), default=0)


def _why_behind(here: Mark, noted: Mark) -> str | None:
    if noted.epoch < here.epoch:
        return None
    if noted.epoch > here.epoch:
        return f"they are of epoch {here.epoch}, and epoch {noted.epoch} had begun already"
    if noted.epoch_id != here.epoch_id:
        return f"two copies of them have begun an epoch {here.epoch}"
    if here.timeline < noted.timeline:
        return "they have gone on at a server that was promoted in place of this one"
    if here.beat >= noted.beat:
        return None
    lag, beats = noted.beat_at - here.beat_at, noted.beat - here.beat
    if here.timeline > noted.timeline and (lag <= MOST_LAG or beats <= MOST_BEATS):
        return None
    return (
        f"they are as of {_moment(here.beat_at)}, and had gone on until {_moment(noted.beat_at)}: "
        "an older copy is in their place"
    )


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
