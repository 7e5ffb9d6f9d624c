"""What a command costs: memory for millions, and no wait for help."""

import resource
import subprocess
import sys
from itertools import chain

import pytest

from tests.acceptance.program import Program

VERBS = (
    *(
        "demo",
        "send",
        "watch",
        "list",
        "show",
        "pause",
        "resume",
        "cancel",
        "rate",
        "canary",
        "migrate",
    ),
    *("worker", "sandbox", "services start", "services stop", "services status"),
)

PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def test_a_send_to_three_million_members_stays_under_400_mb(program: Program) -> None:
    with (program.directory / "millions.csv").open("w") as file:
        lines = (f"device-{number:010},user-{number}\n" for number in range(3_000_000))
        file.writelines(chain(["token,userId\n"], lines))
    command = program.send_command("millions.csv", "--at", "2099-01-01T00:00Z", "--json")

    # In a process of its own, as the figure is that of the largest child so far.
    said = subprocess.run(
        [sys.executable, "-c", PEAK, "dispatcher", *command],
        env=program.environment,
        cwd=program.directory,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    megabytes = int(said.splitlines()[-1])

    assert megabytes < 400
    with program.books() as books:
        assert books.show("last").members.total == 3_000_000


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_shows_an_example(program: Program, verb: str) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    ran = program.run(*verb.split(), "--help")

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (ran.status, ran.stderr) == (0, "")
    assert "example" in ran.stdout.lower()
    assert f"dispatcher {verb}" in ran.stdout or "python -m sandbox" in ran.stdout
    assert after.ru_utime - before.ru_utime < 2
