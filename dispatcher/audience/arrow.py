"""A column of texts as it lies in memory, by Arrow's C interface: no object is made of each text.

The structures are those of https://arrow.apache.org/docs/format/CDataInterface.html and of
CStreamInterface.html beside it. DuckDB speaks them without any library of Arrow's.
"""

import ctypes
from collections.abc import Iterator

import duckdb

_TEXTS = b"u"
"""Arrow's format of texts whose places are whole numbers of 32 bits."""

_CAPSULE = b"arrow_array_stream"

_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype = ctypes.c_void_p
_pointer_of.argtypes = [ctypes.py_object, ctypes.c_char_p]


class _Schema(ctypes.Structure):
    """What a column, or all of them, holds."""


_RELEASE_SCHEMA = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Schema))
_Schema._fields_ = (
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.c_void_p),
    ("release", _RELEASE_SCHEMA),
    ("private_data", ctypes.c_void_p),
)


class _Array(ctypes.Structure):
    """Some rows of a column, or of all of them."""


_RELEASE_ARRAY = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Array))
_Array._fields_ = (
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.c_void_p),
    ("release", _RELEASE_ARRAY),
    ("private_data", ctypes.c_void_p),
)


class _Stream(ctypes.Structure):
    """What gives rows, a batch at a time; one that needs no release is the end."""

    _fields_ = (
        ("get_schema", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(_Schema))),
        ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(_Array))),
        ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    )


class Texts:
    """Some rows of a column of texts, until the next are asked for; none of them is NULL."""

    def __init__(self, column: _Array) -> None:
        self.count: int = column.length
        self._first: int = column.offset
        self._places = ctypes.cast(column.buffers[1], ctypes.POINTER(ctypes.c_int32))
        self._bytes: int = column.buffers[2] or 0

    def joined(self, begin: int, end: int) -> bytes:
        """The UTF-8 of the texts from one to before another, with nothing between them."""
        at, behind = self._places[self._first + begin], self._places[self._first + end]
        return ctypes.string_at(self._bytes + at, behind - at)


def texts(rows: duckdb.DuckDBPyRelation) -> Iterator[Texts]:
    """The rows of a query with one column, of texts without NULL, in batches.

    Raises duckdb.Error where the query does while it runs.
    """
    capsule = rows.__arrow_c_stream__()  # its end releases the stream
    place = _pointer_of(capsule, _CAPSULE)
    stream = _Stream.from_address(place)
    _check_texts(stream, place)
    while True:
        batch = _Array()
        if stream.get_next(place, ctypes.byref(batch)):
            raise _last_error(stream, place)
        if not batch.release:
            return
        try:
            if batch.length:
                yield Texts(batch.children[0].contents)
        finally:
            batch.release(ctypes.byref(batch))


def _check_texts(stream: _Stream, place: int) -> None:
    """Raise TypeError where the rows are no single texts: their bytes would be read wrongly."""
    schema = _Schema()
    if stream.get_schema(place, ctypes.byref(schema)):
        raise _last_error(stream, place)
    formats = [schema.children[number].contents.format for number in range(schema.n_children)]
    schema.release(ctypes.byref(schema))
    if formats != [_TEXTS]:
        raise TypeError(f"one column of texts was expected, not {formats}")


def _last_error(stream: _Stream, place: int) -> duckdb.Error:
    told: bytes | None = stream.get_last_error(place)
    words = (told or b"the rows cannot be read").decode("utf-8", "replace")
    return duckdb.OutOfMemoryException(words) if "Out of Memory" in words else duckdb.Error(words)
