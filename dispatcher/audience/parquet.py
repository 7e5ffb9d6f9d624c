"""A Parquet file of one column of whole numbers, written as they lie in memory.

The format is that of https://parquet.apache.org/docs/file-format/, and of `parquet.thrift` there;
what describes the numbers is in Thrift's compact protocol. DuckDB reads ten times as many numbers a
second from such a file as it reads from texts.
"""

from array import array
from collections.abc import Sequence
from typing import BinaryIO, TypeAlias

_MAGIC = b"PAR1"
_INT64, _REQUIRED, _PLAIN, _RLE, _DATA_PAGE, _UNCOMPRESSED = 2, 0, 0, 3, 0, 0
"""As `parquet.thrift` numbers them."""
_BYTES = 8


class _Long(int):
    """A number that Thrift has as one of 64 bits; any other is one of 32."""


_Value: TypeAlias = "int | str | Sequence[_Value] | _Struct"
_Struct: TypeAlias = "dict[int, _Value]"
"""Its fields by their numbers, in order."""

_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12


class NumbersFile:
    """Writes numbers of 64 bits to `file`, as its only column; `end` makes it a Parquet file."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._count = 0
        self._groups: list[_Struct] = []
        file.write(_MAGIC)

    def add(self, big_endian: bytes | memoryview) -> None:
        """The next numbers, eight bytes each, the highest first."""
        numbers = array("q")
        numbers.frombytes(big_endian)
        numbers.byteswap()
        if numbers:
            self._write(numbers)

    def _write(self, numbers: "array[int]") -> None:
        """A group of rows of a single page."""
        count, size = len(numbers), len(numbers) * _BYTES
        begin = self._file.tell()
        of_values: _Struct = {1: count, 2: _PLAIN, 3: _RLE, 4: _RLE}
        header = _encoded({1: _DATA_PAGE, 2: size, 3: size, 5: of_values})
        self._file.write(header)
        self._file.write(numbers)
        whole = _Long(len(header) + size)
        column: _Struct = {1: _INT64, 2: [_PLAIN], 3: [self._name], 4: _UNCOMPRESSED}
        column |= {5: _Long(count), 6: whole, 7: whole, 9: _Long(begin)}
        chunk: _Struct = {2: _Long(begin), 3: column}
        self._groups.append({1: [chunk], 2: whole, 3: _Long(count)})
        self._count += count

    def end(self) -> None:
        """Write what says where the numbers are."""
        root: _Struct = {4: self._name, 5: 1}
        column: _Struct = {1: _INT64, 3: _REQUIRED, 4: self._name}
        footer = _encoded({1: 1, 2: [root, column], 3: _Long(self._count), 4: self._groups})
        self._file.write(footer + len(footer).to_bytes(4, "little") + _MAGIC)


def _encoded(value: _Value) -> bytes:
    return _typed(value)[1]


def _typed(value: _Value) -> tuple[int, bytes]:
    """The value's type and bytes in Thrift's compact protocol."""
    match value:
        case dict():
            fields, before = b"", 0
            for number, field in value.items():
                kind, data = _typed(field)
                fields += bytes([(number - before) << 4 | kind]) + data
                before = number
            return _STRUCT, fields + b"\0"
        case str():
            return _BINARY, _varint(len(value.encode())) + value.encode()
        case _Long():
            return _I64, _varint(value << 1)
        case int():
            return _I32, _varint(value << 1)
    typed = [_typed(each) for each in value]
    kind = typed[0][0] if typed else _STRUCT
    head = bytes([0xF0 | kind]) + _varint(len(typed))
    return _LIST, head + b"".join(data for _, data in typed)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last have the highest bit set."""
    if number < 0x80:
        return bytes([number])
    return bytes([number & 0x7F | 0x80]) + _varint(number >> 7)
