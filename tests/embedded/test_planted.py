"""A link that somebody has planted where the servers' files go is never followed."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatcher import embedded
from dispatcher.embedded.ancestry import check_ancestry
from dispatcher.embedded.pair import pair_of
from dispatcher.errors import EmbeddedServerError
from dispatcher.services_file import SERVICES_FILE
from tests.embedded.observing import answers

_NOBODY = 65534

_FILES = [
    "services.json",
    "services.json.new",
    "embedded/launch.lock",
    "embedded/owner.lock",
    *(
        f"embedded/{server}/{name}"
        for server in ("postgresql", "valkey")
        for name in ("lock", "log", "holder.json", "holder.json.new", "password", "password.new")
    ),
    "embedded/valkey/valkey.conf",
    "embedded/postgresql/data/PG_VERSION",
    "embedded/postgresql/data/postmaster.pid",
]
_DIRECTORIES = [
    "embedded",
    "embedded/postgresql",
    "embedded/valkey",
    "embedded/postgresql/data",
    "embedded/valkey/data",
    "embedded/postgresql/data.new",
    "embedded/postgresql/socket",
    "embedded/valkey/socket",
]


def services(home: Path, verb: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [Path(sys.executable).with_name("dispatcher"), "services", verb],
        env={"PATH": os.defpath, "DISPATCHER_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        subprocess.run(["rm", "-r", path], check=True)
    else:
        path.unlink(missing_ok=True)


def look(path: Path) -> tuple[object, ...]:
    """All that a start might have changed of what a link leads to."""
    found = path.stat()
    inside = sorted(path.iterdir()) if path.is_dir() else path.read_bytes()
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_mtime_ns, str(inside)


def check_left_alone(home: Path, link: str, victim: Path) -> None:
    """Both verbs do their work, or say that they don't; the victim is as it was."""
    before = look(victim)
    path = home / link
    remove(path)
    path.symlink_to(victim)

    verbs: tuple[Callable[[Path], object], ...] = (embedded.start, embedded.stop)
    for verb in verbs:
        try:
            verb(home)
        except EmbeddedServerError as error:
            told = str(error)
            assert "is a link" in told
            assert str(path) in told
    assert look(victim) == before
    remove(path)


@pytest.mark.parametrize("link", _FILES)
def test_a_link_in_the_place_of_a_file(home: Path, tmp_path: Path, link: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("the secret of somebody else\n")
    victim.chmod(0o644)

    check_left_alone(home, link, victim)


@pytest.mark.parametrize("link", _DIRECTORIES)
def test_a_link_in_the_place_of_a_directory(home: Path, tmp_path: Path, link: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o755)
    (victim / "file").write_text("of somebody else")

    check_left_alone(home, link, victim)


def test_what_a_link_leads_to_is_not_told(home: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret of somebody else\n")
    version = home / "embedded" / "postgresql" / "data" / "PG_VERSION"
    version.unlink()
    version.symlink_to(secret)

    ran = services(home, "start")

    assert ran.returncode == 1
    assert "is a link" in ran.stderr
    assert "the secret" not in ran.stderr


def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(home: Path) -> None:
    holder = home / "embedded" / "valkey" / "holder.json"
    holder.unlink()
    os.mkfifo(holder)
    assert services(home, "start").returncode == 0
    assert services(home, "stop").returncode == 0


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user is asked what root would be; what is his is somebody else's then."""
    monkeypatch.setattr("os.geteuid", lambda: 0)


@pytest.mark.usefixtures("as_root")
def test_root_uses_no_home_that_another_user_could_replace(new_home: Path) -> None:
    theirs = new_home / "theirs"
    theirs.mkdir()
    if os.getuid() == 0:
        os.chown(theirs, _NOBODY, _NOBODY)

    for home in (theirs, theirs / "new" / "home"):
        with pytest.raises(OSError, match="set DISPATCHER_HOME to a directory of root's"):
            check_ancestry(home)


@pytest.mark.usefixtures("as_root")
def test_root_uses_no_home_in_which_everybody_may_write(new_home: Path) -> None:
    everybody_s = new_home / "everybody-s"
    everybody_s.mkdir()
    everybody_s.chmod(0o777)

    with pytest.raises(OSError, match="set DISPATCHER_HOME to a directory of root's"):
        check_ancestry(everybody_s / "home")


@pytest.mark.usefixtures("as_root")
def test_root_follows_no_link_of_somebody_else_s_to_his_home(new_home: Path) -> None:
    (new_home / "target").mkdir()
    (new_home / "link").symlink_to("target")
    if os.getuid() == 0:
        os.chown(new_home / "link", _NOBODY, _NOBODY, follow_symlinks=False)

    with pytest.raises(OSError, match="set DISPATCHER_HOME to a directory of root's"):
        check_ancestry(new_home / "link" / "home")


def test_a_link_of_our_own_may_lead_to_the_home(home: Path) -> None:
    with embedded.temporary_home() as elsewhere:
        link = elsewhere / "link"
        link.symlink_to(home)
        with embedded.running(link, durable=False) as urls:
            assert answers(urls)


def test_a_start_makes_a_damaged_record_anew(home: Path) -> None:
    (home / SERVICES_FILE).write_text("damaged")
    started = services(home, "start")
    assert started.returncode == 0, started.stderr
    assert services(home, "stop").returncode == 0


def test_a_refused_home_is_told_in_a_sentence_and_nothing_is_made(new_home: Path) -> None:
    theirs = new_home / "theirs"
    theirs.symlink_to(new_home / "absent")
    (new_home / "embedded").symlink_to(theirs)

    ran = services(new_home, "start")

    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert "it is a link, and none is followed here: remove it" in ran.stderr
    assert not (new_home / "absent").exists()
    with pytest.raises(OSError, match="is a link"):
        pair_of(new_home)
    (new_home / "embedded").unlink()
