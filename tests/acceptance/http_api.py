"""The HTTP API as an application uses it."""

import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.acceptance.program import Program

_PLACE = re.compile(r"http://127\.0\.0\.1:\d+/api/v1")


@dataclass(frozen=True)
class Api:
    """A running `dispatcher console`, for whoever has this token."""

    url: str
    program: Program
    process: subprocess.Popen[str] = field(repr=False)
    token: str | None = None

    def having(self, role: str) -> "Api":
        """The same with a new token of this role, which is named like it."""
        with self.program.books() as books:
            token = books.token_add(role, role).reveal()
        return Api(self.url, self.program, self.process, token)

    def ask(
        self,
        method: str,
        path: str,
        document: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> requests.Response:
        """The answer, whatever it is."""
        token = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        if document is not None:
            more["json"] = document
        return requests.request(
            method, f"{self.url}{path}", headers={**token, **(headers or {})}, timeout=60, **more
        )


@contextmanager
def running_api(program: Program, *prefix: str) -> Iterator[Api]:
    """`dispatcher console` on a free port, without a token; Ctrl-C ends it."""
    process = program.start(*prefix, "dispatcher", "console", "--port", "0")
    with process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert _PLACE.search(said), said + process.stderr.read()
            yield Api(_PLACE.findall(said)[0], program, process)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=30)
            finally:
                process.kill()
