"""One HTTP attempt at the Push API, never more, and what it came to.

The request is lean: prepared once, copied with its body, sent through the adapter. The token is in
the body, as URLs end up in access logs, and in nothing that leaves this module.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from dispatcher.errors import SettingError
from dispatcher.lifecycle import (
    Accepted,
    InDoubt,
    NotSent,
    Outcome,
    Reason,
    outcome_of_refusal,
)
from dispatcher.settings import Secret
from workers.connection import Attempt, GuardedAdapter, TooLate, Watchdog, clock, guarded

_MOST_REPLY_BYTES = 4_000_000
_MOST_REASON_CHARACTERS = 500
_LARGEST_NUMBER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Envelope:
    """The part of the body that all chunks of a campaign share, encoded once."""

    head: bytes
    token: Secret

    @classmethod
    def of(cls, token: Secret, app_id: str, campaign_tag: str | None, message: str) -> "Envelope":
        """The envelope of a campaign; `message` is the JSON text of its platform objects."""
        fields = {"user_token": token.reveal(), "app_id": app_id}
        if campaign_tag is not None:
            fields["campaign_tag"] = campaign_tag
        shared = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        return cls(f"{shared[:-1]},{message[1:-1]}".encode(), token)

    def body(self, pack_id: str, members: str) -> bytes:
        """One chunk's whole body; `members` is ready JSON and is not parsed."""
        return b'%b,"pack_id":"%b","audience":%b}' % (
            self.head,
            pack_id.encode(),
            members.encode(),
        )

    def redact(self, text: str) -> str:
        """The text without the token, on one line, and not longer than a reason may be."""
        token = self.token.reveal()
        for form in (token, json.dumps(token)[1:-1]):
            text = text.replace(form, "***")
        printable = "".join(char if char.isprintable() else " " for char in text)
        return printable[:_MOST_REASON_CHARACTERS]


class PushApi:
    """The vendor's Push API at one URL, for `slots` requests at once.

    `timeout` is the time for one whole request, from the connection to the last byte of its reply.
    Raises SettingError for a proxy that cannot be used.
    """

    def __init__(self, url: str, *, timeout: timedelta, slots: int) -> None:
        self._timeout = timeout.total_seconds()
        self._watchdog = Watchdog()
        session = requests.Session()
        environment = session.merge_environment_settings(url, {}, True, None, None)
        self._proxies: dict[str, str] = dict(environment["proxies"])
        verify = environment["verify"]
        self._verify: bool | str = True if verify is None else verify
        if any(proxy.startswith("socks") for proxy in self._proxies.values()):
            raise SettingError(
                "HTTPS_PROXY names a SOCKS proxy, which cannot be used: name an HTTP proxy."
            )
        self._adapter = GuardedAdapter(pool_connections=2, pool_maxsize=slots, max_retries=0)
        self._template = requests.Request(
            "POST",
            url,
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "dispatcher",
            },
        ).prepare()

    def send(self, envelope: Envelope, body: bytes, send_before: float) -> Outcome:
        """Make one attempt. `send_before` on `clock()` is the last moment for its first byte."""
        now = clock()
        attempt = Attempt(send_before=send_before, deadline=now + self._timeout)
        try:
            with guarded(attempt, self._watchdog):
                status, headers, reply = self._exchange(body)
        except (requests.RequestException, HTTPError, OSError, TooLate, ValueError) as error:
            return _failure(attempt, envelope.redact(_plain(error)), self._timeout)
        if attempt.cut:
            return _failure(attempt, "", self._timeout)
        return read_reply(status, headers, reply, envelope)

    def _exchange(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        request = self._template.copy()
        request.body = body
        request.headers["Content-Length"] = str(len(body))
        response = self._adapter.send(
            request,
            stream=True,
            timeout=(self._timeout, self._timeout),
            verify=self._verify,
            proxies=self._proxies,
        )
        with response:
            return response.status_code, response.headers, _read_bounded(response.raw)


def _read_bounded(raw: Any) -> bytes:
    reply = bytearray()
    while part := raw.read(65_536, decode_content=False):
        reply += part
        if len(reply) > _MOST_REPLY_BYTES:
            raise ValueError(f"the reply is longer than {_MOST_REPLY_BYTES} bytes")
    return bytes(reply)


def _failure(attempt: Attempt, why: str, timeout: float) -> Outcome:
    """An attempt without a complete reply: only `started` and `cut` tell what it came to."""
    if not attempt.started:
        return NotSent(Reason(why or "no connection in time"))
    if attempt.cut:
        return InDoubt(Reason(f"No complete reply within {timeout:g} s"))
    return InDoubt(Reason(why))


def _plain(error: Exception) -> str:
    """The innermost reason of the network's error, without addresses of objects."""
    while True:
        inner = error.args[0] if error.args else None
        inner = getattr(error, "reason", None) or inner
        if not isinstance(inner, Exception):
            break
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = str(error.args[-1] if error.args else error)
    return words.rpartition(">: ")[2] or type(error).__name__


def read_reply(
    status: int, headers: Mapping[str, str], reply: bytes, envelope: Envelope
) -> Outcome:
    """What a complete reply means: 429 first, then a valid document, then the HTTP status."""
    document = _document(reply)
    errors = [(code, envelope.redact(message)) for code, message in _errors(document)]
    if status == 200 and not errors:
        accepted = _accepted(document)
        return accepted or InDoubt(Reason("HTTP 200 with a reply that makes no sense", status))
    return outcome_of_refusal(status, errors, _retry_after(headers))


def _document(reply: bytes) -> dict[str, Any]:
    try:
        document = json.loads(reply)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _errors(document: dict[str, Any]) -> list[tuple[int, str]]:
    """The codes and messages of an error document of the vendor's form."""
    listed = document.get("errors")
    return [
        (error["code"], str(error.get("msg", "")))
        for error in (listed if isinstance(listed, list) else [])
        if isinstance(error, dict) and type(error.get("code")) is int
    ]


def _accepted(document: dict[str, Any]) -> Accepted | None:
    """The vendor's numbers, where the whole document has its documented form."""
    match document:
        case {
            "data": {
                "status": "complete",
                "result": {
                    "audience": int(audience),
                    "successful": int(successful),
                    "erroneous": int(erroneous),
                    **rest,
                },
            }
        } if all(
            type(number) is int and 0 <= number <= _LARGEST_NUMBER
            for number in (audience, successful, erroneous)
        ):
            details = json.dumps(rest.get("error_details", []), separators=(",", ":"))
            return Accepted(audience, successful, erroneous, details)
        case _:
            return None


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Retry-After in seconds or as a date (RFC 9110, section 10.2.3); nonsense is as if absent."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return timedelta(seconds=min(int(asked), 10**6))
    try:
        moment = parsedate_to_datetime(asked)
        sent = headers.get("Date")
        now = parsedate_to_datetime(sent) if sent else datetime.now(UTC)
        return moment - now
    except (ValueError, TypeError):
        return None
