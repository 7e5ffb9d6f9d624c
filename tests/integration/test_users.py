"""Users of the console: who is let in, for how long, and what is kept of it."""

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from math import ceil
from pathlib import Path

import argon2
import pytest
from sqlalchemy import Engine, text

from dispatcher import (
    Dispatcher,
    OptionError,
    Session,
    SettingError,
    SignInDelayed,
    SignInRefused,
)
from dispatcher.books.session import transaction
from dispatcher.redaction import redact
from dispatcher.settings import Settings
from dispatcher.throttle import FREE

PASSWORD = "correct horse battery"
HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", database_url=database_url)


@pytest.fixture
def verbs(settings: Settings, engine: Engine) -> Dispatcher:
    verbs = Dispatcher(settings, engine)
    verbs.user_add("anna", "operator", PASSWORD)
    return verbs


def run(engine: Engine, statement: str) -> list[tuple[object, ...]]:
    with transaction(engine) as connection:
        found = connection.execute(text(statement))
        return [tuple(row) for row in found] if found.returns_rows else []


def signed_in(verbs: Dispatcher, name: str = "anna") -> tuple[str, Session]:
    given = verbs.sign_in(name, PASSWORD, HERE).reveal()
    session = verbs.session_of(given)
    assert session is not None
    return given, session


def test_a_user_signs_in_and_nothing_that_is_stored_lets_anybody_in(
    verbs: Dispatcher, engine: Engine, settings: Settings
) -> None:
    given, session = signed_in(verbs)
    assert (session.name, session.role, session.user) == ("anna", "operator", "anna")
    assert [session.may(role) for role in ("viewer", "operator", "admin")] == [True, True, False]
    assert verbs.sessions() == (session,)
    stored = str(run(engine, "SELECT * FROM console_user, console_session, console_login, act"))
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in stored
    for secret in (PASSWORD, given):
        assert secret not in stored
        assert secret not in redact(f"somebody logs {secret}")
    other = replace(settings, home=settings.home / "other")
    assert Dispatcher(other, engine).session_of(given) is None


ENDING: list[Callable[[Dispatcher, Session], object]] = [
    lambda verbs, _: verbs.user_remove("anna"),
    lambda verbs, _: verbs.user_password("anna"),
    lambda verbs, _: verbs.user_role("anna", "viewer"),
    lambda verbs, session: verbs.sign_out(session, everywhere=True),
]


@pytest.mark.parametrize("end", ENDING)
def test_all_sessions_of_a_user_end_at_once(
    verbs: Dispatcher, end: Callable[[Dispatcher, Session], object]
) -> None:
    verbs.user_add("boris", "viewer", PASSWORD)
    (first, session), (second, _), (other, _) = (
        signed_in(verbs, name) for name in ("anna", "anna", "boris")
    )
    end(verbs, session)
    assert [verbs.session_of(given) for given in (first, second)] == [None, None]
    assert [session.name for session in verbs.sessions()] == ["boris"]
    assert verbs.session_of(other) is not None


def test_to_sign_out_ends_one_session(verbs: Dispatcher) -> None:
    (first, session), (second, _) = signed_in(verbs), signed_in(verbs)
    assert (verbs.sign_out(session), verbs.sign_out(session)) == (1, 0)
    assert verbs.session_of(first) is None
    assert verbs.session_of(second) is not None


@pytest.mark.parametrize(
    ("began", "seen", "lasts"),
    [("11:59", "0:00", True), ("12:01", "0:00", False), ("2:01", "2:01", False)],
)
def test_a_session_ends_by_itself(
    verbs: Dispatcher, engine: Engine, began: str, seen: str, lasts: bool
) -> None:
    given, _ = signed_in(verbs)
    run(
        engine,
        f"UPDATE console_session SET began_at = now() - CAST('{began}' AS interval),"
        f" seen_at = now() - CAST('{seen}' AS interval)",
    )
    assert (verbs.session_of(given) is not None) == lasts
    assert bool(verbs.sessions()) == lasts
    signed_in(verbs)
    assert len(run(engine, "SELECT FROM console_session")) == 1 + lasts


def test_each_request_counts_as_seen(verbs: Dispatcher, engine: Engine) -> None:
    given, _ = signed_in(verbs)
    run(engine, "UPDATE console_session SET seen_at = now() - interval '1:59'")
    assert verbs.session_of(given) is not None
    assert run(engine, "SELECT now() - seen_at < interval '0:01' FROM console_session") == [(True,)]


