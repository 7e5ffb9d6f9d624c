"""`doctor` asks the workers themselves how Celery is set."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dispatcher.checkup import Check, examine
from dispatcher.settings import read_settings
from tests.waiting import eventually

UNSAFE = """
from workers.app import app
app.conf.task_acks_late = True
"""


@contextmanager
def worker(environment: dict[str, str], folder: Path, module: str) -> Iterator[None]:
    """A worker of the application in this module."""
    with (folder / "worker.log").open("w") as log:
        process = subprocess.Popen(
            ["celery", "-A", module, "worker", "-c", "2"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def celery_checks(environment: dict[str, str]) -> list[Check]:
    """What doctor says of Celery; nothing until a worker has answered it."""
    found = examine(read_settings(environment))
    return [check for check in found if check.name == "celery" and check.result != "warning"]


def test_a_worker_with_our_settings_is_safe(environment: dict[str, str], tmp_path: Path) -> None:
    with worker(environment, tmp_path, "workers"):
        (check,) = eventually(lambda: celery_checks(environment), within=60)
    assert check.result == "ok"


def test_an_override_that_voids_the_promise_is_named(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "unsafe.py").write_text(UNSAFE)
    with worker(environment, tmp_path, "unsafe"):
        (check,) = eventually(lambda: celery_checks(environment), within=60)
    assert check.result == "failed"
    assert "task_acks_late = True" in check.words
