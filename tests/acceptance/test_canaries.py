"""Campaigns that send to a few first, and stop where too many errors are proven."""

import pytest

from tests.acceptance.audiences import csv_of, tokens
from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import Program
from tests.acceptance.refusals import Run, check_nothing_left, check_refused
from tests.sandbox_process import running_push_api

CANARY = ("--canary", "2000", "--max-error-rate", "10%")


@pytest.mark.parametrize(("unreachable", "state"), [(0.3, "failed"), (0.03, "passed")])
def test_a_canary_decides_about_a_hundred_thousand(
    new_program: NewProgram, unreachable: float, state: str
) -> None:
    with running_push_api("--unreachable", str(unreachable)) as push_api:
        program = new_program(DISPATCHER_PUSH_API_URL=push_api.url)
        audience = csv_of(program, "everybody.csv", tokens("canary", 100_000))
        tried = program.ask(*program.send_command(audience, *CANARY, "--dry-run"))
        assert tried["canary"] == {"members": 2_000, "requests": 40}
        assert tried["requests"] == 138

        with program.worker("canaries"):
            ran = program.run(*program.send_command(audience, *CANARY, "--watch", "--json"))
            shown = ran.document
            canary = shown["canary"]
            assert (canary["members"], canary["state"]) == (2_000, state)
            assert canary["max_error_rate"] == 0.1
            assert canary["measured"] <= 2_000
            if state == "passed":
                assert (ran.status, shown["state"]) == (0, "completed")
                assert canary["measured"] == 2_000
                assert push_api.ledger()["requests"] == 138
                return

            assert (ran.status, shown["state"]) == (3, "paused")
            assert push_api.ledger()["pushes"] <= 2_000
            assert shown["held"]["by"] == "canary"
            assert shown["reason"].startswith("Its canary failed: ")
            assert "10 % may be" in shown["reason"]
            refused = program.run("resume", shown["id"])
            assert refused.status == 2
            assert f"`dispatcher canary {shown['id'][:8]} accept`" in refused.stderr
            explained = program.run("explain", shown["id"]).stdout
            assert "its canary of 2,000 members failed" in explained
            accepted = program.run("canary", shown["id"], "accept")
            assert (accepted.status, accepted.stderr) == (
                0,
                "It goes on, and no bound on its errors holds any more.\n",
            )
            done = program.until(shown, "completed", within=60)
            assert push_api.ledger()["twice"] == 0
            assert done["canary"]["state"] == "failed"
            assert program.run("verify", shown["id"]).status == 0
            again = program.run("canary", shown["id"], "accept")
            assert (again.status, again.stdout) == (2, "")
            assert "is completed: there is nothing to accept" in again.stderr


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
