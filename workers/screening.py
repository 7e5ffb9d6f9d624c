"""What a message of ours looks like; everything else on the broker is somebody else's.

Only what is expected passes, so that no bytes of a stranger's reach a parser that may fail on them.
What is said of a message never holds its content.
"""

import base64
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from kombu.utils.json import loads

from dispatcher.publishing import DELIVER, MOST_A_LIST

MOST_BYTES = 65_536
"""Of a message: sixteen chunks take less than a thousand."""

_LONGEST_TEXT = 1024
_LONGEST_ID = 45
_LARGEST_NUMBER = 2**31 - 1
_LARGEST_CLOCK = 2**62
_TASK_NAME = re.compile(r"[A-Za-z0-9_.]{1,60}")
_NOTHING: tuple[object, ...] = (None, 0, "", [], {}, [None, None])
_DESCRIBING = ("lang", "task", "id", "root_id", "parent_id", "argsrepr", "kwargsrepr", "origin")
_ACTING = ("compression", "eta", "expires", "timelimit", "retries", "group")
_COMMAND = ("method", "arguments", "destination", "pattern", "matcher", "reply_to", "ticket")


class NotOurs(Exception):
    """A message that we did not make; the text says by what it is known, without its content."""


def check_envelope(raw: bytes) -> None:
    """NotOurs unless these bytes of a Redis are a message that Celery can take in its hands."""
    if len(raw) > MOST_BYTES:
        raise NotOurs(f"it has {len(raw):,} bytes")
    try:
        read = loads(raw)  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - Celery makes objects of what a stranger wrote
        raise NotOurs(f"it cannot be read ({type(error).__name__})") from None
    envelope = _mapping(read, "it is no object")
    properties = _mapping(envelope.get("properties"), "its properties are no object")
    delivery = _mapping(properties.get("delivery_info"), "its delivery is no object")
    texts = [delivery.get(name) for name in ("exchange", "routing_key")]
    texts += [envelope.get("body"), properties.get("delivery_tag")]
    kinds = [envelope.get(name) for name in ("content-type", "content-encoding")]
    if not all(isinstance(text, str) for text in texts + kinds):
        raise NotOurs("a part of its envelope is no text")
    if "compression" in _mapping(envelope.get("headers"), "its headers are no object"):
        raise NotOurs("it is compressed")
    _check_encoding(envelope["body"], properties.get("body_encoding"))


def _check_encoding(body: str, encoding: object) -> None:
    if encoding not in ("base64", "utf-8", None):
        raise NotOurs("its body has an encoding of its own")
    try:
        if encoding == "base64":
            base64.b64decode(body)
        body.encode()
    except ValueError:
        raise NotOurs("its body cannot be decoded") from None


def check_task(message: Any) -> None:
    """NotOurs unless this is a task as we publish it.

    It keeps of the headers only what describes it: nothing in them may steer Celery.
    """
    headers = _mapping(message.headers, "its headers are no object")
    if headers.get("task") != DELIVER:
        name = headers.get("task")
        harmless = isinstance(name, str) and _TASK_NAME.fullmatch(name)
        raise NotOurs(f"it is for the task {name}" if harmless else "it names no task of ours")
    kept = {name: headers.get(name) for name in _DESCRIBING}
    for name, value in kept.items():
        if not _is_text(value) and not (value is None and name != "id"):
            raise NotOurs(f"its {name} is no text")
    for name in _ACTING:
        if headers.get(name) not in _NOTHING:
            raise NotOurs(f"it has a header {name}")
    if not _is_text(message.properties.get("reply_to") or ""):
        raise NotOurs("it is to be answered nowhere")
    if type(message.properties.get("priority") or 0) is not int:
        raise NotOurs("its priority is no number")
    _check_body(message)
    message.headers = kept | {"ignore_result": True}


def _check_body(message: Any) -> None:
    if message.content_type != "application/json" or message.content_encoding != "utf-8":
        raise NotOurs("its content is not JSON")
    if len(message.body) > MOST_BYTES:
        raise NotOurs(f"its body has {len(message.body):,} bytes")
    try:
        body = message.payload
    except Exception as error:  # noqa: BLE001 - as above
        raise NotOurs(f"its body cannot be read ({type(error).__name__})") from None
    match body:
        case [[_, _], kwargs, embedded] if kwargs == {} and isinstance(embedded, dict | None):
            if any(value not in _NOTHING for value in (embedded or {}).values()):
                raise NotOurs("it has callbacks")
        case _:
            raise NotOurs("its body is none of ours")


def chunks_of(campaign_id: object, chunks: object) -> tuple[UUID, list[int]]:
    """The arguments of a task as they were published; NotOurs where they were not by us."""
    if not isinstance(campaign_id, str) or len(campaign_id) > _LONGEST_ID:
        raise NotOurs("its campaign is no id")
    try:
        found = UUID(campaign_id)
    except ValueError:
        raise NotOurs("its campaign is no id") from None
    if not isinstance(chunks, list) or not 1 <= len(chunks) <= MOST_A_LIST:
        raise NotOurs(f"it has no list of 1 to {MOST_A_LIST} chunks")
    if not all(type(chunk) is int and 1 <= chunk <= _LARGEST_NUMBER for chunk in chunks):
        raise NotOurs("a chunk of it is no number")
    return found, chunks


def command_of(
    message: Any, body: object, handlers: Mapping[str, Callable[..., Any]]
) -> dict[str, Any]:
    """A command to the workers, reduced to what makes one; NotOurs where it makes no sense."""
    told = _mapping(body, "it is no object")
    command = {name: told.get(name) for name in _COMMAND}
    method = str(command["method"])
    handler = handlers.get(method)
    if handler is None:
        raise NotOurs("it is no command that a worker knows")
    clock = _mapping(message.headers, "its headers are no object").get("clock") or 0
    if type(clock) is not int or not 0 <= clock < _LARGEST_CLOCK:
        raise NotOurs("its clock is no number")
    destination = command["destination"] or []
    if not isinstance(destination, list) or not all(map(_is_text, destination)):
        raise NotOurs("its destination is no list of names")
    if command["matcher"] not in (None, "glob") or not _is_text(command["pattern"] or ""):
        raise NotOurs("its pattern is none")
    if not _is_text(command["ticket"] or ""):
        raise NotOurs("its ticket is no text")
    reply_to = _mapping(command["reply_to"] or {}, "it is to be answered nowhere")
    if reply_to and not all(_is_text(reply_to.get(key)) for key in ("exchange", "routing_key")):
        raise NotOurs("it is to be answered nowhere")
    try:
        arguments = _mapping(command["arguments"] or {}, "its arguments are no object")
        inspect.signature(handler).bind(None, **arguments)
    except TypeError:
        raise NotOurs(f"{method} has no such arguments") from None
    return command | {"method": method}


def _mapping(value: Any, words: str) -> dict[str, Any]:
    """An object of JSON; NotOurs with these words where it is none."""
    if not isinstance(value, dict):
        raise NotOurs(words)
    return value


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT
