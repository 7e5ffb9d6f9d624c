"""Campaigns by way of RabbitMQ, as Debian ships it."""

from pathlib import Path

import pytest

from tests.acceptance.program import Program
from tests.faults.conftest import Stage
from tests.faults.theatre import Theatre
from tests.interop.rabbitmq import QueueType, RabbitMq
from tests.waiting import eventually
from tests.workers.worker_process import running_worker

TYPES: tuple[QueueType, ...] = ("classic", "quorum")


def test_campaigns_at_a_rate_outlive_restarts_of_rabbitmq_by_queues_of_either_type(
    stage: Stage, rabbitmq: RabbitMq
) -> None:
    with rabbitmq.vhost("classic") as classic, rabbitmq.vhost("quorum") as quorum:
        theatres = [stage(None, broker_url=rabbitmq.url(vhost)) for vhost in (classic, quorum)]
        workers = [theatre.hire_one() for theatre in theatres]
        campaigns = [theatre.enqueue(60, rate=5) for theatre in theatres]
        assert [_type_of_queue(rabbitmq, vhost) for vhost in (classic, quorum)] == [*TYPES]
        _go_on(theatres)

        for end in (rabbitmq.stop, rabbitmq.kill):
            end()
            rabbitmq.start()
            _go_on(theatres)

        for theatre, campaign in zip(theatres, campaigns, strict=True):
            verdict = theatre.ended(campaign, within=60)
            assert not verdict.broken
            assert verdict.reached == 60_000
        for worker in workers:
            worker.terminate()
        eventually(lambda: not any(worker.lives for worker in workers), within=20)
        assert "Traceback" not in workers[0].said()


def _go_on(theatres: list[Theatre]) -> None:
    """More is sent by each, and not only what had been handed out before; it takes 2 to 6 s."""
    for theatre in theatres:
        before = theatre.requests()
        eventually(lambda: theatre.requests() > before + 5, within=20)  # noqa: B023


def _type_of_queue(rabbitmq: RabbitMq, vhost: str) -> str:
    return str(eventually(lambda: rabbitmq.ask("GET", f"queues/{vhost}/dispatcher"))["type"])


@pytest.mark.parametrize("queue_type", TYPES)
def test_a_queue_that_others_made_with_arguments_of_their_own_will_do(
    stage: Stage, rabbitmq: RabbitMq, vhost: str, queue_type: QueueType
) -> None:
    arguments = {"x-queue-type": queue_type, "x-max-length": 10_000}
    made = {"durable": True, "auto_delete": False, "arguments": arguments}
    rabbitmq.ask("PUT", f"queues/{vhost}/dispatcher", made)
    theatre = stage(None, broker_url=rabbitmq.url(vhost))
    worker = theatre.hire_one()

    verdict = theatre.ended(theatre.enqueue(20), within=60)

    assert not verdict.broken
    assert verdict.members.delivered == 20_000
    assert worker.said().count("Trying again") == 0


@pytest.mark.parametrize("frozen", [True, False])
def test_a_worker_is_not_deaf_for_long_and_obeys_while_rabbitmq_hangs(
    stage: Stage, rabbitmq: RabbitMq, vhost: str, frozen: bool
) -> None:
    theatre = stage(None, broker_url=rabbitmq.url(vhost))
    worker = theatre.hire_one()
    if not frozen:
        theatre.broker.swallow()
        verdict = theatre.ended(theatre.enqueue(20), within=90)
        assert verdict.reached == 20_000
        theatre.broker.hold()
        worker.terminate()
        eventually(lambda: not worker.lives, within=40)
        return
    with rabbitmq.frozen():
        worker.terminate()
        eventually(lambda: not worker.lives, within=40)


def _program(environment: dict[str, str], folder: Path, url: str) -> Program:
    redis = {"DISPATCHER_REDIS_URL": environment["DISPATCHER_BROKER_URL"]}
    return Program(environment | redis | {"DISPATCHER_BROKER_URL": url}, folder)


@pytest.mark.parametrize("refusal", ["password", "vhost", "rights"])
def test_what_rabbitmq_refuses_is_one_sentence_for_producer_worker_and_doctor(
    environment: dict[str, str], tmp_path: Path, rabbitmq: RabbitMq, vhost: str, refusal: str
) -> None:
    rabbitmq.ask("PUT", "users/narrow", {"password": "narrow", "tags": ""})
    nothing = {"configure": "^$", "write": "^$", "read": "^$"}
    rabbitmq.ask("PUT", f"permissions/{vhost}/narrow", nothing)
    url, words = {
        "password": (rabbitmq.url(vhost, password="wrong"), "ACCESS_REFUSED - Login was refused"),
        "vhost": (rabbitmq.url("nowhere"), "NOT_ALLOWED - vhost nowhere not found"),
        "rights": (
            rabbitmq.url(vhost, user="narrow", password="narrow"),
            "ACCESS_REFUSED - access to queue 'dispatcher'",
        ),
    }[refusal]
    program = _program(environment, tmp_path, url)
    audience = program.file("audience.csv", "userId\nanna\n")

    sent = program.run(*program.send_command(audience, "--json"))
    assert (sent.status, sent.document["state"]) == (0, "running")
    assert f"The broker refuses: {words}" in sent.stderr
    assert "DISPATCHER_BROKER_URL" in sent.stderr
    assert "Traceback" not in sent.stderr

    checks = {check["name"]: check for check in program.run("doctor", "--json").document}
    assert checks["broker"]["result"] == "failed"
    assert words in checks["broker"]["words"]

    with running_worker(program.environment, tmp_path, ready=None) as worker:
        worker.says(f"The broker refuses: {words}")
        worker.process.terminate()
        assert worker.ends() == 0
    assert worker.log.count("The broker refuses") <= 2  # the consumer's and the relay's
    assert "Traceback" not in worker.log
