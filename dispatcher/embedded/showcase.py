"""A console to look at: campaigns in several states, and people who may do this or that."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dispatcher.api import Dispatcher
from dispatcher.books.acts import Actor
from dispatcher.embedded.demo import APP_ID, MESSAGE, Stage, write_audience
from dispatcher.embedded.programs import attached, not_started
from dispatcher.redaction import Secret

PEOPLE = {"anna": "admin", "oscar": "operator", "vera": "viewer"}
"""Who may sign in, and as what."""

_OSCAR = Actor("oscar", "console")
_HOST = "127.0.0.1"
_PATIENCE = 30.0
_PLACE = re.compile(r"http://127\.0\.0\.1:\d+")
_TEXTS = {
    "variants": {
        "warm": {"ios": {"payload": {"title": "We miss you", "text": "Your hero is waiting."}}},
        "brief": {"ios": {"payload": {"title": "Back?", "text": "One tap, and you play."}}},
    },
    "default": "warm",
}
_WRONG = ("guest-40", "guest-4040")
"""Users whose identifier the vendor refuses."""


@dataclass(frozen=True, slots=True)
class Showcase:
    """The running console: where it is, and the passwords that let in those of PEOPLE."""

    address: str
    passwords: Mapping[str, Secret]


@contextmanager
def showing(stage: Stage, port: int) -> Iterator[Showcase]:
    """The console on this port of this machine, 0 for any, with campaigns to look at.

    Raises EmbeddedServerError where it does not start.
    """
    dispatcher = Dispatcher(stage.settings, None, Actor("demo", "cli"))
    passwords = {name: dispatcher.user_add(name, role) for name, role in PEOPLE.items()}
    log = stage.directory / "console.log"
    command = ["console", "--port", str(port), "--host", _HOST]
    environment = stage.environment
    with attached(command, environment=environment, directory=stage.directory, log=log):
        address = _address(log)
        _fill(stage, dispatcher.acting_as(_OSCAR))
        yield Showcase(address, passwords)


def _address(log: Path) -> str:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        found = _PLACE.search(log.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found.group()
        time.sleep(0.05)
    raise not_started("The console", log)


def _fill(stage: Stage, oscar: Dispatcher) -> None:
    """Make the campaigns, the oldest first; the workers make of them what there is to see."""
    _refuse(stage)
    guests = [{"userId": f"guest-{number}"} for number in range(30_000)]
    oscar.enqueue(
        app_id=APP_ID,
        message=_TEXTS,
        audience=[*guests, *guests[:20]],
        campaign_tag="winback",
        split="warm=50,brief=50",
        rate=3,
    )
    new = [{"userId": f"new-{number}"} for number in range(20_000)]
    oscar.enqueue(
        app_id=APP_ID,
        message=MESSAGE,
        audience=new,
        campaign_tag="first-week",
        canary=2_000,
        max_error_rate=0.01,
    )
    stopped = oscar.enqueue(
        app_id=APP_ID, message=MESSAGE, audience=new, campaign_tag="sale", rate=0.5
    )
    oscar.cancel(stopped)
    tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=14)
    oscar.enqueue(
        app_id=APP_ID,
        message=MESSAGE,
        audience=guests,
        campaign_tag="weekend",
        send_at=tomorrow,
        window="mon-sun 09:00-21:00 Europe/Berlin",
    )
    paused = oscar.enqueue(
        app_id=APP_ID, message=MESSAGE, audience=new, campaign_tag="survey", rate=0.2
    )
    oscar.pause(paused)
    cautious = Dispatcher(replace(stage.settings, approval_members=10_000), None, _OSCAR)
    cautious.enqueue(app_id=APP_ID, message=MESSAGE, audience=new, campaign_tag="year-end")
    everybody = stage.directory / "everybody.csv"
    write_audience(everybody, 600_000)
    oscar.enqueue(
        app_id=APP_ID,
        message=MESSAGE,
        audience=everybody,
        campaign_tag="autumn",
        rate=1.5,
        on_invalid="skip",
    )


def _refuse(stage: Stage) -> None:
    """Let the vendor refuse a few users, whom it names."""
    body = json.dumps({"poisoned": [{"userId": name} for name in _WRONG]}).encode()
    url = stage.push_api_url.partition("/api/")[0] + "/sandbox/faults"
    with urllib.request.urlopen(
        urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="PUT"),
        timeout=10,
    ):
        pass
