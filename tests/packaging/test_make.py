"""The Makefile and the gate: they tell people what to do, and redo what has changed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.image import ROOT

PACKAGES = "pgbouncer rabbitmq-server prometheus chromium"


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
    for target in ("setup", "demo", "test", "interop", "browser", "check"):
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


class Gate:
    """The gate on a machine where dpkg knows these packages, and make only notes its arguments."""

    def __init__(self, clone: Path, *, installed: bool, user: int) -> None:
        self._clone = clone
        self._bin = clone / "bin"
        self.made = clone / "made"
        self.policy = clone / "policy-rc.d"
        self.policy_meanwhile = clone / "policy-meanwhile"
        self.program("make", f'echo "$@" >> {self.made}', f"cat >> {self.made}")
        self.program("id", f"echo {user}")
        self.program("dpkg-query", "echo install ok installed" if installed else "exit 1")
        self.program("apt-get", f"cp {self.policy} {self.policy_meanwhile}")

    def program(self, name: str, *lines: str) -> None:
        """What the gate finds under this name."""
        _program(self._bin / name, *lines)

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._clone / ".ci" / "run"],
            cwd="/",
            env={"PATH": f"{self._bin}:/usr/bin:/bin", "CI": "true", "POLICY": str(self.policy)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def test_the_gate_is_four_targets_of_make_and_needs_no_input(clone: Path) -> None:
    gate = Gate(clone, installed=True, user=1000)
    finished = gate.run()
    assert finished.returncode == 0
    assert "make check" in finished.stdout
    assert gate.made.read_text() == "check\ninterop\nbrowser\nalerts\n"


@pytest.mark.parametrize("target", ["check", "interop", "browser", "alerts"])
def test_the_gate_fails_where_a_target_fails(clone: Path, target: str) -> None:
    gate = Gate(clone, installed=True, user=1000)
    gate.program("make", f'[ "$1" != {target} ]')
    assert gate.run().returncode != 0


def test_the_gate_says_which_packages_it_misses_where_it_may_not_install_them(clone: Path) -> None:
    gate = Gate(clone, installed=False, user=1000)
    finished = gate.run()
    assert finished.returncode == 1
    assert finished.stderr == (
        f"The gate needs Debian's {PACKAGES}, and only root may install them: "
        f"`apt install --no-install-recommends {PACKAGES}`.\n"
    )
    assert not gate.made.exists()


@pytest.mark.parametrize("before", [None, "what the machine says itself"])
def test_the_gate_starts_no_service_that_it_installs_and_leaves_the_machines_word_on_it(
    clone: Path, before: str | None
) -> None:
    gate = Gate(clone, installed=False, user=0)
    if before is not None:
        gate.policy.write_text(before, encoding="utf-8")
    assert gate.run().returncode == 0
    assert gate.policy_meanwhile.read_text(encoding="utf-8") == "#!/bin/sh\nexit 101\n"
    left = gate.policy.read_text(encoding="utf-8") if gate.policy.exists() else None
    assert left == before
    assert gate.made.read_text() == "check\ninterop\nbrowser\nalerts\n"


def test_the_gate_fetches_the_list_of_packages_where_it_has_none_and_says_what_it_cannot_install(
    clone: Path,
) -> None:
    gate = Gate(clone, installed=False, user=0)
    asked = clone / "asked"
    gate.program("apt-get", f'echo "$@" >> {asked}', 'case "$*" in *update) ;; *) exit 100;; esac')
    finished = gate.run()
    assert finished.returncode == 1
    assert "update" in asked.read_text()
    assert finished.stderr.endswith(f"see what `apt-get install {PACKAGES}` says.\n")
    assert not gate.made.exists()
    assert not gate.policy.exists()
