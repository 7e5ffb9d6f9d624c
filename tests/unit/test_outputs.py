"""Files that are written for a person: private, whole or not there, and no way to another file."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher import outputs


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def write(path: Path, text: str = "new") -> None:
    with outputs.written(path) as file:
        file.write(text)


def break_off(path: Path) -> None:
    with outputs.written(path) as file:
        file.write("half")
        raise ZeroDivisionError


@pytest.fixture(autouse=True)
def open_handed() -> Iterator[None]:
    """A umask that would let everybody read."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    write(tmp_path / "rejects.csv")
    assert mode_of(tmp_path / "rejects.csv") == 0o600


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666, 0o400])
def test_an_existing_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "rejects.csv"
    file.write_text("old")
    file.chmod(mode)
    write(file)
    assert (file.read_text(), mode_of(file)) == ("new", mode)


def test_it_is_private_while_it_is_written_and_under_a_name_of_its_own(tmp_path: Path) -> None:
    names = set()
    for _ in range(2):
        with outputs.written(tmp_path / "rejects.csv"):
            (unfinished,) = [path for path in tmp_path.iterdir() if path.name != "rejects.csv"]
            assert mode_of(unfinished) == 0o600
            names.add(unfinished.name)
    assert len(names) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["rejects.csv"]


def test_what_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "rejects.csv"
    file.write_text("old")
    with pytest.raises(ZeroDivisionError):
        break_off(file)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["rejects.csv"]


@pytest.mark.parametrize("there", [True, False])
def test_a_planted_link_is_not_followed(tmp_path: Path, there: bool) -> None:
    target, link = tmp_path / "precious", tmp_path / "rejects.csv"
    if there:
        target.write_text("precious")
    link.symlink_to(target)
    assert outputs.obstacle(link) == "it is a link, and links are not followed"
    write(link)  # the link came between the question and the writing
    assert not link.is_symlink()
    assert link.read_text() == "new"
    assert target.exists() == there
    assert not there or target.read_text() == "precious"


def test_what_bars_the_way_is_said_beforehand(tmp_path: Path) -> None:
    assert outputs.obstacle(tmp_path / "new.csv") is None
    assert outputs.obstacle(tmp_path) == "it is a directory"
    assert outputs.obstacle(tmp_path / "missing" / "new.csv") == "its directory is missing"


def test_a_pipe_and_standard_output_are_written_to_as_they_are(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    for path in (Path(f"/dev/fd/{writing}"), Path(f"/proc/self/fd/{writing}")):
        assert outputs.obstacle(path) is None
        write(path)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        assert pipe.read() == "newnew"


def test_a_file_that_is_open_already_is_written_to_where_it_stands(tmp_path: Path) -> None:
    with open(tmp_path / "out.txt", "w+") as out:
        out.write("before ")
        out.flush()
        write(Path(f"/dev/fd/{out.fileno()}"))
        out.seek(0, os.SEEK_END)
        out.write(" behind")
    assert (tmp_path / "out.txt").read_text() == "before new behind"


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_what_a_spreadsheet_would_compute_is_told_apart(begin: str) -> None:
    assert outputs.harmless(f"{begin}1+1") == f"'{begin}1+1"


@pytest.mark.parametrize("cell", ["", "a=1", "u1", 5, -5, None, "'=1"])
def test_other_cells_stay_as_they_are(cell: object) -> None:
    assert outputs.harmless(cell) == cell
