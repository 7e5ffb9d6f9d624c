"""What everybody sends, and where; light to import, as the peers' memory is measured."""

import json
import os
import time
from functools import cache

APP = "sandbox-app"
TOKEN = "sandbox-token"
MESSAGE = {"ios": {"payload": {"title": "We miss you", "text": "Your hero is waiting."}}}


def database_url() -> str:
    """This run's database, for psycopg."""
    return os.environ["DISPATCHER_DATABASE_URL"].replace("+psycopg2", "")


def broker_url() -> str:
    """This run's broker."""
    return os.environ["DISPATCHER_BROKER_URL"]


def push_api_url() -> str:
    """This run's sink."""
    return os.environ["DISPATCHER_PUSH_API_URL"]


@cache
def head_of_bodies() -> bytes:
    """What all bodies of the campaign begin with."""
    shared = {"user_token": TOKEN, "app_id": APP, **MESSAGE}
    return json.dumps(shared, separators=(",", ":")).encode()[:-1]


def whole_body(head: bytes, pack_id: str, members: str) -> bytes:
    """One chunk's body; `members` is ready JSON."""
    return b'%b,"pack_id":"%b","audience":%b}' % (head, pack_id.encode(), members.encode())


class Publishing:
    """Around a producer's publishing: prints when it began, and the seconds of CPU it took."""

    def __enter__(self) -> None:
        self._at, self._cpu = time.time(), time.process_time()

    def __exit__(self, *_: object) -> None:
        print(self._at, time.process_time() - self._cpu)
