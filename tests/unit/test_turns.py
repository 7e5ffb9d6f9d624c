"""Whose turn it is: an account's places go round, and nobody waits long for one."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.publishing.turns import AHEAD, Claimant, in_turn, places

START = datetime(2026, 11, 25, tzinfo=UTC)
ROUND = 0.2


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def claimant(since: float, doubtful: int = 0, clean: int = 9, most: int = 9) -> Claimant:
    return Claimant(at(since), doubtful, clean, most)


def test_whoever_has_been_without_for_the_longest_is_first() -> None:
    given_out = in_turn([claimant(3), claimant(1), claimant(2)], room=4)
    assert [grant.chunks for grant in given_out] == [1, 2, 1]


def test_nobody_gets_more_than_it_can_use_and_what_it_leaves_goes_to_others() -> None:
    asking = [claimant(1, most=2), claimant(2, clean=1), claimant(3)]
    assert [grant.chunks for grant in in_turn(asking, room=8)] == [2, 1, 5]


def test_the_room_for_clean_ones_is_shared_and_what_is_in_doubt_needs_none_of_it() -> None:
    asking = [claimant(1, doubtful=3), claimant(2)]
    granted = in_turn(asking, room=inf, clean_room=3)
    assert [(grant.chunks, grant.clean) for grant in granted] == [(3, 0), (3, 3)]


@pytest.mark.parametrize(
    ("last", "rate", "count"),
    [
        pytest.param(None, 1, 1, id="none was given"),
        pytest.param(-0.5, 1, 0, id="the next is not near"),
        pytest.param(-0.9, 1, 1, id="the next is near"),
        pytest.param(-9.0, 1, 1, id="long ago: no burst"),
        pytest.param(0.1, 1, 1, id="given and to come"),
        pytest.param(None, 20, 6, id="many"),
        pytest.param(0.12, 20, 5, id="many, some of them given"),
        pytest.param(-2.0, 0.001, 0, id="hardly any"),
        pytest.param(-2.0, 50, 13, id="a raised rate acts at once"),
    ],
)
def test_places_are_those_before_the_next_round(
    last: float | None, rate: float, count: int
) -> None:
    assert places(last, rate) == count


@dataclass
class Campaign:
    """One that begins at a time with so many chunks, and the times of its places."""

    begins: float
    chunks: int
    rate: float | None
    taken: list[float] = field(default_factory=list)
    published: int = 0

    def free_at(self) -> float:
        """When its own rate lets it have its next place."""
        if self.rate is None or not self.taken:
            return self.begins
        return max(self.begins, self.taken[-1] + 1 / self.rate)

    def as_claimant(self, now: float) -> Claimant:
        left = self.chunks - len(self.taken) - self.published
        own = inf if self.rate is None else places(self._ahead(now), self.rate)
        since = self.taken[-1] if self.taken else self.begins
        waits_since = now if self.published else since
        return Claimant(at(waits_since), 0, left, int(max(0, min(left, own - self.published))))

    def _ahead(self, now: float) -> float | None:
        return self.taken[-1] - now if self.taken else None


campaigns = st.lists(
    st.builds(
        Campaign,
        st.floats(0, 30),
        st.integers(1, 40),
        st.none() | st.floats(0.05, 5),
    ),
    min_size=1,
    max_size=7,
)


def send_all(fleet: list[Campaign], rate: float, rounds: int) -> list[tuple[float, int]]:
    """Rounds of the relay, and workers that take a place for what it published; who had which."""
    served: list[tuple[float, int]] = []
    queue: list[int] = []
    last: float | None = None
    for turn in range(rounds):
        now = turn * ROUND
        begun = [place for place, campaign in enumerate(fleet) if campaign.begins <= now]
        room = places(None if last is None else last - now, rate) - len(queue)
        granted = in_turn([fleet[place].as_claimant(now) for place in begun], room)
        for place, grant in zip(begun, granted, strict=True):
            queue += [place] * grant.chunks
            fleet[place].published += grant.chunks
        until = now + ROUND
        while queue:
            campaign = fleet[queue[0]]
            moment = max(now, campaign.free_at(), now if last is None else last + 1 / rate)
            if moment >= until:
                break
            last = moment
            campaign.taken.append(moment)
            campaign.published -= 1
            served.append((moment, queue.pop(0)))
    return served


@settings(deadline=None, max_examples=50)
@given(campaigns, st.floats(0.2, 4))
def test_of_n_campaigns_none_waits_longer_than_n_and_two_places(
    fleet: list[Campaign], rate: float
) -> None:
    served = send_all(fleet, rate, rounds=250)
    end = 250 * ROUND
    for place, campaign in enumerate(fleet):
        moments = [campaign.begins, *campaign.taken]
        waits = list(zip(moments, campaign.taken, strict=False))
        if len(campaign.taken) < campaign.chunks:
            waits.append((moments[-1], end))
        for number, (since, until) in enumerate(waits):
            own = 1 / campaign.rate if campaign.rate and number else 0.0
            others = [
                who for moment, who in served if since + own <= moment < until and who != place
            ]
            assert len(others) <= len(fleet) + 2, (since, until, served)


@settings(deadline=None, max_examples=20)
@given(campaigns, st.floats(0.2, 4))
def test_a_place_is_never_lost_while_somebody_could_use_it(
    fleet: list[Campaign], rate: float
) -> None:
    for campaign in fleet:
        campaign.begins, campaign.rate, campaign.chunks = 0.0, None, 1000
    served = send_all(fleet, rate, rounds=200)
    assert len(served) >= 200 * ROUND * rate - 1 - rate * AHEAD
