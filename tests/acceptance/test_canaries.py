"""Campaigns that send to a few first, and stop where too many errors are proven."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.acceptance.audiences import csv_of, tokens
from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import Program
from tests.acceptance.refusals import Run, check_nothing_left, check_refused
from tests.sandbox_process import PushApi, running_push_api

CANARY = ("--canary", "2000", "--max-error-rate", "10%")


@contextmanager
def audience_of_whom(
    unreachable: float, new_program: NewProgram
) -> Iterator[tuple[Program, str, PushApi]]:
    """A program with a worker, an audience of 100,000, and the Push API that reaches not all."""
    with running_push_api("--unreachable", str(unreachable)) as push_api:
        program = new_program(DISPATCHER_PUSH_API_URL=push_api.url)
        with program.worker("canaries"):
            yield program, csv_of(program, "everybody.csv", tokens("canary", 100_000)), push_api


def test_a_sick_campaign_stops_at_its_canary_until_somebody_accepts(
    new_program: NewProgram,
) -> None:
    with audience_of_whom(0.3, new_program) as (program, audience, push_api):
        ran = program.run(*program.send_command(audience, *CANARY, "--watch", "--json"))
        shown = ran.document
        assert (ran.status, shown["state"]) == (3, "paused")
        assert push_api.ledger()["pushes"] <= 2_000
        assert shown["held"]["by"] == "canary"
        assert shown["reason"].startswith("Its canary failed: ")
        canary = shown["canary"]
        assert (canary["members"], canary["state"], canary["max_error_rate"]) == (
            2_000,
            "failed",
            0.1,
        )
        assert 0.2 < canary["errors"] / canary["measured"] < 0.4

        refused = program.run("resume", shown["id"])
        assert refused.status == 2
        assert f"`dispatcher canary {shown['id'][:8]} accept`" in refused.stderr
        accepted = program.run("canary", shown["id"], "accept")
        assert (accepted.status, accepted.stderr) == (
            0,
            "It goes on, and no bound on its errors holds any more.\n",
        )
        program.until(shown, "completed", within=60)
        assert push_api.ledger()["twice"] == 0
        with program.books() as books:
            assert not books.verify(shown["id"]).findings
            told = [event.what for event in books.explain(shown["id"]).happened]
        assert any("its canary of 2,000 members failed" in what for what in told)


def test_a_healthy_campaign_passes_its_canary_and_completes(new_program: NewProgram) -> None:
    with audience_of_whom(0.03, new_program) as (program, audience, push_api):
        tried = program.ask(*program.send_command(audience, *CANARY, "--dry-run"))
        assert tried["canary"] == {"members": 2_000, "requests": 40}
        sent = program.send(audience, *CANARY)
        done = program.until(sent, "completed", within=60)
        canary = done["canary"]
        assert (canary["state"], canary["measured"]) == ("passed", 2_000)
        assert push_api.ledger()["requests"] == tried["requests"] == 138


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (("ok",), "'ok' is nothing to do about a canary: `accept` goes on"),
        (("accept",), "There is no campaign yet"),
        (("accept", "--max-error-rate", "200%"), "is 200%: give between 0.01% and 99%"),
        (("accept", "--max-error-rate", "high"), "is 'high': write it as 10%, or as 0.1"),
    ],
)
def test_what_cannot_be_said_of_a_canary(
    run: Run, empty_books: Program, said: tuple[str, ...], words: str
) -> None:
    check_refused(run("canary", "last", *said), 2, (words,))
    check_nothing_left(empty_books)
