"""Copies of a wheel's programs for an account that cannot read where they are installed."""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path


def readable_copy(source: Path, parts: Iterable[str], destination: Path) -> Path:
    """These parts of `source`, below `destination`: copied at the first call, whole or not at all.

    The parts keep their places relative to each other, as programs find their libraries by them.
    """
    if destination.is_dir():
        return destination
    unfinished = Path(tempfile.mkdtemp(prefix=f".{destination.name}-", dir=destination.parent))
    try:
        for part in parts:
            _copy(source / part, unfinished / part)
        _open_to_readers(unfinished)
        _put_in_place(unfinished, destination)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return destination


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target, symlinks=True)


def _open_to_readers(tree: Path) -> None:
    """Whatever its owner may read or run, everybody may."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)


def _put_in_place(unfinished: Path, destination: Path) -> None:
    """Renamed at one stroke; another process's copy that came first is as good."""
    try:
        os.rename(unfinished, destination)
    except OSError:
        if not destination.is_dir():
            raise
