"""A source is opened once: pipes, devices, files that move, names that are no UTF-8."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dispatcher.audience import Progress
from tests.audience.preparing import outcome_of, read_rejects, refusal_of, written

CSV = b"token,userId\na,b\n"


@contextmanager
def writing(pipe: Path, content: bytes) -> Iterator[None]:
    """Somebody who writes into a pipe meanwhile, and goes."""
    thread = threading.Thread(target=lambda: pipe.write_bytes(content))
    thread.start()
    yield
    thread.join(10)
    assert not thread.is_alive()


def parquet(directory: Path) -> bytes:
    file = directory / "made"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT 'a' AS token, 'b' AS userId) TO '{file}' (FORMAT parquet)"
        )
    return file.read_bytes()


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("named", [True, False], ids=["by its name", "by its format"])
def test_a_named_pipe_is_read(tmp_path: Path, scratch: Path, form: str, named: bool) -> None:
    content = {
        "csv": CSV,
        "jsonl": b'{"token":"a","userId":"b"}\n',
        "parquet": parquet(tmp_path),
    }[form]
    pipe = tmp_path / (f"users.{form}" if named else "pipe")
    os.mkfifo(pipe)
    with writing(pipe, content):
        outcome = outcome_of(pipe, scratch, format=None if named else form)
    assert outcome.members == [{"token": "a", "userId": "b"}]


def test_faults_in_a_pipe_have_their_lines(tmp_path: Path, scratch: Path) -> None:
    pipe = tmp_path / "users.csv"
    os.mkfifo(pipe)
    rejects = tmp_path / "rejects.csv"
    with writing(pipe, b"token,userId\na,b\nshort\n"):
        outcome_of(pipe, scratch, on_invalid="skip", rejects=rejects)
    assert [(line, row) for line, _, row in read_rejects(rejects)] == [(3, "short")]


def test_a_pipe_of_the_shell_is_read_when_its_form_is_said(scratch: Path) -> None:
    reading, writing_end = os.pipe()
    os.write(writing_end, CSV)
    os.close(writing_end)
    try:
        assert "say with --format which" in refusal_of(f"/dev/fd/{reading}", scratch)
        outcome = outcome_of(f"/dev/fd/{reading}", scratch, format="csv")
    finally:
        os.close(reading)
    assert outcome.members == [{"token": "a", "userId": "b"}]


def test_a_pipe_that_nobody_writes_to_is_refused_in_time(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatcher.audience.files.WAIT_FOR_WRITER", 0.2)
    pipe = tmp_path / "users.csv"
    os.mkfifo(pipe)
    before = len(os.listdir("/proc/self/fd"))
    assert refusal_of(pipe, scratch) == (
        f"The audience {pipe} is a pipe that nobody writes to: start what writes first."
    )
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/null"])
def test_a_device_is_refused(scratch: Path, device: str) -> None:
    assert refusal_of(device, scratch, format="csv") == (
        f"The audience {device} is a device: give a file."
    )


def test_a_path_that_is_not_utf8_is_read_and_shown(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / os.fsdecode(b"m\xfcller.csv")
    written(path, b"token,userId\na,b\nshort\n")
    for source in (path, str(path)):
        outcome = outcome_of(source, scratch, on_invalid="skip")
        assert outcome.members == [{"token": "a", "userId": "b"}]
        assert refusal_of(source, scratch).startswith(
            f"The audience {tmp_path}/m\\xfcller.csv has "
        )


def test_what_is_read_is_the_file_that_was_opened(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatcher.audience.engine.SECONDS_BETWEEN", 0.001)
    monkeypatch.setattr("dispatcher.audience.progress.SECONDS_BETWEEN", 0)
    file = tmp_path / "users.csv"
    written(file, b"token,userId\n" + b"".join(b"t%d,u\n" % i for i in range(300_000)) + b"short\n")
    other = written(tmp_path / "other.csv", b"token\nother\n")

    def replace(_: Progress) -> None:
        if other.exists():
            other.replace(file)

    outcome = outcome_of(
        file, scratch, on_invalid="skip", rejects=tmp_path / "rejects.csv", progress=replace
    )
    assert not other.exists()
    assert outcome.total == 300_000
    assert read_rejects(tmp_path / "rejects.csv")[0][0] == 300_002


def test_a_file_that_grows_meanwhile_is_refused(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatcher.audience.engine.SECONDS_BETWEEN", 0.001)
    monkeypatch.setattr("dispatcher.audience.progress.SECONDS_BETWEEN", 0)
    file = tmp_path / "users.csv"
    written(file, b"token\n" + b"".join(b"t%d\n" % i for i in range(300_000)))

    def grow(_: Progress) -> None:
        with open(file, "ab") as more:
            more.write(b"late\n")

    assert refusal_of(file, scratch, progress=grow) == (
        f"The audience {file} changed while it was read: give it again when nobody writes to it "
        "any more."
    )


def test_a_closed_standard_input_is_named(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert refusal_of("-", scratch) == (
        "The audience cannot be read from standard input, which is closed."
    )


def test_a_standard_input_that_cannot_be_read_is_named(tmp_path: Path, scratch: Path) -> None:
    program = """
import sys
from pathlib import Path
from dispatcher.audience import prepare
from dispatcher.errors import AudienceError
try:
    with prepare("-", ["ios"], scratch=Path(sys.argv[1])):
        pass
except AudienceError as error:
    print(error)
"""
    descriptor = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    ran: Any = subprocess.run(
        [sys.executable, "-c", program, str(scratch)],
        stdin=descriptor,
        capture_output=True,
        text=True,
        check=True,
    )
    os.close(descriptor)
    assert ran.stdout == "The audience standard input cannot be read: Bad file descriptor.\n"
