"""However a preparation ends, its scratch directory goes with it."""

import gzip
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dispatcher.audience import Progress, prepare
from tests.audience.preparing import IOS_AND_ANDROID, outcome_of, refusal_of

PREPARING = """
import sys
from pathlib import Path
from dispatcher.audience import prepare

with prepare(Path(sys.argv[1]), ["ios"], scratch=Path(sys.argv[2])) as prepared:
    print(prepared.total, flush=True)
    sys.stdin.read()
"""

ENDLESS = """
import itertools, sys
from pathlib import Path
from dispatcher.audience import prepare

def rows():
    for number in itertools.count():
        if number == 5000:
            print("reading", flush=True)
        yield {"userId": str(number)}

with prepare(rows(), ["ios"], scratch=Path(sys.argv[2])):
    pass
"""

IN_A_QUERY = """
import sys
from pathlib import Path
from dispatcher.audience.engine import Engine
from dispatcher.audience.scratch import scratch_directory

with scratch_directory(Path(sys.argv[2])) as directory, Engine(directory, 200_000_000) as engine:
    engine.run("SELECT 1")
    print("running", flush=True)
    engine.run("SELECT count(*) FROM range(1000000000000) WHERE sin(range) > 2")
"""


UNPACKING = """
import gzip, sys, threading
from pathlib import Path
from dispatcher.audience import prepare

file = Path(sys.argv[1]).with_suffix(".csv.gz")
with gzip.open(file, "wb", 1) as packed:
    packed.write(b"token\\n")
    for number in range(1_000_000):
        packed.write(b"t%d\\n" % number)

def tell(progress):
    print("reading", flush=True)

with prepare(file, ["ios"], scratch=Path(sys.argv[2]), progress=tell):
    sys.stdin.read()
"""

HANDLING = """
def end(*_):
    raise SystemExit(7)
signal.signal(signal.SIGTERM, end)
"""


SPILLING = """
import sys
from pathlib import Path
from dispatcher.audience import prepare

rows = ({"token": f"{number:064x}"} for number in range(1_000_000))
with prepare(rows, ["ios"], scratch=Path(sys.argv[2]), memory=64_000_000):
    print("prepared", flush=True)
    sys.stdin.read()
"""


Started = Callable[[str, Path, Path], "subprocess.Popen[str]"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "users.csv"
    path.write_text("token\na\nb\n")
    return path


@pytest.fixture
def started() -> Iterator[Started]:
    """Starts processes, each of which has told that it is at work; none outlives the test."""
    with ExitStack() as stack:

        def start(program: str, file: Path, scratch: Path) -> subprocess.Popen[str]:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program, str(file), str(scratch)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline()
            return process

        yield start


@pytest.mark.parametrize("program", [PREPARING, ENDLESS, IN_A_QUERY])
def test_ctrl_c_ends_at_once_and_leaves_nothing(
    started: Started, program: str, file: Path, scratch: Path
) -> None:
    process = started(program, file, scratch)
    assert len(list(scratch.iterdir())) == 1
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors.splitlines()[-1].startswith("KeyboardInterrupt")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("program", [PREPARING, ENDLESS, IN_A_QUERY, UNPACKING])
def test_a_signal_that_ends_the_process_ends_it_and_leaves_nothing(
    started: Started, program: str, number: signal.Signals, file: Path, scratch: Path
) -> None:
    process = started(program, file, scratch)
    assert len(list(scratch.iterdir())) == 1
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == -number


def test_what_an_application_does_with_a_signal_is_left_to_it(
    started: Started, file: Path, scratch: Path
) -> None:
    process = started(f"import signal\n{HANDLING}\n{ENDLESS}", file, scratch)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 7


def test_a_preparation_in_a_thread_touches_no_signal(file: Path, scratch: Path) -> None:
    seen = []

    def look() -> None:
        with prepare([{"token": "a"}], IOS_AND_ANDROID, scratch=scratch):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


def test_leftovers_of_a_killed_producer_are_removed_by_the_next(
    started: Started, file: Path, scratch: Path
) -> None:
    process = started(PREPARING, file, scratch)
    process.kill()
    process.communicate()
    assert len(list(scratch.iterdir())) == 1
    assert outcome_of(file, scratch).total == 2


def test_what_went_beyond_the_memory_is_on_disk_and_is_removed_after_a_kill(
    started: Started, file: Path, scratch: Path
) -> None:
    process = started(SPILLING, file, scratch)
    (directory,) = scratch.iterdir()
    assert sum(path.stat().st_size for path in (directory / "spilled").iterdir()) > 10_000_000
    process.kill()
    process.communicate()
    assert outcome_of(file, scratch).total == 2
    assert list(scratch.iterdir()) == []


def test_what_a_living_producer_holds_stays(started: Started, file: Path, scratch: Path) -> None:
    process = started(PREPARING, file, scratch)
    (held,) = scratch.iterdir()
    assert outcome_of(file, scratch).total == 2
    assert list(scratch.iterdir()) == [held]
    process.communicate("", timeout=60)
    assert process.returncode == 0


def test_the_scratch_directory_is_private(scratch: Path) -> None:
    with prepare([{"token": "a"}], IOS_AND_ANDROID, scratch=scratch):
        modes = {path.stat().st_mode & 0o777 for path in (scratch, *scratch.iterdir())}
    assert modes == {0o700}


def test_what_the_caller_raises_goes_through(scratch: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        prepare([{"token": "a"}], IOS_AND_ANDROID, scratch=scratch),
    ):
        raise ZeroDivisionError


def test_what_a_watcher_raises_goes_through(scratch: Path) -> None:
    def stop(progress: Progress) -> None:
        raise ZeroDivisionError

    with (
        pytest.raises(ZeroDivisionError),
        prepare([{"token": "a"}], IOS_AND_ANDROID, scratch=scratch, progress=stop),
    ):
        pytest.fail("the watcher stopped it")


def test_a_scratch_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    text = refusal_of([{"token": "a"}], tmp_path / "file" / "scratch")
    assert text.startswith(f"The scratch directory {tmp_path}/file/scratch cannot be used: ")


@pytest.mark.parametrize("source", ["a generator", "a packed file"])
def test_a_disk_without_room_is_named(tmp_path: Path, scratch: Path, source: str) -> None:
    program = """
import resource, sys
from pathlib import Path
from dispatcher.audience import prepare
from dispatcher.errors import AudienceError

resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
rows = ({"token": f"{number:064x}"} for number in range(100_000))
audience = rows if sys.argv[3] == "a generator" else Path(sys.argv[1])
try:
    with prepare(audience, ["ios"], scratch=Path(sys.argv[2])):
        pass
except AudienceError as error:
    print(error)
"""
    file = tmp_path / "users.csv.gz"
    file.write_bytes(gzip.compress(b"token\n" + b"x" * 5_000_000))
    run = subprocess.run(
        [sys.executable, "-c", program, str(file), str(scratch), source],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == (
        f"The scratch directory {scratch} cannot hold the audience: File too large; make room, or "
        "set DISPATCHER_HOME to another place.\n"
    )


def test_a_million_members_from_a_generator_need_little_memory(file: Path, scratch: Path) -> None:
    program = """
import re, sys
from pathlib import Path
from dispatcher.audience import prepare

rows = ({"token": f"{number:064x}"} for number in range(1_000_000))
with prepare(rows, ["ios"], scratch=Path(sys.argv[2])) as prepared:
    assert sum(pack.size for pack in prepared.packs()) == 1_000_000
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(file), str(scratch)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(run.stdout) < 400_000
