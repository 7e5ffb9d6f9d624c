"""One campaign's life in any order: workers, the relay, the operator, the vendor, and time.

Whatever they do to the books, the invariants hold after every step, and the model knows of each
record whether it may count.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from sqlalchemy import Engine

from dispatcher.books import transitions
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import LIVE_CAMPAIGNS, RETRIABLE, CampaignState, ChunkState, Outcome
from tests.integration.builders import (
    ACCEPTED,
    CORRUPTED,
    NOBODY_FOUND,
    REFUSED,
    UNKNOWN_APP,
    WRONG,
)
from tests.model import invariants
from tests.model.model import Fate, Flight
from tests.model.stage import ENOUGH, Act, Stage
from tests.model.vendor import ABOUT_A_USER, QUOTES_A_USER, THROTTLED

# --- what is drawn: likely things are named several times

chunks = st.integers(1, 4)
recent = st.integers(0, 5)
fates = st.sampled_from((*Fate, Fate.HEARD, Fate.HEARD, Fate.HEARD, Fate.NOTHING))
answers = st.sampled_from(
    (
        *(*(ACCEPTED,) * 5, NOBODY_FOUND, UNKNOWN_APP, REFUSED, CORRUPTED, THROTTLED),
        *(WRONG, ABOUT_A_USER, QUOTES_A_USER),
    )
)
"""What the vendor would say to a request that it had never seen."""

request = {
    "sequence": chunks,
    "worker": st.sampled_from(("worker-1", "worker-2", "worker-3")),
    "fate": fates,
    "would_say": answers,
}
seconds = st.sampled_from((25, 25, 25, 25, 25, 25, 50, 50, 50, 100, 250, 500, 625))
urgent = ("take back", "settle", "roll up", "start due", "expire")
relayed = st.sampled_from((*urgent, *urgent, "publish", "unmark", "give back"))
AFTERWARDS: dict[Callable[..., object], tuple[CampaignState, ...]] = {
    transitions.pause: (CampaignState.PAUSED,),
    transitions.resume: (CampaignState.RUNNING, CampaignState.SCHEDULED),
    transitions.cancel: (CampaignState.CANCELLED,),
}
steered = st.sampled_from((*(transitions.resume,) * 5, transitions.pause))
retriable = st.sampled_from((*sorted(RETRIABLE), *(ChunkState.UNRESOLVED,) * 2))
others = st.sampled_from(
    ("take back", "settle", "roll up", "publish", "claim", "retry", "pause", "resume", "cancel")
)
ends = st.sampled_from(("commits", "commits", "breaks off"))


def call(act: Callable[..., None], **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The act of an actor, with its arguments drawn."""
    return st.builds(partial, st.just(act), **arguments)


