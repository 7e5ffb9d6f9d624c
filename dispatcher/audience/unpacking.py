"""Packed files: checked to be whole, and unpacked where DuckDB would not notice damage.

DuckDB ignores the checksum of .gz, so that is unpacked here. It does verify the checksum of .zst,
but takes a file that was cut short for a whole one: the frames are walked before it reads.
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import duckdb

from dispatcher.audience.engine import file_name
from dispatcher.audience.progress import Reporter
from dispatcher.errors import AudienceError

_PIECE = 1 << 20
_LONGEST_LINE = 1 << 25
"""Bytes; more than DuckDB takes for one row, so only a file that is no text gets here."""

_ZSTD_FRAME = 0xFD2FB528
_ZSTD_SKIPPABLE = range(0x184D2A50, 0x184D2A60)


def unpacked(path: Path, packing: str, scratch: Path, reporter: Reporter) -> Path:
    """A file that DuckDB can be trusted to read: the path itself, or its content in `scratch`.

    `packing` is ".gz", ".zst" or "". Raises AudienceError where the file is damaged.
    """
    try:
        if packing == ".zst":
            with open(path, "rb") as file:
                _check_zstd_frames(file)
        elif packing == ".gz":
            return _gunzipped(path, scratch / f"unpacked{Path(path.stem).suffix}", reporter)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise AudienceError(
            f"The audience {path} cannot be unpacked: {error}; the file is damaged or cut short, "
            "make it again."
        ) from error
    return path.absolute()


@contextmanager
def lines(path: Path) -> Iterator[Iterator[bytes]]:
    """The lines of a text file (plain or .zst) with their ends."""
    if path.suffix.lower() == ".zst":
        with duckdb.connect(config={"threads": 1}) as connection:
            yield _zstd_lines(connection, path)
    else:
        with open(path, "rb") as file:
            yield iter(partial(file.readline, _LONGEST_LINE), b"")


def _gunzipped(path: Path, target: Path, reporter: Reporter) -> Path:
    with gzip.open(path, "rb") as packed, open(target, "wb") as file:
        while piece := packed.read(_PIECE):
            file.write(piece)
            reporter.report("reading", 0)
    return target


def _zstd_lines(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[bytes]:
    """Read as Latin-1 every byte is a letter, so that the lines come back as they are."""
    rows = connection.execute(
        "SELECT line FROM read_csv(?, auto_detect = false, header = false, strict_mode = false,"
        " columns = {'line': 'VARCHAR'}, delim = '\x1f', quote = '', escape = '',"
        " encoding = 'latin-1', compression = 'zstd')",
        [file_name(path)],
    )
    while batch := rows.fetchmany(1000):
        for (line,) in batch:
            yield (line or "").encode("latin-1") + b"\n"


def _check_zstd_frames(file: BinaryIO) -> None:
    """Walk frames and blocks by their headers (RFC 8878); ValueError where one is not whole."""
    while magic := file.read(4):
        number = int.from_bytes(magic, "little")
        if number in _ZSTD_SKIPPABLE:
            _skip(file, int.from_bytes(_exactly(file, 4), "little"))
        elif number == _ZSTD_FRAME:
            _skip_zstd_frame(file)
        else:
            raise ValueError("it is not a Zstandard file")


def _skip_zstd_frame(file: BinaryIO) -> None:
    descriptor = _exactly(file, 1)[0]
    single_segment = bool(descriptor & 0x20)
    size_of_size = (int(single_segment), 2, 4, 8)[descriptor >> 6]
    size_of_dictionary = (0, 1, 2, 4)[descriptor & 3]
    _skip(file, (not single_segment) + size_of_dictionary + size_of_size)
    last = False
    while not last:
        block = int.from_bytes(_exactly(file, 3), "little")
        last = bool(block & 1)
        repeats_one_byte = (block >> 1) & 3 == 1
        _skip(file, 1 if repeats_one_byte else block >> 3)
    if descriptor & 4:
        _skip(file, 4)


def _skip(file: BinaryIO, count: int) -> None:
    if count:
        file.seek(count - 1, 1)
        _exactly(file, 1)


def _exactly(file: BinaryIO, count: int) -> bytes:
    read = file.read(count)
    if len(read) < count:
        raise ValueError("it ends in the middle")
    return read
