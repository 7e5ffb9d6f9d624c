"""Random schedules of faults keep the promise, and are the same again for the same seed."""

from itertools import pairwise

import pytest

from tests.faults.afflictions import AFFLICTIONS
from tests.faults.conftest import Stage
from tests.faults.nemesis import climate, haunt, sandbox
from tests.faults.schedule import schedule

LEASE = 11.0
SEEDS, SECONDS = (1, 2, 3), 20
FAULTS = {target: [*known] for target, known in AFFLICTIONS.items()}


def test_the_same_seed_makes_the_same_schedule() -> None:
    again, other = (schedule(seed, 600, FAULTS, lease=LEASE) for seed in (7, 8))
    assert schedule(7, 600, FAULTS, lease=LEASE) == again != other


def test_a_long_schedule_knows_every_fault_and_hits_each_target_once_at_a_time() -> None:
    strikes = schedule(1, 3600, FAULTS, lease=LEASE)
    assert {(strike.target, strike.fault) for strike in strikes} == {
        (target, fault) for target, known in FAULTS.items() for fault in known
    }
    for target in FAULTS:
        hits = [strike for strike in strikes if strike.target == target]
        assert all(one.at + one.lasting < other.at for one, other in pairwise(hits))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_schedule_of_faults_keeps_the_promise(stage: Stage, seed: int) -> None:
    theatre = stage(climate(seed).timing, *sandbox(seed))
    assert not haunt(theatre, seed, seconds=SECONDS).broken
