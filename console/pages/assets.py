"""Scripts, styles and pictures: read once, and kept by browsers until any of them changes."""

import gzip
import mimetypes
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

router = APIRouter(include_in_schema=False)

_FOR_GOOD = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain"}


@dataclass(frozen=True, slots=True)
class _Asset:
    body: bytes
    packed: bytes
    media_type: str


class Assets:
    """What stands in console/static; their address changes when any of them does."""

    def __init__(self) -> None:
        found = {
            each.name: each.read_bytes() for each in files("console").joinpath("static").iterdir()
        }
        everything = sha256()
        for name in sorted(found):
            everything.update(name.encode() + b"\0" + found[name])
        self.version = everything.hexdigest()[:12]
        self._by_name = {
            name: _Asset(body, gzip.compress(body, mtime=0), _type_of(name))
            for name, body in found.items()
        }

    def url(self, name: str) -> str:
        """Where a browser finds it. KeyError for what there is not."""
        self._by_name[name]
        return f"/static/{self.version}/{name}"

    def answer(self, name: str, accepted: str) -> Response | None:
        """The asset, packed where the browser takes that; None where there is none."""
        asset = self._by_name.get(name)
        if asset is None:
            return None
        headers = {"Cache-Control": _FOR_GOOD, "Vary": "Accept-Encoding"}
        if "gzip" in accepted:
            headers["Content-Encoding"] = "gzip"
            return Response(asset.packed, media_type=asset.media_type, headers=headers)
        return Response(asset.body, media_type=asset.media_type, headers=headers)


def _type_of(name: str) -> str:
    ending = name[name.rfind(".") :]
    return _TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"


@router.get("/static/{version}/{name}")
async def asset(
    request: Request, version: str, name: str, accept_encoding: Annotated[str, Header()] = ""
) -> Response:
    """One of the assets; an address of another version's is none of ours."""
    assets: Assets = request.app.state.assets
    found = assets.answer(name, accept_encoding) if version == assets.version else None
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return found
