"""What a command costs before it does anything: the CPU of imports and of the shell's verbs.

A ratio to what the database's driver costs alone, as everything beyond it is ours to answer for.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from benchmarks import audiences
from benchmarks.bench import Bench
from benchmarks.campaign import APP, MESSAGE
from benchmarks.findings import Findings, Ratio, Table

_DRIVER = "import sqlalchemy, psycopg2"
_GOAL = "at most 1.3"
_NOTE = "User and system CPU of the whole process, medians; all in turn, each so often in a round."


def run(bench: Bench) -> Findings:
    """The CPU of each command, and what it is to that of importing the driver."""
    dispatcher = str(Path(sys.executable).with_name("dispatcher"))
    commands = {
        "nothing": [sys.executable, "-c", "pass"],
        _DRIVER: [sys.executable, "-c", _DRIVER],
        "import dispatcher": [sys.executable, "-c", "import dispatcher"],
        "dispatcher show last": [dispatcher, "show", "last"],
        "dispatcher list": [dispatcher, "list"],
    }
    runs: dict[str, list[float]] = {name: [] for name in commands}
    with bench.stage.books() as books:
        audience = audiences.generate(1000, "member")
        books.dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=audience)
        for command in commands.values():  # what is compiled and read for the first time
            _cpu(command, books.environment)
        for _ in range(bench.size.rounds * bench.size.calls):
            for name, command in commands.items():
                runs[name].append(_cpu(command, books.environment))
    middles = {name: median(seconds) for name, seconds in runs.items()}
    driver = middles[_DRIVER]
    bench.say(f"cli: show takes {middles['dispatcher show last'] / driver:.2f} of the driver's CPU")
    return Findings(
        "cli",
        ratios=[
            Ratio(f"`{name}` to `{_DRIVER}`, CPU", middles[name] / driver, _GOAL)
            for name in ("dispatcher show last", "dispatcher list")
        ],
        tables=[
            Table(
                "CPU of a command, ms",
                ("command", "CPU", "to the driver's"),
                tuple((name, 1000 * it, it / driver) for name, it in middles.items()),
                _NOTE,
            )
        ],
        runs=[{"command": name, "seconds": seconds} for name, seconds in runs.items()],
    )


def _cpu(command: list[str], environment: Mapping[str, str]) -> float:
    """The user's and the system's seconds of a command, from its start to its end."""
    started = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        raise subprocess.CalledProcessError(started.returncode, command)
    return used.ru_utime + used.ru_stime
