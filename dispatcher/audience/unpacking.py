"""Packed files, unpacked: DuckDB would not notice all damage, nor leave every line as it is."""

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dispatcher.audience.content import HEAD
from dispatcher.audience.progress import Reporter
from dispatcher.audience.scratch import is_full
from dispatcher.errors import AudienceError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LONGEST_LINE = 65_536
"""Bytes. A row that is valid, with all its identifiers, takes less."""

TOO_LONG = f"is longer than {LONGEST_LINE:,} bytes"
"""What is said of a longer one."""

HEAVY = 400
"""Bytes of a line from which on a few thousand of them, parsed at once, take up a small memory."""

PIECE = 1 << 21
"""Bytes of such lines that are parsed at once."""

_PIECE = 1 << 20

MOST_GROWTH = 200
"""Times that a packed file may unpack to its size; audiences come to some ten."""

_MOST_SPILLED = 2000
_ALWAYS_SPILLED = 500 * 10**6

_ALWAYS_ALLOWED = 100 * 10**6
"""Bytes that do no harm, whatever they come from."""


def unpacked(path: Path, name: str, packing: str, scratch: Path, reporter: Reporter) -> Path:
    """The content of a packed file as a new file in `scratch`.

    `packing` is ".gz" or ".zst". Raises AudienceError where the file is damaged.
    """
    target = scratch / "unpacked"
    done = 0
    size = path.stat().st_size
    try:
        with _opened(path, packing) as packed, open(target, "wb") as file:
            while piece := packed.read(_PIECE):
                done += len(piece)
                check_growth(name, size, done)
                file.write(piece)
                reporter.report("reading", 0)
    except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        if is_full(error):
            raise
        raise AudienceError(
            f"The audience {name} cannot be unpacked: {error}; the file is damaged or cut short, "
            "make it again."
        ) from error
    return target


def check_growth(name: str, packed: int, unpacked: int) -> None:
    """Raise AudienceError where so many bytes come of a packed file that it is no audience."""
    if unpacked > _ALWAYS_ALLOWED and unpacked > MOST_GROWTH * packed:
        raise AudienceError(
            f"The audience {name} unpacks to more than {MOST_GROWTH} times its size, as what is "
            "made to fill a disk does: unpack it yourself, and look into it."
        )


def check_spilling(name: str, size: int, spilled: int) -> None:
    """Raise AudienceError where a small file's rows fill the disk: Parquet says them in a few bits.

    `spilled` is what went to the disk beyond the memory.
    """
    if spilled > _ALWAYS_SPILLED and spilled > _MOST_SPILLED * size:
        raise AudienceError(
            f"The audience {name} has rows of more than {_MOST_SPILLED:,} times its size, as what "
            "is made to fill a disk does: look into it."
        )


def head(path: Path) -> bytes:
    """The file's first bytes, which tell what it is."""
    with open(path, "rb") as file:
        return file.read(HEAD)


@contextmanager
def lines(path: Path) -> Iterator[Iterator[bytes]]:
    """The lines of a text file with their ends; of one longer than LONGEST_LINE, its beginning."""
    with open(path, "rb") as file:
        yield _bounded(file)


def has_long_line(path: Path) -> bool:
    """Whether a line may be longer than LONGEST_LINE; False means that none is twice as long."""
    with open(path, "rb") as file:
        while piece := file.read(LONGEST_LINE):
            if len(piece) == LONGEST_LINE and b"\n" not in piece:
                return True
    return False


def has_heavy_lines(path: Path) -> bool:
    """Whether lines anywhere take more than HEAVY bytes on average."""
    with open(path, "rb") as file:
        while piece := file.read(LONGEST_LINE):
            if piece.count(b"\n") < len(piece) // HEAVY:
                return True
    return False


def pieces(path: Path, target: Path) -> Iterator[Path]:
    """The file's lines a few at a time, each time in the file `target`: PIECE bytes, and a line."""
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            target.write_bytes(piece + file.readline())
            yield target


class Texture(NamedTuple):
    """What the bytes of a text file are like: told without reading its lines.

    bare_return: a carriage return stands somewhere else than at the end of a line.
    plain: there is nothing but ASCII in it, and no blank.
    """

    bare_return: bool
    plain: bool


def texture(path: Path) -> Texture:
    """What the file's bytes are like; they are looked at as long as they are plain."""
    plain = True
    with open(path, "rb") as file:
        while piece := file.read(LONGEST_LINE):
            plain = plain and piece.isascii() and b" " not in piece
            if b"\r" in piece:
                piece += file.read(1) if piece.endswith(b"\r") else b""
                if piece.count(b"\r") > piece.count(b"\r\n"):
                    return Texture(True, False)
    return Texture(False, plain)


def estimated_lines(path: Path) -> int:
    """How many lines a text file has, judged by the length of its first ones."""
    with open(path, "rb") as file:
        piece = file.read(LONGEST_LINE)
    return path.stat().st_size * piece.count(b"\n") // max(1, len(piece))


def _opened(path: Path, packing: str) -> gzip.GzipFile | zstd.ZstdFile:
    return gzip.open(path, "rb") if packing == ".gz" else zstd.open(path, "rb")


def _bounded(file: BinaryIO) -> Iterator[bytes]:
    most = LONGEST_LINE + len(b"\r\n") + 1
    while line := file.readline(most):
        yield line
        while len(line) == most and not line.endswith(b"\n"):
            line = file.readline(most)
