"""How the room for published chunks is shared, and how chunks become messages."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.publishing import Batch
from dispatcher.publishing.planning import Demand, messages, share

CAMPAIGN = UUID(int=1)

demands = st.lists(st.builds(Demand, st.integers(0, 40), st.integers(0, 40)), max_size=8)


@pytest.mark.parametrize(
    ("capacity", "waiting", "granted"),
    [
        pytest.param(10, [], [], id="nobody"),
        pytest.param(10, [Demand(0, 100)], [10], id="one takes all"),
        pytest.param(10, [Demand(0, 3)], [3], id="no more than it can use"),
        pytest.param(10, [Demand(4, 100)], [6], id="what is in flight counts"),
        pytest.param(10, [Demand(10, 5)], [0], id="full"),
        pytest.param(10, [Demand(0, 100), Demand(0, 100)], [5, 5], id="halves"),
        pytest.param(11, [Demand(0, 100), Demand(0, 100)], [6, 5], id="the first has the odd one"),
        pytest.param(10, [Demand(0, 2), Demand(0, 100)], [2, 8], id="the small one's rest"),
        pytest.param(10, [Demand(6, 100), Demand(0, 100)], [0, 4], id="the one behind catches up"),
        pytest.param(10, [Demand(10, 9), Demand(0, 9)], [0, 1], id="one at least without room"),
        pytest.param(0, [Demand(0, 9), Demand(0, 9)], [1, 1], id="one at least with no worker"),
        pytest.param(10, [Demand(0, 0), Demand(0, 9)], [0, 9], id="nothing due"),
    ],
)
def test_the_room_is_shared_in_turn(
    capacity: int, waiting: list[Demand], granted: list[int]
) -> None:
    assert share(capacity, waiting) == granted


@given(st.integers(0, 100), demands)
def test_the_room_is_never_exceeded_but_for_the_one_that_everybody_gets(
    capacity: int, waiting: list[Demand]
) -> None:
    grants = share(capacity, waiting)
    room = max(0, capacity - sum(demand.in_flight for demand in waiting))
    beginners = sum(demand.in_flight == 0 for demand in waiting)
    assert sum(grants) <= max(room, beginners)


@given(st.integers(0, 100), demands)
def test_nobody_gets_more_than_is_usable(capacity: int, waiting: list[Demand]) -> None:
    grants = share(capacity, waiting)
    assert len(grants) == len(waiting)
    assert all(0 <= grant <= d.usable for grant, d in zip(grants, waiting, strict=True))


@given(st.integers(0, 100), demands)
def test_whoever_has_nothing_in_flight_gets_one(capacity: int, waiting: list[Demand]) -> None:
    for grant, demand in zip(share(capacity, waiting), waiting, strict=True):
        assert grant >= 1 or demand.in_flight > 0 or demand.usable == 0


@given(st.integers(0, 100), demands)
def test_nobody_who_was_given_is_more_than_one_ahead_of_who_could_use_more(
    capacity: int, waiting: list[Demand]
) -> None:
    grants = share(capacity, waiting)
    shares = list(zip(grants, waiting, strict=True))
    hungry = [d.in_flight + grant for grant, d in shares if grant < d.usable]
    given_to = [d.in_flight + grant for grant, d in shares if grant]
    if hungry and given_to:
        assert max(given_to) <= min(hungry) + 1


@given(st.integers(0, 100), demands)
def test_room_is_left_only_where_nobody_could_use_it(capacity: int, waiting: list[Demand]) -> None:
    grants = share(capacity, waiting)
    used = sum(grants) + sum(demand.in_flight for demand in waiting)
    usable = [demand.usable for demand in waiting]
    assert used >= capacity or grants == usable


@pytest.mark.parametrize(
    ("sequences", "size", "parts"),
    [
        ([], 16, []),
        ([1, 2, 3], 1, [(1,), (2,), (3,)]),
        ([5, 1, 9, 2, 7], 2, [(5, 1), (9, 2), (7,)]),
        ([1, 2], 16, [(1, 2)]),
    ],
)
def test_messages_carry_the_chunks_in_their_order(
    sequences: list[int], size: int, parts: list[tuple[int, ...]]
) -> None:
    assert list(messages(CAMPAIGN, sequences, size)) == [Batch(CAMPAIGN, part) for part in parts]
