"""Random schedules of faults keep the promise, and are the same again for the same seed."""

from itertools import pairwise

import pytest

from tests.faults.afflictions import AFFLICTIONS
from tests.faults.conftest import Stage
from tests.faults.nemesis import SANDBOX, haunt, timing
from tests.faults.schedule import schedule

FAULTS = {target: [*known] for target, known in AFFLICTIONS.items()}


def test_the_same_seed_makes_the_same_schedule() -> None:
    assert schedule(7, 600, FAULTS) == schedule(7, 600, FAULTS) != schedule(8, 600, FAULTS)


def test_a_long_schedule_knows_every_fault_and_hits_each_target_once_at_a_time() -> None:
    strikes = schedule(1, 3600, FAULTS)
    assert {(strike.target, strike.fault) for strike in strikes} == {
        (target, fault) for target, known in FAULTS.items() for fault in known
    }
    for target in FAULTS:
        hits = [strike for strike in strikes if strike.target == target]
        assert all(one.at + one.lasting < other.at for one, other in pairwise(hits))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_schedule_of_faults_keeps_the_promise(stage: Stage, seed: int) -> None:
    theatre = stage(timing(seed), *SANDBOX, "--fault-seed", str(seed))
    assert not haunt(theatre, seed, seconds=20).broken
