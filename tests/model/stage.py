"""The stage on which a story is played: the books with one campaign, its model, and the acts."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from sqlalchemy import Connection, Engine, text

from dispatcher.books import transitions
from dispatcher.books.transitions import Claim, Further, Report
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import CampaignState, ChunkState
from tests.integration.builders import ACCEPTED, LEASE, SIZE, WINDOW, Books, OneCampaign
from tests.model import invariants
from tests.model.invariants import Sight
from tests.model.model import Fate, Flight, Model
from tests.model.overlap import overlap

UNCLAIMED_AFTER = timedelta(seconds=45)
ENDED = (CampaignState.CANCELLED, CampaignState.EXPIRED)
ENOUGH = 5
"""Attempts after which a campaign may be cancelled, or led to its end."""


def empty_books(engine: Engine) -> Books:
    """The books with nothing in them."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE campaign, account, worker CASCADE"))
    return Books(engine)


@dataclass(frozen=True)
class Act:
    """A transaction, and how the model learns what it gave.

    `waits` is false for what passes over that which others have locked: it sees nothing of them.
    """

    run: Callable[[Connection], Any]
    note: Callable[[Any], None] = lambda _: None
    waits: bool = True


class Stage(RuleBasedStateMachine):
    """One campaign in otherwise empty books; after each act everything is compared."""

    engine: ClassVar[Engine]

    def __init__(self) -> None:
        super().__init__()
        self.books = empty_books(self.engine)
        self.moves = 1

    @initialize(
        chunks=st.integers(2, 4),
        begins=st.sampled_from((None, None, None, None, None, None, 74)),
        ends=st.sampled_from((None, None, 374, 1024)),
    )
    def a_campaign_is_committed(self, chunks: int, begins: int | None, ends: int | None) -> None:
        """The story's beginning: `begins` and `ends` are seconds from now.

        Time passes in steps of 25 s, and by itself meanwhile: a busy machine has 24 s for a story.
        """
        now = self.books.now()
        times = {"send_at": begins, "expires_at": ends}
        given = {name: at and now + timedelta(seconds=at) for name, at in times.items()}
        self.campaign = with_members(self.books.campaign(chunks, **given), chunks)
        self.model = Model(chunks, begins, ends)
        self.before = self.sight()

    def sight(self) -> Sight:
        """What the books say now."""
        return self.books.do(Sight.of, self.campaign.id)  # type: ignore[no-any-return]

    @invariant()
    def everything_holds(self) -> None:
        """Every rule, after every step."""
        after = self.sight()
        if after != self.before:
            invariants.moves_are_legal(self.before, after, self.moves)
            invariants.what_ended_is_at_rest(after)
            self.books.do(invariants.books_are_sound, self.campaign.id)
        invariants.states_are_true(after, self.model)
        invariants.nobody_is_pushed_twice(self.model)
        self.before, self.moves = after, 1

    def perform(self, act: Act) -> Any:
        """An act on its own; what it gave."""
        given = self.books.do(act.run)
        act.note(given)
        return given

    def perform_both(self, first: Act, second: Act, *, commits: bool) -> None:
        """Two acts of which the second begins while the first is open."""
        run = partial(self.books.do, second.run)
        gave = overlap(self.engine, first.run, run, commits=commits)
        noted = [(first, gave[0])] * commits + [(second, gave[1])]
        for act, given in noted if second.waits else reversed(noted):
            act.note(given)
        self.moves = 2

    def claiming(self, sequence: int, worker: str) -> Act:
        """A worker claims a chunk; the second goes on with whichever comes next."""
        key = (self.campaign.id, 1 + (sequence - 1) % self.model.chunks)
        wanted, further = (
            ([], [Further(self.campaign.id, 1)]) if worker == "worker-2" else ([key], [])
        )

        def verb(connection: Connection) -> Claim | None:
            exchanged = transitions.exchange(
                connection, {}, wanted, further, worker=worker, lease=LEASE, window=WINDOW
            )
            return next(iter(exchanged.claims.values()), None)

        return Act(verb, self._claimed, waits=False)

    def _claimed(self, claim: Claim | None) -> None:
        if claim is not None:
            self.model.claimed(claim)

    def recording(self, flight: Flight) -> Act:
        """A worker records what an attempt came to."""
        outcome = flight.outcome
        assert outcome is not None
        decision = flight.decision(self.model.now)

        def note(recorded: bool) -> None:
            flight.recorded = True
            state = self.before.state(flight.claim.sequence)
            assert recorded == self.model.counts(flight, state)
            if recorded:
                self.model.recorded(flight, decision)
            if recorded and decision.may_divide:
                rounds = {n: chunk.round for n, chunk in self.sight().chunks.items()}
                self.model.divided(flight.claim.sequence, rounds)

        report = Report(flight.claim, outcome, decision)
        return Act(lambda connection: transitions.record(connection, report) is not None, note)

    def retrying(self, state: ChunkState) -> Act:
        """The operator orders chunks to be sent again."""

        def note(retried: int | ImpossibleInState) -> None:
            chunks = self.sight().chunks.values()
            begun = [c.sequence for c in chunks if c.round != self.model.rounds[c.sequence]]
            assert len(begun) == (retried if isinstance(retried, int) else 0)
            self.model.retried(begun)

        return Act(self._if_possible(transitions.retry, state), note)

    def steering(self, verb: Callable[..., object], *arguments: Any) -> Act:
        """The operator steers; it gives the error where that is impossible."""
        return Act(self._if_possible(verb, *arguments))

    def taking_back(self) -> Act:
        """The sweep takes back lost leases."""

        def note(taken: int) -> None:
            after, before = self.sight().chunks, self.before.chunks
            lost = [n for n in after if after[n].lost_leases > before[n].lost_leases]
            assert len(lost) == taken
            for sequence in lost:
                self.model.taken_back(sequence)

        return Act(transitions.take_back_lost_leases, note)

    def settling(self) -> Act:
        """The sweep gives up what is in doubt and whose window is over, and nothing else."""

        def note(_: int) -> None:
            after, before = self.sight(), self.before
            for sequence in before.chunks:
                was_pending = before.state(sequence) == ChunkState.PENDING
                if was_pending and after.state(sequence) == ChunkState.UNRESOLVED:
                    self.model.given_up(sequence, before.campaign.state in ENDED)

        verb = transitions.settle_closed_windows
        return Act(partial(verb, campaign_id=self.campaign.id, window=WINDOW), note)

    def relaying(self) -> dict[str, Act]:
        """What else the relay does, by name; each with what it finds to do."""
        own = self.campaign.id
        everywhere = range(1, 1 + self.model.chunks)
        return {
            "take back": self.taking_back(),
            "start due": Act(partial(transitions.start_due, campaign_id=own)),
            "settle": self.settling(),
            "expire": Act(partial(transitions.expire, campaign_id=own)),
            "roll up": Act(partial(transitions.roll_up, campaign_id=own)),
            "publish": Act(partial(transitions.mark_published, campaign_id=own, count=2, fresh=1)),
            "unmark": Act(partial(transitions.unmark_unclaimed, after=UNCLAIMED_AFTER)),
            "give back": Act(partial(transitions.give_back, campaign_id=own, sequences=everywhere)),
        }

    def other(self, name: str) -> Act:
        """What may happen in the midst of a worker's transaction."""
        acts = self.relaying() | {
            "claim": self.claiming(1, "worker-2"),
            "retry": self.retrying(ChunkState.UNRESOLVED),
            "pause": self.steering(transitions.pause),
            "resume": self.steering(transitions.resume),
            "cancel": self.steering(
                transitions.cancel if len(self.model.flights) > ENOUGH else transitions.pause
            ),
        }
        return acts[name]

    def pass_time(self, seconds: int) -> None:
        """Let time pass in the books and in the model."""
        self.books.time_passes(timedelta(seconds=seconds))
        self.model.pass_time(seconds)
        self.before = self.sight()

    def a_good_minute(self) -> None:
        """A minute and a half in which everybody does their duty and the vendor accepts."""
        self.pass_time(100)
        if self.before.campaign.finished_at is not None:
            return
        for act in (self.steering(transitions.resume), *self.relaying().values()):
            self.perform(act)
            self.everything_holds()
        for sequence in self.before.chunks:
            if claim := self.perform(self.claiming(sequence, "worker-1")):
                flight = self.model.holders[claim.sequence]
                self.model.send(flight, Fate.HEARD, ACCEPTED)
                self.perform(self.recording(flight))
                self.moves = 2
            self.everything_holds()

    def _if_possible(self, verb: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
        def run(connection: Connection) -> Any:
            try:
                return verb(connection, self.campaign.id, *arguments)
            except ImpossibleInState as error:
                return error

        return run


def with_members(campaign: OneCampaign, chunks: int) -> OneCampaign:
    """The campaign, whose chunks hold as many members as their size says."""
    for sequence in range(1, chunks + 1):
        members = [{"token": f"{sequence}-{place}"} for place in range(SIZE)]
        campaign.set_chunks(sequence, members=json.dumps(members))
    return campaign
