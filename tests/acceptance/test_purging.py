"""Forgetting whom ended campaigns were sent to."""

import os
import subprocess
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from dispatcher.books import transitions
from dispatcher.books.session import make_engine, transaction
from tests.acceptance.audiences import csv_of, tokens
from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import Program
from tests.acceptance.refusals import Run, check_refused
from tests.waiting import eventually


@pytest.fixture
def ended(program: Program) -> dict[str, Any]:
    """A campaign of two chunks that was cancelled before anything was sent."""
    campaign = program.send(csv_of(program, "audience.csv", tokens("purged", 1_500)))
    cancelled: dict[str, Any] = program.ask("cancel", campaign["id"])
    assert cancelled["members"]["cancelled"] == 1_500
    return cancelled


def answering(program: Program, answer: str, *arguments: str) -> str:
    """What a command says to a person at a terminal who answers so."""
    ours, theirs = os.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        done = subprocess.run(
            ["dispatcher", *arguments],
            stdin=theirs,
            capture_output=True,
            text=True,
            env=program.environment,
            cwd=program.directory,
            timeout=60,
            check=True,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return done.stderr


def expire(program: Program, campaign: dict[str, Any]) -> None:
    """Let the campaign's time run out, as a worker's relay does."""
    engine = make_engine(program.environment["DISPATCHER_DATABASE_URL"])
    with transaction(engine) as connection:
        over = text("UPDATE campaign SET expires_at = clock_timestamp() WHERE id = :id")
        connection.execute(over, {"id": campaign["id"]})
        assert transitions.expire(connection, UUID(campaign["id"]))
    engine.dispose()


def listed(program: Program) -> str:
    return program.run("failures", "last", "--json").stdout


def test_a_purge_drops_the_audience_and_keeps_the_numbers(
    program: Program, ended: dict[str, Any]
) -> None:
    asked = program.run("purge", "--older-than", "0")
    assert asked.status == 2
    assert "the audiences of 1 campaign, 1,500 members in " in asked.stderr
    assert "There is no terminal to ask on: give --yes to drop them." in asked.stderr
    assert "purged-0000007" in listed(program)

    dropped = program.run("purge", "--older-than", "0", "--yes", "--json")
    assert (dropped.status, dropped.document["campaigns"]) == (0, 1)
    assert dropped.document["members"] == 1_500
    assert dropped.document["bytes"] > 1_500

    assert program.show(ended) == ended
    failed = program.run("failures", "last", "--json")
    assert (failed.status, failed.document) == (0, [])
    assert "who they are is no longer kept: 1,500 members in 2 chunks" in failed.stderr
    verified = program.run("verify", "last")
    assert verified.status == 0
    assert "Its audience is no longer kept" in verified.stdout
    assert "who they are is no longer kept" not in program.run("explain", "last").stdout

    again = program.run("purge", "--older-than", "0", "--yes", "--json")
    assert again.document == {"campaigns": 0, "members": 0, "bytes": 0}
    assert "nothing is to be done" in again.stderr


def test_what_was_not_delivered_cannot_be_sent_again_after_a_purge(program: Program) -> None:
    audience = csv_of(program, "audience.csv", tokens("expired", 10))
    campaign = program.send(audience)
    expire(program, campaign)
    assert program.run("purge", "--older-than", "0", "--yes").status == 0

    refused = program.run("retry", "last", "--only", "expired", "--yes")
    assert (refused.status, refused.stdout) == (2, "")
    assert "no longer has its audience: nobody of it can be sent to again." in refused.stderr
    assert "who they are is no longer kept" in program.run("explain", "last").stdout


@pytest.mark.usefixtures("ended")
def test_a_person_is_asked_before_anything_is_dropped(program: Program) -> None:
    assert "Nothing was dropped." in answering(program, "n", "purge", "--older-than", "0")
    assert "purged-0000007" in listed(program)
    assert "Done." in answering(program, "y", "purge", "--older-than", "0")
    assert "purged-0000007" not in listed(program)


@pytest.mark.usefixtures("ended")
def test_an_audience_is_kept_for_thirty_days_unless_something_else_is_said(
    program: Program,
) -> None:
    assert "nothing is to be done" in program.run("purge", "--yes").stderr
    assert "Done." in program.having(DISPATCHER_KEEP_AUDIENCE="0").run("purge", "--yes").stderr


def test_a_worker_forgets_audiences_by_itself(new_program: NewProgram) -> None:
    program = new_program(DISPATCHER_KEEP_AUDIENCE="0")
    campaign = program.send(csv_of(program, "audience.csv", tokens("forgotten", 2_500)))
    program.ask("cancel", campaign["id"])
    with program.books() as books:
        assert books.purgeable().members == 2_500
        with program.worker():
            eventually(lambda: books.purgeable().campaigns == 0, within=20)
        assert books.show(campaign["id"]).members.cancelled == 2_500


@pytest.mark.parametrize("age", ["-1", "soon", "nan", "1e9", "7d", ""])
def test_an_age_that_is_no_number_of_days_is_refused(run: Run, age: str) -> None:
    check_refused(
        run("purge", "--older-than", age, "--yes"),
        2,
        (f"--older-than {age!r} is not a number of days from 0 to 36500.",),
    )


def test_a_setting_that_keeps_forever_wants_an_age(run: Run) -> None:
    check_refused(
        run("purge", "--yes", DISPATCHER_KEEP_AUDIENCE="forever"), 2, ("`--older-than 30`",)
    )


def test_a_setting_that_is_no_number_of_days_is_refused(run: Run) -> None:
    check_refused(
        run("purge", "--yes", DISPATCHER_KEEP_AUDIENCE="a month"),
        2,
        ("DISPATCHER_KEEP_AUDIENCE is wrong", "days from 0 to 36500"),
    )
