"""Producers that are killed, interrupted, repeated, or alone: never half a campaign, never two."""

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.audiences import csv_of, reachable_tokens, tokens
from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import Program
from tests.acceptance.refusals import check_nothing_left, leftovers
from tests.sandbox_process import PushApi
from tests.waiting import eventually

LATER = ("--at", "2099-01-01T00:00Z")


@pytest.fixture
def large(program: Program) -> str:
    """An audience that takes a second or two to prepare."""
    return csv_of(program, "large.csv", tokens("large", 600_000))


def in_copy(program: Program) -> bool:
    """Whether a producer streams its chunks into an open transaction."""
    with program.books() as books, books._connections.engine.connect() as connection:
        query = "SELECT count(*) FROM pg_stat_progress_copy WHERE datname = current_database()"
        return bool(connection.exec_driver_sql(query).scalar_one())


def test_a_producer_killed_at_any_moment_leaves_no_campaign(program: Program, large: str) -> None:
    moments = [lambda: leftovers(program) != [], lambda: in_copy(program)]
    for moment in moments:
        with program.start("dispatcher", *program.send_command(large, *LATER)) as producer:
            eventually(moment, within=20)
            producer.kill()

        with program.books() as books:
            assert books.list() == ()

    assert leftovers(program) != []
    assert program.run(*program.send_command("missing.csv")).status == 2
    program.send(csv_of(program, "small.csv", ["a"]), *LATER)
    assert leftovers(program) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_says_what_is_left_in_one_sentence(
    program: Program, large: str, number: signal.Signals
) -> None:
    moments = [lambda: leftovers(program) != [], lambda: in_copy(program)]
    for moment in moments:
        with program.start("dispatcher", *program.send_command(large, *LATER)) as producer:
            eventually(moment, within=20)
            producer.send_signal(number)
            said = producer.communicate(timeout=20)

        assert producer.returncode == 128 + number
        output, messages = said
        assert output == ""
        assert messages.splitlines()[-1] == (
            "Interrupted: nothing is left behind, unless `dispatcher list` shows the campaign."
        )
        check_nothing_left(program)


@pytest.mark.usefixtures("house_worker")
def test_the_same_key_and_content_again_is_the_same_campaign(
    house: Program, push_api: PushApi
) -> None:
    members = reachable_tokens("keyed", 1_500)
    audience = csv_of(house, "keyed.csv", members)
    turned = csv_of(house, "turned.csv", members[::-1])
    other = csv_of(house, "other.csv", members[:-1])

    first = house.send(audience, "--key", "winback-1")
    house.until(first, "completed")
    again = house.send(turned, "--key", "winback-1", "--rate", "3")
    refused = house.run(*house.send_command(other, "--key", "winback-1"))

    assert again["id"] == first["id"]
    assert refused.status == 2
    assert f"'winback-1' already stands for campaign {first['id']}" in refused.stderr
    assert (push_api.ledger()["requests"], push_api.ledger()["twice"]) == (2, 0)


def test_two_producers_at_once_with_one_key_make_one_campaign(program: Program) -> None:
    audience = csv_of(program, "both.csv", tokens("both", 20_000))
    command = program.send_command(audience, "--key", "one", *LATER, "--json")

    with ThreadPoolExecutor(2) as producers:
        first, second = producers.map(lambda _: program.run(*command), range(2))

    assert first.document["id"] == second.document["id"]
    with program.books() as books:
        (campaign,) = books.list()
    assert (campaign.members.total, campaign.chunks.total) == (20_000, 20)


@pytest.fixture(params=["refuses", "is frozen"])
def absent_broker(request: pytest.FixtureRequest) -> Iterator[str]:
    """A broker's URL where nobody listens, or nobody answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "is frozen":
            listener.listen()
        yield f"redis://:secret@127.0.0.1:{listener.getsockname()[1]}/0"


def test_without_a_broker_the_campaign_is_committed_and_goes_when_it_is_back(
    new_program: NewProgram, push_api: PushApi, absent_broker: str
) -> None:
    program = new_program(DISPATCHER_PUSH_API_URL=push_api.url)
    alone = program.having(DISPATCHER_BROKER_URL=absent_broker)
    members = reachable_tokens(absent_broker[-8:-2], 1_500)
    command = alone.send_command(csv_of(program, "alone.csv", members), "--json")
    began = time.monotonic()
    assert program.run(*command, *LATER).status == 0
    with_a_broker = time.monotonic() - began

    began = time.monotonic()
    sent = alone.run(*command)

    assert time.monotonic() - began < with_a_broker + 2
    assert sent.status == 0
    assert sent.stderr.startswith("Warning: The broker cannot be reached: ")
    assert "secret" not in sent.stderr
    assert len(sent.stderr.splitlines()) == 1
    with program.worker():
        program.until(sent.document, "completed")
    assert push_api.ledger()["devices"] == 1_500
