"""Who the servers run as, and where their data are."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from dispatcher.embedded import ServerUrls, start, stop
from dispatcher.embedded.account import Account, succeeds
from dispatcher.embedded.pair import pair_of
from tests.embedded.observing import answers, processes_of

_NOBODY = Account(65534, 65534)


def test_a_home_that_only_its_owner_can_enter_will_do(new_home: Path) -> None:
    hidden = new_home / "hidden"
    hidden.mkdir(mode=0o700)
    try:
        urls = start(hidden)
        assert answers(urls)
        stop(hidden)
        assert start(hidden) == urls
    finally:
        stop(hidden)
        # Where root starts them, the data are outside the home.
        shutil.rmtree(pair_of(hidden).path)


def test_an_ordinary_user_has_servers_of_his_own(new_home: Path) -> None:
    home = new_home / "his"
    home.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(home, _NOBODY.uid, _NOBODY.gid)
    command = [*_python(), "-m", "tests.embedded.holding", str(home)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env=_environment(),
        user=home.stat().st_uid,
    ) as program:
        assert program.stdout is not None
        urls = ServerUrls(**json.loads(program.stdout.readline()))
        owners = {process.uids().effective for process in processes_of(home)}
        assert answers(urls)
        program.communicate()

    assert owners == {home.stat().st_uid}
    assert processes_of(home) == []


def _environment() -> dict[str, str]:
    checkout = Path(__file__).parents[2]
    packages = Path(psycopg2.__file__).parents[1]
    return {"PATH": os.defpath, "PYTHONPATH": f"{checkout}:{packages}"}


def _python() -> list[str]:
    """A Python that the other user can run: ours may be root's alone."""
    system = shutil.which(f"python3.{sys.version_info.minor}", path=os.defpath)
    candidates = [sys.executable] if system is None else [sys.executable, system]
    for python in candidates:
        if os.geteuid() != 0 or succeeds([python, "-c", ""], _NOBODY):
            return [python, "-B"]
    pytest.fail(f"none of {candidates} can be run by an ordinary user")
