"""Two deployments beside each other on one broker, which never meet."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from tests.waiting import eventually
from tests.workers.books import make_campaign, rows
from tests.workers.worker_process import Program, celery, running_worker


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def completes(engine: Engine, **changes: object) -> None:
    """A new campaign of three chunks, to its end."""
    campaign_id = make_campaign(engine, 3, published=False, **changes)
    state = "SELECT state FROM campaign WHERE id = :id"
    eventually(lambda: rows(engine, state, id=campaign_id)[0].state == "completed", within=60)


@dataclass(frozen=True)
class Deployment:
    """The worker of one of them, and the environment that it runs in."""

    name: str
    surroundings: dict[str, str]
    worker: Program


@contextmanager
def two_deployments(
    surroundings: dict[str, str], other: dict[str, str], directory: Path
) -> Iterator[tuple[Deployment, Deployment]]:
    """A worker in each of two environments."""
    (directory / "one").mkdir()
    (directory / "other").mkdir()
    with (
        running_worker(surroundings, directory / "one", "-n", "one@host") as one,
        running_worker(other, directory / "other", "-n", "other@host") as two,
    ):
        yield (
            Deployment("one@host", surroundings, one),
            Deployment("other@host", other, two),
        )


def never_meet(one: Deployment, engine: Engine, other: Deployment, other_engine: Engine) -> None:
    """Each sends its own, answers to its own commands, and has nothing to say of the other."""
    completes(engine, rate=100.0)
    completes(other_engine, rate=100.0)
    for deployment in (one, other):
        assert_alone(deployment)
        assert_undisturbed(deployment.worker)


def outlives(one: Deployment, engine: Engine, other: Deployment) -> None:
    """A command to stop reaches the other, and leaves this one at work."""
    celery(other.surroundings, "control", "shutdown")
    assert other.worker.ends() == 0
    completes(engine)
    assert one.worker.process.poll() is None


def assert_alone(deployment: Deployment) -> None:
    answer = eventually(
        lambda: celery(deployment.surroundings, "inspect", "ping").stdout, within=60
    )
    assert deployment.name in answer
    assert answer.count("pong") == 1


def assert_undisturbed(worker: Program) -> None:
    assert "dropped" not in worker.log
    assert "Traceback" not in worker.log
