"""What must be true of a campaign, told without SQL: a clock, who holds what, and what is in doubt.

Time goes in steps of 25 s. What the books measure ends some seconds after a step, so that the real
time that a story takes decides nothing.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from dispatcher.books.transitions import Claim
from dispatcher.lifecycle import (
    Accepted,
    AccessRefused,
    ChunkState,
    Corrupted,
    Decision,
    NotSent,
    Outcome,
    Throttled,
    decide,
)
from tests.integration.builders import IN_DOUBT, LEASE, NOT_SENT, TIMEOUT, WINDOW
from tests.model.vendor import BUSY, Vendor

SLACK = LEASE - TIMEOUT
"""How long after its claim a request may begin."""

_SHORTEST_WAIT = timedelta(seconds=15)
_PROVABLE_LATE = ("pending", "sending", "uncounted", "unresolved", "rejected")


class Fate(StrEnum):
    """What becomes of a request between the worker and the vendor."""

    HEARD = "the vendor's answer is heard"
    UNHEARD = "the vendor's answer is lost"
    BUSY = "a proxy's answer hides the vendor's"
    TRAVELS = "it arrives later"
    GIVEN_UP = "it arrives later, when nobody listens"
    NOTHING = "nothing is sent"
    FROZEN = "the worker stands still before it sends"


_WITHOUT_A_REPLY: dict[Fate, Outcome] = {
    Fate.UNHEARD: IN_DOUBT,
    Fate.BUSY: BUSY,
    Fate.GIVEN_UP: IN_DOUBT,
}


@dataclass(eq=False)
class Flight:
    """A claim in a worker's hands, from its commit on; workers forget nothing and die at will."""

    claim: Claim
    began: int
    outcome: Outcome | None = None
    recorded: bool = False
    sent_nothing: bool = False
    """Whether the books know for certain that it sent nothing."""

    @property
    def chunk(self) -> tuple[int, int]:
        """The number of its chunk, and the round."""
        return self.claim.sequence, self.claim.round

    def decision(self, now: int) -> Decision:
        """What the worker makes of its outcome, with a back-off that lasts a step at least."""
        assert self.outcome is not None
        moment = self.claim.claimed_at + timedelta(seconds=now - self.began)
        decision = decide(self.outcome, self.claim.facts(WINDOW), moment)
        wait = decision.due_in and max(decision.due_in, _SHORTEST_WAIT)
        return replace(decision, due_in=wait)