def test_whoever_started_it_is_let_in_until_there_are_users(
    settings: Settings, engine: Engine
) -> None:
    verbs = Dispatcher(settings, engine)
    given = verbs.sign_in_first().reveal()
    session = verbs.session_of(given)
    assert session is not None
    assert (session.role, session.user) == ("admin", None)
    verbs.user_add("anna", "viewer", PASSWORD)
    assert (verbs.session_of(given), verbs.sessions()) == (None, ())
    with pytest.raises(SignInRefused, match="There are users: sign in as one of them"):
        verbs.sign_in_first()
    verbs.user_remove("anna")
    assert (verbs.session_of(given), verbs.sessions()) == (None, ())
    with pytest.raises(SignInRefused, match="There were users, which ended this: start the prog"):
        verbs.sign_in_first(key_age=timedelta(hours=1))
    assert verbs.sign_in_first()


def test_a_session_that_began_while_the_first_user_was_added_ends_for_good(
    settings: Settings, engine: Engine
) -> None:
    verbs = Dispatcher(settings, engine)
    verbs.user_add("anna", "viewer", PASSWORD)
    run(engine, "INSERT INTO console_session (digest, starter) VALUES ('late', 'carl')")
    verbs.user_remove("anna")
    assert verbs.sessions() == ()


def test_a_wrong_name_is_told_as_a_wrong_password_is(verbs: Dispatcher) -> None:
    for name, password in (
        *(("anna", PASSWORD + "!"), ("nobody", PASSWORD), ("", ""), ("an\0na", "\0")),
        *(("\ud800", "\ud800"), ("anna", "x" * 100_000)),
    ):
        with pytest.raises(SignInRefused) as told:
            verbs.sign_in(name, password, ELSEWHERE)
        assert str(told.value) == "The name or the password is wrong."


def test_whoever_guesses_waits_and_nobody_else_does(verbs: Dispatcher, engine: Engine) -> None:
    verbs.user_add("boris", "viewer", PASSWORD)
    for _ in range(FREE):
        with pytest.raises(SignInRefused, match="is wrong"):
            verbs.sign_in("anna", "wrong", ELSEWHERE)
    for _ in range(2):
        with pytest.raises(SignInDelayed) as told:
            verbs.sign_in("anna", PASSWORD, ELSEWHERE)
        assert timedelta(seconds=10) < told.value.wait <= timedelta(seconds=15)
        seconds = ceil(told.value.wait.total_seconds())
        assert str(told.value).endswith(f"try again in {seconds} seconds.")
    verbs.sign_in("anna", PASSWORD, HERE)
    verbs.sign_in("boris", PASSWORD, ELSEWHERE)
    run(engine, "UPDATE console_login SET failed_at = now() - interval '15 s'")
    verbs.sign_in("anna", PASSWORD, ELSEWHERE)
    with pytest.raises(SignInRefused, match="is wrong"):
        verbs.sign_in("anna", "wrong", ELSEWHERE)


def test_nobody_is_held_up_in_a_browser_in_which_they_have_signed_in(
    verbs: Dispatcher, engine: Engine
) -> None:
    verbs.user_add("boris", "viewer", PASSWORD)
    verbs.sign_in("anna", PASSWORD, HERE, "annas")
    for _ in range(FREE):
        with pytest.raises(SignInRefused, match="is wrong"):
            verbs.sign_in("anna", "wrong", HERE, "anothers")
    run(
        engine,
        "INSERT INTO console_login SELECT n, network, 1, now() + interval '1 min'"
        " FROM console_login, generate_series(1, 50) AS n",
    )
    for browser in ("anothers", "", None):
        with pytest.raises(SignInDelayed):
            verbs.sign_in("anna", PASSWORD, HERE, browser)
    for _ in range(FREE):
        with pytest.raises(SignInRefused, match="is wrong"):
            verbs.sign_in("anna", "wrong", HERE, "annas")
        verbs.sign_in("anna", PASSWORD, HERE, "annas")
    run(engine, "UPDATE console_login SET failures = 5, failed_at = now() + interval '1 min'")
    with pytest.raises(SignInDelayed, match="try again in 15 seconds"):
        verbs.sign_in("anna", PASSWORD, HERE, "annas")
    with pytest.raises(SignInDelayed):
        verbs.sign_in("boris", PASSWORD, HERE, "annas")


