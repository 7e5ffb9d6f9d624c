"""`top` and `watch` as a person sees them: on a terminal, and in a pipe."""

from datetime import UTC, datetime

import pytest

from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import APP, MESSAGE, Program
from tests.acceptance.terminal import on_a_terminal
from tests.proxy import proxied
from tests.waiting import eventually

LATER = datetime(2099, 1, 1, tzinfo=UTC)
_PATIENCE = 30


def enqueue(program: Program) -> str:
    """A campaign for later; its id."""
    with program.books() as books:
        return books.enqueue(
            app_id=APP,
            message=MESSAGE,
            audience=[{"token": "a"}],
            campaign_tag="winback",
            send_at=LATER,
        )


def state_of(program: Program, campaign: str) -> str:
    with program.books() as books:
        return books.show(campaign).state


def test_top_pauses_what_is_confirmed_and_outlives_a_resize_and_a_lost_database(
    new_program: NewProgram,
) -> None:
    direct = new_program()
    older, newer = enqueue(direct), enqueue(direct)
    with proxied(direct.environment["DISPATCHER_DATABASE_URL"]) as proxy:
        program = direct.having(DISPATCHER_DATABASE_URL=proxy.url)
        with on_a_terminal(program, "dispatcher", "top") as terminal:

            def shows(words: str) -> None:
                eventually(lambda: words in terminal.page, within=_PATIENCE)

            shows(f"> {newer[:8]} scheduled")
            assert "winback" not in terminal.page
            terminal.press("jp")
            shows(f"Pause campaign {older[:8]}?")
            terminal.press("n")
            shows("Nothing was changed.")
            assert state_of(direct, older) == "scheduled"
            terminal.press("py")
            shows(f"Campaign {older[:8]} is paused.")
            assert (state_of(direct, older), state_of(direct, newer)) == ("paused", "scheduled")

            terminal.resize(120, 40)
            shows("winback")
            proxy.close_door()
            shows("The database is away since")
            assert newer[:8] in terminal.page
            proxy.open_door()
            eventually(lambda: "is away" not in terminal.page, within=_PATIENCE)
            terminal.press("q")
            eventually(lambda: terminal.process.poll() is not None, within=_PATIENCE)
            assert terminal.process.returncode == 0
            # The screen, its cursor and its wrapping are the shell's again.
            eventually(lambda: terminal.said.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l"))


def test_watch_resumes_what_is_confirmed_and_is_left_with_the_campaign_going_on(
    program: Program,
) -> None:
    campaign = enqueue(program)
    program.ask("pause", campaign)
    with on_a_terminal(program, "dispatcher", "watch", campaign) as terminal:
        eventually(lambda: f"Campaign {campaign}  paused" in terminal.page, within=_PATIENCE)
        terminal.press("ry")
        eventually(lambda: f"Campaign {campaign}  scheduled" in terminal.page, within=_PATIENCE)
        terminal.press("q")
        eventually(lambda: terminal.process.poll() is not None, within=_PATIENCE)
        assert terminal.process.returncode == 130
        eventually(lambda: f"`dispatcher watch {campaign}` shows it again." in terminal.said)
    assert state_of(program, campaign) == "scheduled"


def test_a_terminal_is_put_back_when_top_is_ended(program: Program) -> None:
    with on_a_terminal(program, "dispatcher", "top") as terminal:
        eventually(lambda: "q leave" in terminal.page, within=_PATIENCE)
        terminal.process.terminate()
        eventually(lambda: terminal.process.poll() is not None, within=_PATIENCE)
        assert terminal.process.returncode == 143
        eventually(lambda: terminal.said.endswith("\x1b[?1049l"))


def test_without_a_terminal_top_prints_plain_lines_and_ends(program: Program) -> None:
    campaign = enqueue(program)
    ran = program.run("top")
    assert (ran.status, ran.stderr) == (0, "")
    assert "\x1b" not in ran.stdout
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith(campaign[:8])]
    assert line.endswith("Its time has not come. Until 2099-01-01 00:00.")
    document = program.ask("top")
    assert campaign in [each["id"] for each in document["campaigns"]]
    assert document["fleet"].keys() == {"workers", "slots", "deaf", "is_led"}


@pytest.mark.parametrize("every", ["0", "often", "-1"])
def test_how_often_is_a_number_of_seconds(program: Program, every: str) -> None:
    ran = program.run("top", "--every", every)
    assert (ran.status, ran.stdout) == (2, "")
    assert "'--every'" in ran.stderr
