"""The Makefile and the gate: they tell people what to do, and redo what has changed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.image import ROOT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `make` needs to see of a fresh clone."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    return tmp_path


def _program(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)
    return path


def _make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """make without uv, and with none of the variables of a make that runs us."""
    return subprocess.run(
        ["make", "UV=", *arguments],
        cwd=clone,
        env={"PATH": "/usr/bin:/bin", "HOME": str(clone)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_alone_lists_what_can_be_made(clone: Path) -> None:
    printed = _make(clone).stdout
    for target in ("setup", "demo", "test", "check"):
        assert f"  make {target} " in printed


@pytest.mark.parametrize("python", ["python3.1", "./old-python"])
def test_a_python_that_is_too_old_or_missing_is_told_in_a_sentence(
    clone: Path, python: str
) -> None:
    _program(clone / "old-python", "exit 1")
    made = _make(clone, "setup", f"PYTHON={python}")
    assert made.returncode == 2
    assert made.stderr.splitlines()[0] == (
        f"{python} is not Python 3.11 or newer: name one that is, as in "
        "`make setup PYTHON=python3.12`."
    )
    assert made.stdout == ""


def test_a_python_without_venv_is_told_in_a_sentence(clone: Path) -> None:
    _program(clone / "bare-python", 'case "$2" in *ensurepip*) exit 1;; esac')
    made = _make(clone, "setup", "PYTHON=./bare-python")
    assert made.returncode == 2
    assert made.stderr.startswith("./bare-python cannot make virtual environments: install its")


def test_setup_is_made_again_when_the_lock_has_changed(clone: Path) -> None:
    ready = clone / ".venv" / "ready"
    ready.parent.mkdir()
    ready.touch()
    assert _make(clone, "--question", ".venv/ready").returncode == 0
    newer = ready.stat().st_mtime + 5
    os.utime(clone / "requirements.lock", (newer, newer))
    assert _make(clone, "--question", ".venv/ready").returncode == 1


def test_setup_begins_anew_where_an_earlier_one_was_interrupted(clone: Path) -> None:
    said = clone / "said"
    _program(clone / "python", f'echo "$@" >> {said}', "exec python3 -c ''")
    _program(clone / ".venv/bin/python", "exit 0")  # left behind, perhaps with half of a package
    _make(clone, "setup", "PYTHON=./python")
    assert "-m venv --clear .venv" in said.read_text()


def test_the_gate_is_make_check_alone_and_needs_no_input(clone: Path) -> None:
    said = clone / "said"
    stub = _program(clone / "bin" / "make", f'echo "$@" > {said}', f"cat >> {said}")
    finished = subprocess.run(
        [clone / ".ci" / "run"],
        cwd="/",
        env={"PATH": f"{stub.parent}:/usr/bin:/bin", "CI": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "make check" in finished.stdout
    assert said.read_text() == "check\n"


def test_the_gate_fails_where_the_check_fails(clone: Path) -> None:
    stub = _program(clone / "bin" / "make", "exit 2")
    finished = subprocess.run(
        [clone / ".ci" / "run"],
        env={"PATH": f"{stub.parent}:/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert finished.returncode != 0
