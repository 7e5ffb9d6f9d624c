"""Who did what, as a person at a terminal sees it."""

import os
import pwd
import socket

import pytest

from tests.acceptance.program import Program
from tests.acceptance.refusals import Run, check_refused, runner

ME = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"


def test_the_log_tells_who_did_what_from_the_command_line_and_from_a_program(
    program: Program, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = runner(program, monkeypatch, capfd)
    assert run("log").stdout == "Nothing was changed yet.\n"
    program.file("members.csv", "userId\nanna\n")
    campaign = run(*program.send_command("members.csv", "--json")).document
    assert run("pause", "last").status == 0
    with program.books() as books:
        books.rate("last", 2.5)
    assert run("suppress", "add", "--app-id", "A", "userId=boris").status == 0

    log = run("log", "--json").document

    assert list(log[0]) == [
        *("id", "at", "campaign", "app_id", "account", "actor", "via", "verb", "before", "after"),
    ]
    assert [(act["verb"], act["via"], act["actor"]) for act in log] == [
        ("suppress add", "cli", ME),
        ("rate", "library", ME),
        ("pause", "cli", ME),
        ("send", "cli", ME),
    ]
    assert run("log", "last", "--json").document == log[1:]
    limited = run("log", campaign["id"][:8], "--limit", "2")
    assert limited.stderr == (
        f"There are older ones: `--before {log[2]['id']}` shows them, `--limit` more at once.\n"
    )
    older = run("log", "--before", str(log[2]["id"]), "--by", ME, "--json").document
    assert older == log[3:]
    assert run("log", "--by", "nobody").stdout == "Nothing was changed yet.\n"
    title, rate, pause = limited.stdout.splitlines()
    assert title.split() == ["WHEN", "WHO", "VIA", "VERB", "OF", "WHAT"]
    assert rate.endswith("rate none → 2.5")
    assert pause.endswith(f"{campaign['id'][:8]}  state running → paused")
    assert f"It is paused by {ME} since 20" in run("show", "last").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("log", "--limit", "0"), ("--limit is 0", "1 or more")),
        (("log", "--before", "0"), ("before is 0", "log --json")),
        (("log", "--by", " "), ("actor",)),
        (("log", "nothing"), ("'nothing' is no campaign's id", "dispatcher list")),
        (("log", "last"), ("There is no campaign yet",)),
    ],
)
def test_a_wrong_question_is_refused(
    run: Run, words: tuple[str, ...], told: tuple[str, ...]
) -> None:
    check_refused(run(*words), 2, told)
