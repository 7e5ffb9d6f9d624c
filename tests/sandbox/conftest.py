from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.sandbox.process import Sandbox, running


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    """A sandbox with empty books and no trouble, as it is after its start."""
    shared_sandbox.ask("DELETE", "ledger")
    quiet: dict[str, object] = {"latency": 0, "retry_after": None, "not_found": 0, "unreachable": 0}
    quiet |= {"poisoned": [], "quote_poisoned": True}
    shared_sandbox.become(**quiet, probabilities={}, conditions=[], next=[])
    return shared_sandbox


@pytest.fixture
def start_sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes with options of their own."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(running(*options))
