"""What a form's fields say: plain texts by name, as browsers send them without files."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

_MOST = 200
_KIND = "application/x-www-form-urlencoded"


async def _fields_of(request: Request) -> Mapping[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("", _KIND):
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"This takes a form: send it as {_KIND}."
        )
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST))
    except ValueError as error:
        raise HTTPException(
            HTTPStatus.BAD_REQUEST, "The form cannot be read: go back, and send it again."
        ) from error


Fields = Annotated[Mapping[str, str], Depends(_fields_of)]
"""The fields of the form that a request brings; of several of a name, the last."""
