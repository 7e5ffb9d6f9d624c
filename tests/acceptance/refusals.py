"""Commands that are refused: run inside the test's process, as Python takes long to start."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from dispatcher.cli import main
from tests.acceptance.program import Program, Ran

Run = Callable[..., Ran]
"""Takes a command's arguments, and variables to change (None takes one out)."""

SEND = ("send", "good.json", "--app-id", "sandbox-app", "--audience", "good.csv")


def runner(
    program: Program, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Commands in the program's directory and environment, where a SEND would be in order."""
    program.file("good.json", '{"ios": {"payload": {"text": "Hello"}}}')
    program.file("good.csv", "token\na\nb\n")
    monkeypatch.chdir(program.directory)

    def run(*arguments: str, **variables: str | None) -> Ran:
        environment = program.having(**variables).environment
        # The command itself writes to the environment where it reads a configuration file.
        with mock.patch.dict(os.environ, environment, clear=True), monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["dispatcher", *arguments])
            status = _status_of_main()
            said = capfd.readouterr()
        return Ran(status, said.out, said.err)

    return run


def _status_of_main() -> int:
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def check_refused(ran: Ran, status: int, words: tuple[str, ...]) -> None:
    """One sentence with these words, on standard error alone."""
    assert (ran.status, ran.stdout) == (status, ""), ran
    assert ran.stderr.startswith("dispatcher: "), ran.stderr
    assert "Traceback" not in ran.stderr
    for word in words:
        assert word in ran.stderr


def check_nothing_left(program: Program) -> None:
    """No campaign in the books, and no scratch directory."""
    with program.books() as books:
        assert books.list() == ()
    assert leftovers(program) == []


def leftovers(program: Program) -> list[Path]:
    """What preparations have left on the disk."""
    return list(Path(program.environment["DISPATCHER_HOME"]).glob("scratch/audience-*"))
