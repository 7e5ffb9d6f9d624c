"""What a killed producer left on the disk is found, and goes; what a living one holds stays."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.audience.scratch import leftovers, remove_leftovers, scratch_directory

HOLDING = """
import sys
from pathlib import Path
from dispatcher.audience.scratch import scratch_directory

with scratch_directory(Path(sys.argv[1])) as directory:
    (directory / "members").write_text("anna")
    print(directory, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


@pytest.fixture
def holder(scratch: Path) -> Iterator["subprocess.Popen[str]"]:
    """A producer at work, and where."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(scratch)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def directory_of(holder: "subprocess.Popen[str]") -> Path:
    assert holder.stdout is not None
    return Path(holder.stdout.readline().strip())


def test_what_a_killed_producer_left_is_found_and_removed(
    scratch: Path, holder: "subprocess.Popen[str]"
) -> None:
    directory = directory_of(holder)
    assert leftovers(scratch) == []
    holder.kill()
    holder.wait()
    assert leftovers(scratch) == [directory]
    assert (directory / "members").exists()
    assert remove_leftovers(scratch) == 1
    assert list(scratch.iterdir()) == []


def test_what_a_living_producer_holds_stays(scratch: Path, holder: "subprocess.Popen[str]") -> None:
    directory = directory_of(holder)
    assert remove_leftovers(scratch) == 0
    assert (directory / "members").read_text() == "anna"


def test_a_link_is_not_followed(scratch: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    scratch.mkdir()
    (scratch / "audience-planted").symlink_to(precious)
    assert (leftovers(scratch), remove_leftovers(scratch)) == ([], 0)
    assert (precious / "file").exists()


def test_a_scratch_directory_that_is_not_there_has_no_leftovers(scratch: Path) -> None:
    assert (leftovers(scratch), remove_leftovers(scratch)) == ([], 0)
    with scratch_directory(scratch):
        assert leftovers(scratch) == []