def test_who_tries_many_names_waits_unless_they_are_known(
    verbs: Dispatcher, engine: Engine
) -> None:
    verbs.sign_in("anna", PASSWORD, ELSEWHERE)
    run(
        engine,
        "INSERT INTO console_login SELECT n, network, 1, now() + interval '1 min'"
        " FROM console_login, generate_series(1, 50) AS n",
    )
    verbs.sign_in("anna", PASSWORD, ELSEWHERE)
    verbs.user_add("boris", "viewer", PASSWORD)
    with pytest.raises(SignInDelayed, match="try again in 2 seconds"):
        verbs.sign_in("boris", PASSWORD, ELSEWHERE)
    run(engine, "UPDATE console_login SET failed_at = now() - interval '2 s'")
    verbs.sign_in("boris", PASSWORD, ELSEWHERE)
    verbs.user_remove("boris")
    run(engine, "UPDATE console_login SET failed_at = now() - interval '2 days'")
    with pytest.raises(SignInRefused, match="is wrong"):
        verbs.sign_in("boris", PASSWORD, ELSEWHERE)
    assert len(run(engine, "SELECT FROM console_login")) == 2


def test_a_hash_of_other_parameters_is_renewed_at_the_next_sign_in(
    verbs: Dispatcher, engine: Engine
) -> None:
    older = argon2.PasswordHasher(time_cost=1, memory_cost=1_024).hash(PASSWORD)
    run(engine, f"UPDATE console_user SET password = '{older}'")
    signed_in(verbs)
    ((stored,),) = run(engine, "SELECT password FROM console_user")
    assert str(stored).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    signed_in(verbs)


@pytest.mark.parametrize(
    ("name", "role", "password", "words"),
    [
        ("anna", "viewer", PASSWORD, "There is a user 'anna' already"),
        ("two words", "viewer", PASSWORD, "'two words' is no name of a user"),
        ("new", "root", PASSWORD, "'root' is no role: give one of viewer, operator, admin."),
        ("new", "viewer", "short", "The password has 5 characters: give 12 to 1,000"),
        ("new", "viewer", "x" * 1_001, "The password has 1,001 characters"),
        ("new", "viewer", "ab" * 10, "The password repeats a few characters"),
        ("new", "viewer", "two lines,\nof words", "The password has to be one line"),
    ],
)
def test_a_user_that_cannot_be_is_refused(
    verbs: Dispatcher, name: str, role: str, password: str, words: str
) -> None:
    with pytest.raises(OptionError) as told:
        verbs.user_add(name, role, password)
    assert str(told.value).startswith(words)
    assert [(user.name, user.role) for user in verbs.users()] == [("anna", "operator")]


def test_what_nobody_has_cannot_be_changed(verbs: Dispatcher) -> None:
    for change in (
        lambda: verbs.user_remove("boris"),
        lambda: verbs.user_password("boris"),
        lambda: verbs.user_role("boris", "viewer"),
    ):
        with pytest.raises(OptionError, match="There is no user 'boris': see `dispatcher console"):
            change()


def test_a_password_is_compared_in_its_normal_form(verbs: Dispatcher) -> None:
    verbs.user_add("zoe", "viewer", "Zo\u00eb mag \ufb01ne Tiere")
    assert verbs.sign_in("zoe", "Zoe\u0308 mag fine Tiere", HERE)


def test_the_key_of_sessions_is_ours_alone(
    settings: Settings, engine: Engine, tmp_path: Path
) -> None:
    Dispatcher(settings, engine).sign_in_first()
    made = settings.home / "console-secret"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert len(made.read_text().strip()) == 64
    assert [path.name for path in settings.home.iterdir()] == ["console-secret"]

    named = tmp_path / "named"
    verbs = Dispatcher(replace(settings, console_secret_file=named), engine)
    for content, mode, words in (
        (None, 0, "cannot be read or made: No such file"),
        ("short", 0o600, "holds 5 characters, and 32 to 4,096 make a key"),
        ("x" * 64, 0o644, r"others can read or change .* \(its mode is 0644\): `chmod 600"),
    ):
        if content is not None:
            named.write_text(content)
            os.chmod(named, mode)
        with pytest.raises(SettingError, match=f"DISPATCHER_CONSOLE_SECRET_FILE: .*{words}"):
            verbs.session_of("anything")
    os.chmod(named, 0o640)
    assert verbs.session_of("anything") is None
