"""A sandbox as a process of its own, and the words that tests use to talk to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

TOKEN, APP = "sandbox-token", "sandbox-app"
COMMAND = [sys.executable, "-m", "sandbox"]


def push(**changes: Any) -> dict[str, Any]:
    """A request in good form, with some of its fields changed; None takes a field out."""
    body = {
        "user_token": TOKEN,
        "app_id": APP,
        "audience": [{"token": "anna"}],
        "ios": {"payload": {"text": "Hello"}},
    } | changes
    return {name: value for name, value in body.items() if value is not None}


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox."""

    process: subprocess.Popen[str]
    url: str

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, for clients of their own kind."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def send(self, body: Any, **query: str) -> requests.Response:
        """Post to the vendor's endpoint: bytes as they are, anything else as JSON."""
        form = {"data": body} if isinstance(body, bytes) else {"json": body}
        return requests.post(self.url, params=query, timeout=10, **form)

    def code(self, body: Any, **query: str) -> int:
        """The code of the vendor's refusal, or 200."""
        reply = self.send(body, **query)
        return int(reply.json()["errors"][0]["code"]) if reply.status_code != 200 else 200

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer of a control endpoint; its refusals too."""
        host, port = self.address
        url = f"http://{host}:{port}/sandbox/{path}"
        return requests.request(method, url, json=body, timeout=10).json()

    def ledger(self) -> dict[str, Any]:
        """The ledger's sums."""
        found: dict[str, Any] = self.ask("GET", "ledger")
        return found

    def pushes(self, *members: dict[str, Any]) -> list[int]:
        """How often each of these members was reached."""
        found: list[int] = self.ask("POST", "ledger/devices", list(members))["pushes"]
        return found

    def messages(self, *members: dict[str, Any]) -> list[dict[str, Any] | None]:
        """What each of these members got last."""
        found: list[dict[str, Any] | None] = self.ask("POST", "ledger/messages", list(members))[
            "messages"
        ]
        return found

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """The requests that arrived."""
        found: list[dict[str, Any]] = self.ask("GET", f"requests?since={since}")["requests"]
        return found

    def become(self, **settings: Any) -> Any:
        """Change its behaviour."""
        return self.ask("PUT", "faults", settings)

    def next(self, *faults: str | None) -> None:
        """Let the next requests meet these faults."""
        self.become(next=[{"fault": fault} for fault in faults])


@contextmanager
def running(*options: str) -> Iterator[Sandbox]:
    """A sandbox on a free port, which ends with the block or with the test's process."""
    with subprocess.Popen(
        [*COMMAND, "--until-stdin-closes", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Push API sandbox: http://"), line
        try:
            yield Sandbox(process, line.split()[-1])
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=10)
