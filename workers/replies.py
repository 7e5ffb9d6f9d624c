"""What a complete reply of the Push API means; one that makes no sense is in doubt."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPMessage
from typing import Any

from dispatcher.lifecycle import (
    Accepted,
    InDoubt,
    Outcome,
    Reason,
    outcome_of_refusal,
    whole_number,
)
from workers.envelope import Envelope
from workers.wording import Wording

Headers = Mapping[str, str] | HTTPMessage

_LARGEST_NUMBER = 2**31 - 1


def read_reply(
    status: int,
    headers: Headers,
    reply: bytes,
    envelope: Envelope,
    request: Callable[[], bytes | None] = bytes,
) -> Outcome:
    """What a complete reply means: 429 first, then a valid document, then the HTTP status.

    `request` makes the body that it answers: what the vendor quotes of it is left out.
    """
    document = _document(reply)
    errors = _errors(document)
    wording = Wording(envelope, request)
    if status == 200 and not errors:
        accepted = _accepted(document, wording)
        return accepted or InDoubt(Reason("HTTP 200 with a reply that makes no sense", status))
    outcome = outcome_of_refusal(status, errors, _retry_after(headers))
    return replace(outcome, reason=wording.reason(outcome.reason))


def _document(reply: bytes) -> dict[str, Any]:
    try:
        document = json.loads(reply, parse_int=whole_number)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _errors(document: dict[str, Any]) -> list[tuple[int, str]]:
    """The codes and messages of an error document of the vendor's form."""
    listed = document.get("errors")
    return [
        (error["code"], str(error.get("msg", "")))
        for error in (listed if isinstance(listed, list) else [])
        if isinstance(error, dict) and _is_number(error.get("code"))
    ]


def _accepted(document: dict[str, Any], wording: Wording) -> Accepted | None:
    """The vendor's numbers, where the whole document has its documented form."""
    match document:
        case {
            "data": {
                "status": "complete",
                "result": {
                    "audience": audience,
                    "successful": successful,
                    "erroneous": erroneous,
                    **rest,
                },
            },
        } if document.get("status_code", 200) == 200 and all(
            map(_is_number, (audience, successful, erroneous))
        ):
            details = wording.details(rest.get("error_details"))
            return Accepted(audience, successful, erroneous, details)
        case _:
            return None


def _is_number(value: object) -> bool:
    """Whether it counts something, and fits into a column of the books."""
    return type(value) is int and 0 <= value <= _LARGEST_NUMBER


def _retry_after(headers: Headers) -> timedelta | None:
    """Retry-After in seconds or as a date (RFC 9110, section 10.2.3); nonsense is as if absent."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit() and len(asked) < 20:
        return timedelta(seconds=min(int(asked), 10**6))
    moment = _date(asked)
    if moment is None:
        return None
    wait = moment - (_date(headers.get("Date", "")) or datetime.now(UTC))
    return wait if wait > timedelta(0) else None


def _date(text: str) -> datetime | None:
    """A date of any form that HTTP knows, in UTC; one without a zone is that already."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, LookupError, TypeError):
        return None
