"""An account that rests: people see why and until when, and can let it go on."""

from tests.acceptance.audiences import csv_of, tokens
from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import Program
from tests.sandbox_process import running_push_api
from tests.waiting import eventually


def test_an_account_silenced_for_a_day_is_seen_everywhere_and_resumed(
    new_program: NewProgram,
) -> None:
    with running_push_api("--retry-after", "86400") as push_api:
        program = new_program(DISPATCHER_PUSH_API_URL=push_api.url, DISPATCHER_RATE="50")
        push_api.set_faults(next=[{"fault": "error_429"}])
        with program.worker():
            campaign = program.send(csv_of(program, "members.csv", tokens("rest", 3_000)))
            held = eventually(lambda: by_account(program.show(campaign)), within=20)
            explained = program.ask("explain", campaign["id"])
            (listed,) = program.ask("account", "list")
            page = program.run("show", campaign["id"]).stdout
            person = program.run("account", "list")
            fleet = program.run("workers")
            resumed = program.ask("account", "resume", "default")
            program.until(campaign, "completed", within=30)

    assert held is not None
    assert held["words"] == "Account default rests: the Push API asked to wait."
    assert held["words"] in page
    assert fleet.stdout.splitlines()[0].split()[:3] == ["WORKER", "SLOTS", "RATE"]
    assert " leads " in fleet.stdout
    assert listed["hold_until"] == held["until"]
    assert (listed["name"], listed["rate"], listed["running"]) == ("default", 50.0, 1)
    assert listed["hold_reason"] == "the Push API asked to wait"
    assert f"account default, which rests until {held['until']}" in explained["waits_for"][0]
    assert "`dispatcher account resume default` tries at once" in explained["remedies"]
    assert "the Push API asked to wait" in " ".join(person.stdout.split())
    assert (resumed["hold_until"], resumed["hold_reason"]) == (None, None)


def test_an_account_that_is_not_there_is_refused(program: Program) -> None:
    assert program.ask("account", "list") == []
    ran = program.run("account", "resume", "nobody")
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr == (
        "dispatcher: There is no account 'nobody': see `dispatcher account list`.\n"
    )


def by_account(document: dict[str, object]) -> dict[str, str] | None:
    """What holds a campaign, where that is its account."""
    held = document["held"]
    return held if isinstance(held, dict) and held["by"] == "account" else None
