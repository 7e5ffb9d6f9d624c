"""Audiences on their way: streamed to the disk, private, used once, and gone within a day.

A campaign that has a key can be asked for again, when the reply was lost. Of an upload that one was
made of it is therefore noted which campaign that is, and by what request; the members are not kept.
"""

import errno
import json
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from anyio import to_thread
from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from dispatcher import AudienceError

_ID = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_BLOCK = 1_000_000
_KEPT = 86_400.0
"""Seconds after which an upload goes that nobody used, and what was noted of one."""
_MOST_KEPT_FREE = 10**9
"""Bytes of the disk that uploads leave, or a twentieth of it where that is less."""
LARGEST = 10 * 10**9
"""Bytes of an upload: a hundred million members, packed or not."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_AT_ONCE = 2
"""Uploads that are prepared at the same time: each takes DISPATCHER_PREPARE_MEMORY."""
_PART, _NOTE = ".part", ".made"


class Uploads:
    """The uploads below DISPATCHER_HOME."""

    def __init__(self, home: Path) -> None:
        self._place = home / "uploads"
        self._preparing = BoundedSemaphore(_AT_ONCE)
        self._progress: dict[str, Any] = {}

    async def receive(self, name: str, body: AsyncIterator[bytes], length: int | None) -> str:
        """Write what arrives to the disk, a block at a time; its id, once all of it is there.

        `length` is in bytes, where it is known. Raises HTTPException: 422 for a name that no file
        of ours has, 413 for more than LARGEST, 507 where the disk is full. Nothing is left behind
        then.
        """
        if not _NAME.fullmatch(name):
            raise HTTPException(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "The name is none of a file: give 1 to 100 letters, digits, `.`, `_` and `-`, with "
                "the ending that says its format, as in `members.csv`.",
            )
        _check_size(length or 0)
        upload = secrets.token_hex(16)
        begun = self._place / f"{upload}{_PART}"
        try:
            await to_thread.run_sync(self._begin, begun)
            await self._write(begun / name, body, length or 0)
            if not (begun / name).stat().st_size:
                raise HTTPException(
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    "The body is empty: send the file as it is, as by `curl -T members.csv`.",
                )
            begun.rename(self._place / upload)
        except OSError as error:
            if error.errno not in _FULL:
                raise HTTPException(
                    HTTPStatus.INTERNAL_SERVER_ERROR,
                    f"Nothing can be written below DISPATCHER_HOME: {error.strerror}. Give the "
                    "program the right to, or set it to another place.",
                ) from error
            raise HTTPException(
                HTTPStatus.INSUFFICIENT_STORAGE,
                f"The disk of DISPATCHER_HOME has no room for {name}: nothing of it was kept. Make "
                "room, or set DISPATCHER_HOME to another place.",
            ) from error
        finally:
            shutil.rmtree(begun, ignore_errors=True)
        return upload

    def _begin(self, directory: Path) -> None:
        self.sweep()
        self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.mkdir(mode=0o700)

    async def _write(self, path: Path, body: AsyncIterator[bytes], length: int) -> None:
        with path.open("xb", buffering=0) as file:
            path.chmod(0o600)
            self._check_room(length)
            written = 0
            async for block in _blocks(body):
                written += len(block)
                _check_size(written)
                self._check_room(len(block))
                await to_thread.run_sync(_write_all, file.write, block)

    def _check_room(self, length: int) -> None:
        disk = shutil.disk_usage(self._place)
        if disk.free - length < min(_MOST_KEPT_FREE, disk.total // 20):
            raise OSError(errno.ENOSPC, "no room is left")

    @contextmanager
    def reported(self, upload: str | None) -> Iterator[Callable[[Any], None]]:
        """What is to be told how far the preparation of an upload is, while the `with` lasts."""

        def report(progress: Any) -> None:
            if upload is not None:
                self._progress[upload] = progress

        try:
            yield report
        finally:
            self._progress.pop(upload or "", None)

    def progress_of(self, upload: str) -> Any:
        """How far the upload's preparation is, as the library says it; None where there is none."""
        return self._progress.get(upload)

    @contextmanager
    def file(self, upload: str) -> Iterator[Path]:
        """The file, for as long as the `with` lasts; errors call it by the name it came with.

        Raises HTTPException where there is no such upload (any more).
        """
        found = None
        if _ID.fullmatch(upload):
            with suppress(OSError):
                (found,) = (self._place / upload).iterdir()
        if found is None:
            raise HTTPException(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "upload: there is none with this id (any more). One makes one campaign, and is kept"
                " for a day: upload the file again.",
            )
        try:
            yield found
        except AudienceError as error:
            raise AudienceError(str(error).replace(f"{found.parent}/", "")) from error

    @contextmanager
    def used(self, upload: str) -> Iterator[Path]:
        """The file, to be prepared; HTTPException while others are prepared already."""
        with self.file(upload) as found:
            if not self._preparing.acquire(blocking=False):
                raise HTTPException(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    f"{_AT_ONCE} uploads are being prepared already: ask again in a moment.",
                    {"Retry-After": "5"},
                )
            try:
                yield found
            finally:
                self._preparing.release()

    def spend(self, upload: str, request: str | None, campaign: str) -> None:
        """Remove the upload that a campaign was made of; `request` is what may ask for it again.

        Where that cannot be noted, it stays: the campaign is committed, whatever the disk does.
        """
        if request is not None:
            note = json.dumps({"request": request, "campaign": campaign})
            try:
                (self._place / f"{upload}{_NOTE}").write_text(note)
            except OSError:
                return
        shutil.rmtree(self._place / upload, ignore_errors=True)

    def made_of(self, upload: str, request: str) -> str | None:
        """The campaign that this same request has made of the upload before."""
        if not _ID.fullmatch(upload):
            return None
        try:
            note = json.loads((self._place / f"{upload}{_NOTE}").read_text())
        except (OSError, ValueError):  # half a note is none: the upload is still there then
            return None
        return str(note["campaign"]) if note["request"] == request else None

    def sweep(self) -> None:
        """Remove what is older than a day."""
        with suppress(FileNotFoundError):
            for path in self._place.iterdir():
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < time.time() - _KEPT:
                        _remove(path)


@contextmanager
def audience_of(
    uploads: Uploads, members: list[dict[str, Any]] | None, upload: str | None
) -> Iterator[Any]:
    """Whom an order is for, for as long as the `with` lasts: the rows, or the file."""
    if upload is None:
        yield members
        return
    with uploads.used(upload) as file:
        yield file


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise HTTPException(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"An upload has at most {LARGEST // 10**9} GB: pack the file (.gz, .zst), or hand it "
            "to `dispatcher send` where it lies.",
        )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()


async def _blocks(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same in pieces that are worth a write."""
    block = bytearray()
    async for piece in body:
        block += piece
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _write_all(write: Callable[[memoryview], int | None], block: bytes) -> None:
    """A disk that fills takes the beginning of a block first, and says so at the next."""
    rest = memoryview(block)
    while rest:
        rest = rest[write(rest) or 0 :]


async def received(request: Request, name: str) -> JSONResponse:
    """The upload that a request is, taken to the disk as it comes; its id."""
    length = request.headers.get("content-length", "")
    known = int(length) if length.isascii() and length.isdigit() else None
    uploads: Uploads = request.app.state.uploads
    made = await uploads.receive(name, request.stream(), known)
    return JSONResponse({"upload": made}, HTTPStatus.CREATED)
