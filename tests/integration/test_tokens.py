"""Tokens of the HTTP API: what each lets somebody do, and that nobody can read one again."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from dispatcher import Actor, Dispatcher, OptionError
from dispatcher.books.session import transaction
from dispatcher.redaction import redact
from dispatcher.settings import Settings


@pytest.fixture
def verbs(database_url: str, engine: Engine, tmp_path: Path) -> Dispatcher:
    return Dispatcher(Settings(home=tmp_path, database_url=database_url), engine)


def test_a_token_is_its_holder_s_until_it_is_taken_back(verbs: Dispatcher, engine: Engine) -> None:
    shop = verbs.token_add("shop", "operator").reveal()
    other = verbs.token_add("dashboard", "viewer").reveal()
    found = verbs.authenticate(shop)

    assert found is not None
    assert (found.name, found.role) == ("shop", "operator")
    assert [found.may(role) for role in ("viewer", "operator", "admin")] == [True, True, False]
    assert [token.name for token in verbs.tokens()] == ["dashboard", "shop"]
    with transaction(engine) as connection:
        stored = str(connection.execute(text("SELECT * FROM console_token, act")).all())
    assert shop not in stored
    assert other not in stored
    assert shop not in redact(f"somebody logs {shop}")

    verbs.token_remove("shop")
    assert verbs.authenticate(shop) is None
    assert verbs.authenticate(other) in verbs.tokens()
    again = verbs.token_add("shop", "viewer").reveal()
    assert again != shop


@pytest.mark.parametrize("given", ["", "dsp_", "\0", "ä" * 100, "\ud800"])
def test_what_is_no_token_lets_nobody_in(verbs: Dispatcher, given: str) -> None:
    verbs.token_add("shop", "admin")
    assert verbs.authenticate(given) is None


@pytest.mark.parametrize(
    ("name", "role", "words"),
    [
        ("shop", "viewer", "There is a token 'shop' already: remove it first"),
        ("", "viewer", "'' is no name of a token"),
        ("two words", "viewer", "'two words' is no name of a token"),
        ("new", "root", "'root' is no role: give one of viewer, operator, admin."),
    ],
)
def test_a_token_that_cannot_be_is_refused(
    verbs: Dispatcher, name: str, role: str, words: str
) -> None:
    verbs.token_add("shop", "viewer")
    with pytest.raises(OptionError) as told:
        verbs.token_add(name, role)
    assert str(told.value).startswith(words)
    assert len(verbs.tokens()) == 1


def test_to_take_back_what_nobody_has_is_an_error(verbs: Dispatcher) -> None:
    with pytest.raises(OptionError, match="There is no token 'shop': see `dispatcher console"):
        verbs.token_remove("shop")


def test_whoever_acts_is_named_over_the_same_connections(verbs: Dispatcher) -> None:
    verbs.acting_as(Actor("anna", "api")).token_add("one", "viewer")
    verbs.token_add("two", "viewer")
    by_verbs, by_anna = verbs.log()
    assert (by_anna.actor, by_anna.via) == ("anna", "api")
    assert by_verbs.via == "library"
