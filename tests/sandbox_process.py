"""The vendor's Push API, as a process beside the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.sandbox.process import Sandbox, running


class PushApi(Sandbox):
    """A running sandbox: `url` is the endpoint for DISPATCHER_PUSH_API_URL."""

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """The requests that arrived, the oldest first."""
        page = self.journal(since)
        return page + self.requests(page[-1]["n"] + 1) if page else []

    def set_faults(self, **settings: Any) -> None:
        """Change its behaviour: the fields of PUT /sandbox/faults, the others stay."""
        answer = self.become(**settings)
        assert "error" not in answer, answer

    def pushes_of(self, token: str) -> int:
        """How many pushes the device with this token got."""
        return self.pushes({"token": token})[0]


@contextmanager
def running_push_api(*options: str) -> Iterator[PushApi]:
    """A sandbox with these options on a free port; it ends with the block or with this process."""
    with running(*options) as sandbox:
        yield PushApi(sandbox.process, sandbox.url)
