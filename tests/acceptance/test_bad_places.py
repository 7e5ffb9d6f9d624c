"""Settings, services and campaigns that are wrong or missing: who is told what."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import APP, MESSAGE, Program
from tests.acceptance.refusals import SEND, Run, check_nothing_left, check_refused

SETTINGS: list[tuple[str, str, tuple[str, ...]]] = [
    ("DISPATCHER_DATABASE_URL", "mysql://localhost/x", ("must begin with postgresql://",)),
    ("DISPATCHER_DATABASE_URL", "postgresql://u:secret@h:abc/x", ("port is not a number",)),
    ("DISPATCHER_BROKER_URL", "http://localhost", ("redis://",)),
    ("DISPATCHER_REDIS_URL", "localhost:6379", ("redis://",)),
    ("DISPATCHER_PUSH_API_URL", "devtodev.com", ("http://", "https://")),
    ("DISPATCHER_USER_TOKEN_FILE", "missing.txt", ("default",)),
    ("DISPATCHER_USER_TOKEN_A_B", "x", ("names no account", "a-z and 0-9")),
    ("DISPATCHER_RATE", "fast", ("'fast' is not a number of requests a second above 0",)),
    ("DISPATCHER_RATE", "0", ("'0' is not a number of requests a second above 0",)),
    ("DISPATCHER_REQUEST_TIMEOUT", "soon", ("a number of seconds",)),
    ("DISPATCHER_REQUEST_TIMEOUT", "0", ("a number of seconds above 0",)),
    ("DISPATCHER_PACK_ID_WINDOW", "60", ("shorter than four requests", "lower the timeout")),
    ("DISPATCHER_PREPARE_MEMORY", "lots", ("such as 200MB",)),
    ("DISPATCHER_PREPARE_MEMORY", "1MB", ("less than 64MB",)),
    ("DISPATCHER_KEEP_AUDIENCE", "a month", ("not a number of days from 0 to 36500",)),
    ("DISPATCHER_LOG", "xml", ("neither json nor text",)),
]


@pytest.mark.parametrize(
    ("name", "value", "words"), SETTINGS, ids=[f"{name}={value}" for name, value, _ in SETTINGS]
)
def test_a_wrong_setting_is_named(
    run: Run, empty_books: Program, name: str, value: str, words: tuple[str, ...]
) -> None:
    ran = run(*SEND, **{name: value})

    check_refused(ran, 2, (name, *words))
    assert "secret" not in ran.stderr
    check_nothing_left(empty_books)


@pytest.mark.parametrize("name", ["DISPATCHER_DATABASE_URL", "DISPATCHER_BROKER_URL"])
def test_a_missing_setting_is_named_with_both_remedies(
    run: Run, empty_books: Program, name: str
) -> None:
    check_refused(
        run(*SEND, **{name: None}), 2, (f"{name} is not set", "dispatcher services start")
    )
    check_nothing_left(empty_books)


def test_an_unreachable_database_is_a_failure_and_keeps_its_password(run: Run) -> None:
    ran = run(*SEND, DISPATCHER_DATABASE_URL="postgresql://me:secret@127.0.0.1:1/books")

    check_refused(ran, 1, ("PostgreSQL at 127.0.0.1:1/books", "Connection refused", "running"))
    assert "secret" not in ran.stderr


def test_a_database_that_was_not_migrated_names_the_verb(run: Run, empty_database_url: str) -> None:
    for arguments in (SEND, ("list",), ("show", "last"), ("pause", "last")):
        ran = run(*arguments, DISPATCHER_DATABASE_URL=empty_database_url)
        check_refused(ran, 1, ("run `dispatcher migrate`",))


CONFIGURATIONS: list[tuple[str, str | bytes | None, tuple[str, ...]]] = [
    ("no file", None, ("config.toml cannot be read", "No such file")),
    ("not TOML", "rate = \n", ("config.toml is not TOML", "line 1")),
    ("not UTF-8", b"rate = '\xff'", ("config.toml is not TOML",)),
    ("an unknown key", "rates = 5", ("rates is not a setting", "request_timeout")),
    ("a wrong value", "rate = 'fast'", ("DISPATCHER_RATE", "fast")),
    ("a wrong type", "rate = true", ("rate must be a text or a number",)),
]


@pytest.mark.parametrize(
    ("content", "words"),
    [case[1:] for case in CONFIGURATIONS],
    ids=[case[0] for case in CONFIGURATIONS],
)
def test_a_wrong_configuration_file(
    run: Run, content: str | bytes | None, words: tuple[str, ...]
) -> None:
    if content is not None:
        Path("config.toml").write_bytes(content.encode() if isinstance(content, str) else content)

    check_refused(run("--config", "config.toml", *SEND), 2, words)


def test_message_and_audience_cannot_share_standard_input(run: Run) -> None:
    ran = run("send", "-", "--app-id", "sandbox-app", "--audience", "-")

    check_refused(ran, 2, ("Message and audience cannot both come from standard input",))


CAMPAIGNS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("show", "last"), ("There is no campaign yet",)),
    (("show", "abcd"), ("No campaign has the id abcd", "dispatcher list")),
    (("watch", "abcd"), ("No campaign has the id abcd", "dispatcher list")),
    (("pause", "spring"), ("'spring' is no campaign's id", "dispatcher list")),
    (("rate", "abcd", "fast"), ("'fast' is not a number", "`none`")),
    (("list", "--state", "done"), ("'done' is no state", "scheduled, running, paused")),
]


@pytest.mark.parametrize(
    ("arguments", "words"), CAMPAIGNS, ids=[" ".join(arguments) for arguments, _ in CAMPAIGNS]
)
def test_a_campaign_that_is_not_there(
    run: Run, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    check_refused(run(*arguments), 2, words)


def enqueue(program: Program) -> str:
    """A campaign that waits; its id."""
    with program.books() as books:
        return books.enqueue(
            app_id=APP,
            message=MESSAGE,
            audience=[{"token": "a"}],
            send_at=datetime(2099, 1, 1, tzinfo=UTC),
        )


def test_an_ambiguous_beginning_asks_for_more(program: Program) -> None:
    beginnings = [enqueue(program)[0] for _ in range(17)]
    twice = next(each for each in beginnings if beginnings.count(each) > 1)

    check_refused(program.run("show", twice), 2, (f"begin with {twice}", "give more of it"))


def test_what_has_ended_cannot_be_steered(program: Program) -> None:
    campaign_id = enqueue(program)
    program.ask("cancel", campaign_id)

    for verb in (["pause", campaign_id], ["resume", campaign_id], ["rate", campaign_id, "5"]):
        check_refused(program.run(*verb), 2, (campaign_id, "is cancelled"))


USAGE: list[tuple[tuple[str, ...], str]] = [
    (("sned",), "No such command 'sned'. Did you mean 'send'?"),
    (("--colour",), "No such option: --colour"),
    ((*SEND, "--colour", "red"), "No such option: --colour"),
    ((*SEND[:2], *SEND[4:]), "Missing option '--app-id'"),
    (SEND[:4], "Missing option '--audience'"),
    (("show",), "Missing argument 'ID'"),
    ((*SEND, "--tag"), "Option '--tag' requires an argument"),
]


@pytest.mark.parametrize(("arguments", "words"), USAGE, ids=[words for _, words in USAGE])
def test_wrong_usage_is_named_with_the_way_to_help(
    run: Run, arguments: tuple[str, ...], words: str
) -> None:
    ran = run(*arguments)

    assert (ran.status, ran.stdout) == (2, "")
    assert words in ran.stderr
    assert "-h' for help" in ran.stderr or "requires" in words


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [
        (("dispatcher", "worker"), "DISPATCHER_USER_TOKEN", None),
        (("dispatcher", "worker"), "DISPATCHER_RATE", "fast"),
        (("celery", "-A", "workers", "worker"), "DISPATCHER_USER_TOKEN", None),
        (("celery", "-A", "workers", "worker"), "DISPATCHER_BROKER_URL", None),
    ],
)
def test_a_worker_without_what_it_needs_says_so_and_ends(
    program: Program, command: tuple[str, ...], name: str, value: str | None
) -> None:
    with program.having(**{name: value}).start(*command) as worker:
        said = worker.communicate(timeout=30)[1]

    assert worker.returncode == 2
    assert name in said.splitlines()[-1]
    assert "Traceback" not in said


def test_a_worker_whose_database_was_not_migrated_names_the_verb(
    new_program: NewProgram, empty_database_url: str
) -> None:
    unmigrated = new_program().having(DISPATCHER_DATABASE_URL=empty_database_url)

    with unmigrated.start("dispatcher", "worker") as worker:
        said = worker.communicate(timeout=30)[1]

    assert worker.returncode == 1
    assert "run `dispatcher migrate`" in said.splitlines()[-1]
