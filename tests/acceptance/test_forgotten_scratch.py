"""An audience that a killed `send` left on the disk: `doctor` names it, `purge` removes it."""

from pathlib import Path

import pytest

from tests.acceptance.program import Program


@pytest.fixture
def forgotten(program: Program) -> Path:
    """The directory of a preparation that was killed: nobody holds a lock on it."""
    directory = Path(program.environment["DISPATCHER_HOME"]) / "scratch" / "audience-killed"
    directory.mkdir(parents=True)
    (directory / "members.csv").write_text("userId\nanna\n")
    return directory


def test_it_is_named_and_removed(program: Program, forgotten: Path) -> None:
    (named,) = (line for line in program.run("doctor").stdout.splitlines() if "scratch" in line)
    assert named == (
        f"! scratch: {forgotten.parent} holds 1 audience of killed producers: run "
        "`dispatcher purge`, or send again, and they go"
    )

    asked = program.run("purge", "--older-than", "0")
    assert asked.status == 2
    assert "what killed producers left on this machine (1 audience)" in asked.stderr
    assert forgotten.exists()

    assert program.run("purge", "--older-than", "0", "--yes").status == 0
    assert not forgotten.exists()
    again = program.run("purge", "--older-than", "0", "--yes")
    assert "nothing is to be done" in again.stderr
    assert "✓ scratch: nobody's audience is left in" in program.run("doctor").stdout
