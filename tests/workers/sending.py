"""One attempt as a test makes it, and the replies that it may meet."""

import json
from functools import partial
from typing import Any

from dispatcher.lifecycle import Outcome
from workers.envelope import Envelope
from workers.push_api import PushApi
from workers.watchdog import clock

MEMBERS = '[{"token":"anna"},{"userId":"bob"}]'


def attempt(client: PushApi, envelope: Envelope, *, send_before: float = 60) -> Outcome:
    """One attempt at a chunk of two; its first byte may leave for `send_before` seconds yet."""
    body = partial(envelope.body, "pack-1", MEMBERS)
    return client.send(envelope, body, clock() + send_before)


def result(**changes: Any) -> bytes:
    """The vendor's document of an accepted request, with some of its numbers changed."""
    numbers = {"audience": 2, "successful": 1, "erroneous": 1, "error_details": []} | changes
    return json.dumps(
        {"status_code": 200, "data": {"status": "complete", "result": numbers}}
    ).encode()


def refusal(code: object, message: object = "No", status: int = 400) -> bytes:
    """The vendor's document of a refused request."""
    return json.dumps({"status_code": status, "errors": [{"code": code, "msg": message}]}).encode()