@dataclass
class Model:
    """The truth about one campaign; times are seconds since its story began."""

    chunks: int
    begins: int | None
    ends: int | None
    now: int = 0
    vendor: Vendor = field(default_factory=Vendor)
    flights: list[Flight] = field(default_factory=list)
    holders: dict[int, Flight] = field(default_factory=dict)
    rounds: dict[int, int] = field(default_factory=dict)
    rests_until: int = 0
    travelling: list[Flight] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rounds = dict.fromkeys(range(1, self.chunks + 1), 1)

    def pass_time(self, seconds: int) -> None:
        """Let time pass; what workers have noted of the database's clock moves with it."""
        self.now += seconds
        by = timedelta(seconds=seconds)
        for flight in self.flights:
            before = flight.claim.in_doubt_before
            flight.claim = replace(
                flight.claim,
                claimed_at=flight.claim.claimed_at - by,
                in_doubt_before=before and before - by,
            )

    @property
    def unsent(self) -> list[Flight]:
        """Claims whose request has not begun."""
        travelling = self.travelling
        return [f for f in self.flights if f.outcome is None and f not in travelling]

    @property
    def heard(self) -> list[Flight]:
        """Attempts of which the worker knows what they came to, recorded or not."""
        return [flight for flight in self.flights if flight.outcome is not None]

    @property
    def unrecorded(self) -> list[Flight]:
        """Those of them that no worker has tried to record."""
        return [flight for flight in self.heard if not flight.recorded]

    def send(self, flight: Flight, fate: Fate, inclination: Outcome) -> None:
        """Let the request have its fate; what begins too late sends nothing."""
        begin_within = min(SLACK, flight.claim.time_left).total_seconds()
        if fate == Fate.FROZEN:
            return
        flight.outcome = _WITHOUT_A_REPLY.get(fate)
        if fate == Fate.NOTHING or self.now - flight.began > begin_within:
            flight.outcome = NOT_SENT
        elif fate in (Fate.TRAVELS, Fate.GIVEN_UP):
            self.travelling.append(flight)
        else:
            said = self.vendor.answer(flight.claim.pack_id, inclination, self.now)
            flight.outcome = flight.outcome or said

    def arrive(self, inclination: Outcome) -> None:
        """The oldest travelling request arrives, or never will."""
        flight = self.travelling.pop(0)
        said: Outcome = IN_DOUBT
        if self.now - flight.began <= TIMEOUT.total_seconds():
            said = self.vendor.answer(flight.claim.pack_id, inclination, self.now)
        flight.outcome = flight.outcome or said

    def attempts(self, sequence: int) -> int:
        """How often the chunk has been claimed, over all its rounds."""
        return sum(flight.claim.sequence == sequence for flight in self.flights)

    def first_in_doubt(self, sequence: int) -> Flight | None:
        """The earliest attempt of the chunk's present round that may have been sent."""
        present = sequence, self.rounds[sequence]
        doubtful = (f for f in self.flights if f.chunk == present and not f.sent_nothing)
        return next(doubtful, None)

    def claimed(self, claim: Claim) -> Flight:
        """Note a claim that the books gave, which they had to have the right to give."""
        sequence, doubt = claim.sequence, self.first_in_doubt(claim.sequence)
        assert sequence not in self.holders
        assert claim.attempt == self.attempts(sequence) + 1
        assert claim.round == self.rounds[sequence]
        assert claim.in_doubt_before == (doubt and doubt.claim.claimed_at)
        assert doubt is None or self.now < doubt.began + WINDOW.total_seconds()
        assert self.now >= self.rests_until
        assert self.begins is None or self.now >= self.begins
        assert self.ends is None or self.now < self.ends
        flight = Flight(claim, self.now)
        self.flights.append(flight)
        self.holders[sequence] = flight
        return flight

    def counts(self, flight: Flight, state: ChunkState) -> bool:
        """Whether a record of this attempt may change its chunk, which is in `state`."""
        sequence, round_ = flight.chunk
        proof = isinstance(flight.outcome, Accepted) and self.rounds[sequence] == round_
        return self.holders.get(sequence) is flight or (proof and state in _PROVABLE_LATE)

    def recorded(self, flight: Flight, decision: Decision) -> None:
        """Note that an attempt's outcome has been written on its chunk."""
        in_time = self.holders.pop(flight.claim.sequence, None) is flight
        refused = NotSent | Throttled | AccessRefused | Corrupted
        flight.sent_nothing = in_time and isinstance(flight.outcome, refused)
        if in_time and decision.hold is not None:
            rest = int(decision.hold.total_seconds())
            self.rests_until = max(self.rests_until, self.now + rest)

    def divided(self, sequence: int, rounds: dict[int, int]) -> None:
        """Note the parts of a chunk that was refused for a user; `rounds` are all chunks'."""
        self.rounds |= {n: rounds[n] for n in rounds if n == sequence or n not in self.rounds}
        self.chunks = len(self.rounds)

    def retried(self, sequences: list[int]) -> None:
        """Note a new round of these chunks, for which no end is set where it is over."""
        for sequence in sequences:
            self.rounds[sequence] += 1
        if sequences and self.ends is not None and self.now >= self.ends:
            self.ends = None

    def taken_back(self, sequence: int) -> None:
        """Note that a chunk was taken from its worker, whose lease had to be over."""
        flight = self.holders.pop(sequence)
        assert self.now >= flight.began + LEASE.total_seconds()

    def given_up(self, sequence: int, ended: bool) -> None:
        """Note that nobody asks about a chunk again: it is too late, or its campaign has ended."""
        doubt = self.first_in_doubt(sequence)
        assert doubt is not None
        assert ended or self.now >= doubt.began + WINDOW.total_seconds()
