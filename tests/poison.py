"""Messages that are none of ours: named ones, and as many as anybody wants from a seed."""

import base64
import copy
import json
import random
import uuid
from collections.abc import Iterator
from typing import Any

from dispatcher.publishing import DELIVER

DEEP = "[" * 20_000 + "]" * 20_000
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 5, 1.5, 2**70, "", "text", "\ud800", "\x00", [], [[]], {}, {"a": {}}),
    {"__type__": "datetime", "__value__": 5},
    {"__type__": [], "__value__": {}},
    {"__type__": "uuid", "__value__": {"hex": "no"}},
)


def task(campaign_id: object = None, chunks: object = (1,), **headers: Any) -> dict[str, Any]:
    """A task message in parts: `body`, `headers`; as it should be, but for what is given."""
    campaign_id = str(uuid.uuid4()) if campaign_id is None else campaign_id
    chunks = list(chunks) if isinstance(chunks, tuple) else chunks
    embedded = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return {
        "body": [[campaign_id, chunks], {}, embedded],
        "headers": {"lang": "py", "task": DELIVER, "id": str(uuid.uuid4())} | headers,
    }


def envelope(body: object, headers: object, **changes: Any) -> dict[str, Any]:
    """What a Redis holds of a message: its body as JSON, unless it is bytes already."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    properties = {
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
        "delivery_info": {"exchange": "dispatcher", "routing_key": "dispatcher"},
        "delivery_mode": 2,
        "priority": 0,
    }
    return {
        "body": base64.b64encode(raw).decode(),
        "headers": headers,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "properties": properties | changes.pop("properties", {}),
    } | changes


def strange_tasks() -> dict[str, tuple[object, object]]:
    """Bodies and headers that no task of ours has, by what is wrong with them."""
    fine = task()
    body, headers = fine["body"], fine["headers"]
    bad_bodies: dict[str, object] = {
        "an object": {},
        "null": None,
        "a list that is too short": [],
        "a list that is too long": [[], {}, {}, {}],
        "one of an older protocol": {"task": DELIVER, "id": "1", "args": [], "kwargs": {}},
        "arguments that are none": [5, {}, {}],
        "too many arguments": [[1, 2, 3], {}, {}],
        "named arguments": [body[0], {"campaign_id": "1"}, {}],
        "callbacks": [body[0], {}, {"callbacks": [{"task": DELIVER}]}],
        "a chord": [body[0], {}, {"chord": 5}],
        "a campaign that is no id": [["anna@example.com", [1]], {}, {}],
        "chunks that are no list": [[str(uuid.uuid4()), 5], {}, {}],
        "a chunk that is no number": [[str(uuid.uuid4()), [True]], {}, {}],
        "a chunk below one": [[str(uuid.uuid4()), [0]], {}, {}],
        "a chunk beyond the column": [[str(uuid.uuid4()), [2**31]], {}, {}],
        "more chunks than we publish": [[str(uuid.uuid4()), list(range(1, 99))], {}, {}],
        "depth": DEEP.encode(),
        "bytes": b"\xff\xfe\x00",
        "no JSON": b"{",
        "nothing": b"",
        "a type of Celery's": {"__type__": "datetime", "__value__": 5},
    }
    bad_headers: dict[str, Any] = {
        "no task": {},
        "another task": headers | {"task": "other.app.task"},
        "a task that is a list": headers | {"task": []},
        "no id": headers | {"id": None},
        "an id that is a number": headers | {"id": 5},
        "a time that is none": headers | {"eta": "tomorrow"},
        "a time": headers | {"eta": "2999-01-01T00:00:00+00:00"},
        "an expiry": headers | {"expires": "1999-01-01T00:00:00+00:00"},
        "retries": headers | {"retries": 3},
        "limits": headers | {"timelimit": 5},
        "a group": headers | {"group": "g"},
        "compression": headers | {"compression": "application/x-gzip"},
        "a description that is none": headers | {"argsrepr": {"a": 1}},
    }
    return {f"a body: {name}": (bad, headers) for name, bad in bad_bodies.items()} | {
        f"headers: {name}": (body, bad) for name, bad in bad_headers.items()
    }


def strange_items() -> dict[str, bytes]:
    """What is no message at all, as `LPUSH dispatcher '...'` leaves it, by what is wrong."""
    fine = task()
    good = envelope(**fine)
    odd = {
        "no headers": good | {"headers": None},
        "headers that are a list": good | {"headers": [1]},
        "a body that is a number": good | {"body": 5},
        "a body that is no base64": good | {"body": "*"},
        "a content type that is a number": good | {"content-type": 5},
        "another content": good | {"content-type": "application/x-python-serialize"},
        "YAML": good | {"content-type": "application/x-yaml"},
        "another encoding": good | {"content-encoding": "utf-16"},
        "no properties": {name: good[name] for name in ("body", "headers", "content-type")},
        "no tag": good | {"properties": {"delivery_info": {}}},
        "no delivery": envelope(**fine, properties={"delivery_info": None}),
        "a tag that is a list": envelope(**fine, properties={"delivery_tag": []}),
        "an unknown encoding": envelope(**fine, properties={"body_encoding": "rot13"}),
        "a priority that is a text": envelope(**fine, properties={"priority": "high"}),
        "a reply to a list": envelope(**fine, properties={"reply_to": [1]}),
    }
    raw = {
        "garbage": b"garbage",
        "null": b"null",
        "a number": b"5",
        "a list": b"[]",
        "an object": b"{}",
        "no UTF-8": b"\xff\xfe\xfd",
        "a surrogate": b'"\\ud800"',
        "a huge number": b"9" * 10_000,
        "depth": DEEP.encode(),
        "length": b'"' + b"x" * 200_000 + b'"',
        "a type of Celery's": b'{"__type__": "datetime", "__value__": 5}',
    }
    return raw | {name: json.dumps(message).encode() for name, message in odd.items()}


def strange_commands() -> dict[str, object]:
    """Bodies of broadcasts that make no sense."""
    return {
        "a list": [],
        "null": None,
        "a text": "shutdown",
        "no method": {},
        "a method that is a list": {"method": []},
        "an unknown method": {"method": "no_such_command"},
        "arguments that are a list": {"method": "ping", "arguments": [1]},
        "arguments that do not fit": {"method": "rate_limit", "arguments": {"what": 1}},
        "arguments of wrong types": {"method": "query_task", "arguments": {"ids": 5}},
        "a queue that is a list": {"method": "add_consumer", "arguments": {"queue": []}},
        "a queue that is another's": {"method": "add_consumer", "arguments": {"queue": "other"}},
        "a queue to leave": {"method": "cancel_consumer", "arguments": {"queue": {}}},
        "a destination that is a number": {"method": "ping", "destination": 5},
        "a reply to nowhere": {"method": "ping", "reply_to": 5},
        "half a reply": {"method": "ping", "reply_to": {"exchange": "e"}},
        "a pattern": {"method": "ping", "pattern": "(", "matcher": "pcre"},
        "a ticket that is a list": {"method": "ping", "ticket": [1]},
    }


def mutations(seed: int, count: int) -> Iterator[tuple[object, object]]:
    """Bodies and headers of tasks with one place of them, or two, made into something odd."""
    chance = random.Random(seed)
    for _ in range(count):
        fine: Any = json.loads(json.dumps(task(chunks=(1, 2))))
        for _ in range(chance.randint(1, 2)):
            _spoil(fine, chance)
        yield fine.get("body"), fine.get("headers")


def _spoil(node: Any, chance: random.Random) -> None:
    """Replace, remove or add something at a random place."""
    while True:
        places = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not places:
            return
        place = chance.choice(places)
        if not isinstance(node[place], dict | list) or chance.random() < 0.3:
            break
        node = node[place]
    if chance.random() < 0.2:
        del node[place]
    else:
        node[place] = copy.deepcopy(chance.choice(ODD_VALUES))