def weighted(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of the choices, each as often as its number says."""
    every = [choice for often, choice in choices for _ in range(often)]
    return st.sampled_from(range(len(every))).flatmap(lambda place: every[place])


def latest(flights: Sequence[Flight], which: int) -> Flight:
    """One of the latest."""
    return flights[-1 - which % len(flights)]


class CampaignLife(Stage):
    """Everybody's acts, and one rule that lets any act follow any other.

    With a rule for each act, most stories would be told with a few kinds of acts only, and hardly
    any would see a chunk claimed, lost, claimed again and then proven.
    """

    # --- workers and the vendor

    def attempt(self, sequence: int, worker: str, fate: Fate, would_say: Outcome) -> None:
        """A worker claims a chunk, most often one that it may have, and begins its request."""
        pending = [n for n in self.before.chunks if self.before.state(n) == ChunkState.PENDING]
        sequence = pending[sequence % len(pending)] if pending else sequence
        claim = self.perform(self.claiming(sequence, worker))
        if claim is not None:
            assert self.before.campaign.state == CampaignState.RUNNING
            self.model.send(self.model.holders[claim.sequence], fate, would_say)

    def attempt_in_time(self, sequence: int, worker: str, fate: Fate, would_say: Outcome) -> None:
        """The ordinary course: claimed, sent and recorded without a delay."""
        before = len(self.model.flights)
        self.attempt(sequence, worker, fate, would_say)
        self.everything_holds()
        if before < len(self.model.flights):
            self.report(0)

    def attempt_and_freeze(
        self, sequence: int, worker: str, fate: Fate, would_say: Outcome
    ) -> None:
        """A worker stands still with what it heard, while the sweep takes its chunk back."""
        self.attempt(sequence, worker, fate, would_say)
        self.everything_holds()
        self.pass_and_relay(50, ["take back"])

    def wake(self, fate: Fate, would_say: Outcome) -> None:
        """A worker that was frozen between claim and request goes on."""
        if self.model.unsent:
            self.model.send(self.model.unsent[0], fate, would_say)

    def arrive(self, would_say: Outcome) -> None:
        """A request that travelled for long arrives; its worker hears of it, or gave up before."""
        if self.model.travelling:
            self.model.arrive(would_say)

    def record(self, which: int) -> None:
        """A worker records, whenever and how often it likes; too late, it changes nothing."""
        if self.model.heard and not self.perform(self.recording(latest(self.model.heard, which))):
            sight = self.sight()
            assert (sight.campaign, sight.chunks) == (self.before.campaign, self.before.chunks)

    def report(self, which: int) -> None:
        """A worker records what it has not recorded yet."""
        if self.model.unrecorded:
            self.record(self.model.heard[::-1].index(latest(self.model.unrecorded, which)))

    # --- time and the relay

    def pass_and_relay(self, seconds: int, steps: list[str]) -> None:
        """A while passes, and then some worker's relay does some of its steps."""
        self.pass_time(seconds)
        for step in steps:
            self.perform(self.relaying()[step])
            self.everything_holds()
            if step == "roll up":
                invariants.sums_are_true(self.before)

    def fall_silent(self) -> None:
        """Nobody hears of anything until all windows are closed; then the operator begins anew."""
        self.pass_and_relay(550, ["take back", "settle"])
        self.steer(transitions.resume)
        self.everything_holds()
        self.retry(ChunkState.UNRESOLVED)

    # --- the operator

    def steer(self, verb: Callable[..., object]) -> None:
        """The operator's word holds at once, or is refused where nothing can change any more."""
        refused = isinstance(self.perform(self.steering(verb)), ImpossibleInState)
        state = CampaignState(self.sight().campaign.state)
        done = verb is transitions.cancel and state == CampaignState.CANCELLED
        assert refused == (self.before.campaign.state not in LIVE_CAMPAIGNS and not done)
        assert refused or state in AFTERWARDS[verb]

    def set_rate(self, rate: float | None) -> None:
        """Another rate, where there is something left to send."""
        refused = self.perform(self.steering(transitions.set_rate, rate)) is not None
        assert refused == (self.before.campaign.state not in LIVE_CAMPAIGNS)
        assert refused or self.sight().campaign.rate == rate

    def retry(self, state: ChunkState) -> None:
        """The operator orders all chunks in a state to be sent again, and no others."""
        given = self.perform(self.retrying(state))
        never = (CampaignState.SCHEDULED, CampaignState.CANCELLED)
        assert isinstance(given, ImpossibleInState) == (self.before.campaign.state in never)
        if isinstance(given, int):
            assert given == self.before.states()[state]

    def come_to_an_end(self, cancelled: bool) -> None:
        """Cancelled, or left to willing workers and a willing vendor, a long story ends."""
        if len(self.model.flights) > ENOUGH:
            if cancelled and self.before.campaign.state in LIVE_CAMPAIGNS:
                self.steer(transitions.cancel)
            for _ in range(12):
                self.a_good_minute()
            assert self.before.campaign.finished_at is not None

    # --- two at once

    def claim_and(self, sequence: int, other: str, late: bool, ends: str) -> None:
        """A claim and another transaction overlap; the first of them commits, or breaks off."""
        self.meet(self.claiming(sequence, "worker-1"), other, late, ends)

    def record_and(self, which: int, other: str, late: bool, ends: str) -> None:
        """A record and another transaction overlap."""
        flights = self.model.unrecorded or self.model.heard
        if flights:
            self.meet(self.recording(latest(flights, which)), other, late, ends)

    def meet(self, ours: Act, other: str, late: bool, ends: str) -> None:
        """A worker's transaction begins in the midst of another, or another in the midst of it."""
        acts = [ours, self.other(other)]
        first, second = reversed(acts) if late else acts
        self.perform_both(first, second, commits=ends == "commits")

    # --- any of it

    @rule(
        act=weighted(
            (3, call(attempt, **request)),
            (5, call(attempt_in_time, **request)),
            (4, call(attempt_and_freeze, **request)),
            (1, call(wake, fate=fates, would_say=answers)),
            (1, call(arrive, would_say=answers)),
            (4, call(report, which=recent)),
            (1, call(record, which=recent)),
            (9, call(pass_and_relay, seconds=seconds, steps=st.lists(relayed, max_size=2))),
            (2, call(fall_silent)),
            (5, call(steer, verb=steered)),
            (1, call(set_rate, rate=st.sampled_from((None, 20.0)))),
            (4, call(retry, state=retriable)),
            (1, call(come_to_an_end, cancelled=st.booleans())),
            (2, call(claim_and, sequence=chunks, other=others, late=st.booleans(), ends=ends)),
            (4, call(record_and, which=recent, other=others, late=st.booleans(), ends=ends)),
        )
    )
    def goes_on(self, act: Callable[["CampaignLife"], None]) -> None:
        """What happens next."""
        act(self)


def test_the_books_hold_whatever_happens_in_whatever_order(
    books_engine: Engine, stories: settings
) -> None:
    class InTheseBooks(CampaignLife):
        engine = books_engine

    run_state_machine_as_test(InTheseBooks, settings=stories)
