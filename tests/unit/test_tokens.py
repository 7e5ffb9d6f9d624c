"""The accounts' tokens: where they come from, and that nothing shows them."""

import traceback
from pathlib import Path

import pytest

from dispatcher.errors import SettingError
from dispatcher.settings import Secret, Settings, read_settings

TOKEN = "DISPATCHER_USER_TOKEN"
HIDDEN = "s3cr3t-of-the-vendor"


def read(**variables: str) -> Settings:
    """Settings from these variables, given without DISPATCHER_USER_TOKEN."""
    named = {TOKEN + name: value for name, value in variables.items()}
    return read_settings({"DISPATCHER_HOME": "/nowhere"} | named)


def test_the_plain_variable_is_the_default_accounts_token() -> None:
    tokens = read_settings({"DISPATCHER_HOME": "/nowhere", TOKEN: f" {HIDDEN}\n"}).tokens
    assert {account: token.reveal() for account, token in tokens.items()} == {"default": HIDDEN}


def test_a_suffix_names_the_account() -> None:
    settings = read(_ACME="first", _EU2="second")
    assert settings.require_token("acme").reveal() == "first"
    assert settings.require_token("eu2").reveal() == "second"


def test_a_file_holds_a_token_as_well(tmp_path: Path) -> None:
    (tmp_path / "default").write_text(f"{HIDDEN}\n")
    (tmp_path / "acme").write_text("first")
    settings = read(_FILE=str(tmp_path / "default"), _ACME_FILE=str(tmp_path / "acme"))
    assert settings.require_token("default").reveal() == HIDDEN
    assert settings.require_token("acme").reveal() == "first"


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file"), (b"\xff\xfe", "not UTF-8"), (b" \n", "no token")]
)
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(SettingError, match=f"^{TOKEN}_FILE .*{why}"):
        read(_FILE=str(tmp_path / "token"))


@pytest.mark.parametrize("suffix", ["_FILE_FILE", "_A_B", "_", "ACME", "__FILE", "S", "_Ä", "_a-b"])
def test_a_suffix_that_names_no_account_is_refused(suffix: str) -> None:
    with pytest.raises(SettingError, match=f"^{TOKEN}{suffix} names no account"):
        read(**{suffix: HIDDEN})


@pytest.mark.parametrize("token", ["two\nlines", "bell\a", " "])
def test_what_cannot_be_a_token_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(SettingError, match=f"^{TOKEN}_ACME holds no token.$"):
        read(_ACME=token)


def test_two_tokens_for_one_account_are_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("other")
    with pytest.raises(SettingError, match="which has one already"):
        read(_ACME=HIDDEN, _ACME_FILE=str(tmp_path / "token"))
    with pytest.raises(SettingError, match="which has one already"):
        read_settings({TOKEN: HIDDEN, f"{TOKEN}_DEFAULT": "other"})


@pytest.mark.parametrize(("account", "variable"), [("default", TOKEN), ("acme", f"{TOKEN}_ACME")])
def test_a_missing_token_is_named_by_its_variable(account: str, variable: str) -> None:
    with pytest.raises(SettingError, match=f"^{variable} is not set.*{variable}_FILE"):
        read(_OTHER=HIDDEN).require_token(account)


def test_nothing_but_reveal_shows_a_secret() -> None:
    secret = Secret(HIDDEN)
    settings = read(_ACME=HIDDEN)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", "%s" % secret]  # noqa: UP031
    shown += [repr(settings), str(settings), repr([secret]), repr(settings.tokens)]
    assert not [text for text in shown if HIDDEN in text]
    assert secret.reveal() == HIDDEN


def test_a_traceback_with_its_variables_shows_no_secret() -> None:
    def refuse(secret: Secret) -> None:
        raise ValueError(secret)

    with pytest.raises(ValueError, match=r"Secret\(\*\*\*\)") as caught:
        refuse(Secret(HIDDEN))
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert HIDDEN not in "".join(told.format()).replace(f"HIDDEN = {HIDDEN!r}", "")


def test_settings_show_no_password_of_a_database_or_a_broker() -> None:
    settings = read_settings(
        {
            "DISPATCHER_DATABASE_URL": f"postgresql://user:{HIDDEN}@host/books",
            "DISPATCHER_BROKER_URL": f"redis://:{HIDDEN}@host",
        }
    )
    assert HIDDEN not in repr(settings)


def test_secrets_are_the_same_where_their_texts_are() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
