"""A worker whose main thread never comes back ends by itself, and says by its status why."""

import subprocess
import sys

import pytest

STUCK = """
import logging, sys, time
from workers import guard
logging.basicConfig(format="%(levelname)s %(message)s")
guard._LOOK_EVERY = 0.005
watched = guard.Guard(cut=lambda: print("cut"), close=lambda: print("closed", flush=True))
watched.start()
if "closing" in sys.argv:
    watched.hurry()
if "resting" in sys.argv:
    watched.rest()
    time.sleep(1)
    sys.exit(7)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("running", 1, "CRITICAL This worker hears nothing any more and cannot help itself"),
        ("closing", 0, "WARNING the broker does not let go of this worker"),
    ],
)
def test_it_cuts_three_times_and_ends(how: str, status: int, said: str) -> None:
    ended = run(how)
    assert ended.returncode == status
    assert ended.stdout.split() == ["cut", "cut", "cut", "closed"]
    assert said in ended.stderr


def test_it_leaves_a_thread_alone_that_waits_for_something_else() -> None:
    ended = run("resting")
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "", "")


def run(how: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", STUCK, how],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
