"""The configuration file: the same settings in TOML, under the environment."""

from pathlib import Path

import pytest

from dispatcher.errors import SettingError
from dispatcher.settings import below_environment, read_config, read_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the configuration file is."""
    return tmp_path / "dispatcher.toml"


def test_its_keys_are_the_variables_in_lower_case(file: Path) -> None:
    file.write_text('rate = 20\nrequest_timeout = 2.5\nlog = "json"\nuser_token_acme = "t"\n')
    assert read_config(file) == {
        "DISPATCHER_RATE": "20",
        "DISPATCHER_REQUEST_TIMEOUT": "2.5",
        "DISPATCHER_LOG": "json",
        "DISPATCHER_USER_TOKEN_ACME": "t",
    }


def test_the_environment_wins(file: Path) -> None:
    file.write_text("rate = 20\nrequest_timeout = 2\n")
    settings = read_settings(read_config(file) | {"DISPATCHER_RATE": "5"})
    assert settings.rate == 5
    assert settings.request_timeout.total_seconds() == 2


def test_an_empty_file_says_nothing(file: Path) -> None:
    file.write_text("")
    assert read_config(file) == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            "speed = 5",
            "speed is not a setting; known are .*rate, redis_url, redis_url_file, request",
        ),
        ("RATE = 5", "RATE is not a setting"),
        ("rate = true", "rate must be a text or a number"),
        ("rate = [5]", "rate must be a text or a number"),
        ("[rate]\nlimit = 5", "rate must be a text or a number"),
        ("rate 5", "is not TOML"),
        ("rate = 5\nrate = 6", "is not TOML"),
    ],
)
def test_what_is_wrong_is_refused_with_the_files_name(file: Path, content: str, why: str) -> None:
    file.write_text(content)
    with pytest.raises(SettingError, match=f"dispatcher.toml.*{why}"):
        read_config(file)


def test_a_file_that_is_not_utf_8_is_not_toml(file: Path) -> None:
    file.write_bytes(b'home = "\xff"')
    with pytest.raises(SettingError, match="is not TOML"):
        read_config(file)


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(file: Path) -> None:
    with pytest.raises(SettingError, match="cannot be read: No such file or directory"):
        read_config(file)
    with pytest.raises(SettingError, match="cannot be read: Is a directory"):
        read_config(file.parent)


def test_a_wrong_value_is_refused_as_in_the_environment(file: Path) -> None:
    file.write_text("rate = 0\n")
    with pytest.raises(SettingError, match="DISPATCHER_RATE is wrong"):
        read_settings(read_config(file))


def test_an_empty_variable_of_the_environment_leaves_the_files(file: Path) -> None:
    file.write_text("rate = 5\n")
    assert below_environment(read_config(file), {"DISPATCHER_RATE": ""}) == {"DISPATCHER_RATE": "5"}


@pytest.mark.parametrize("form", ["DISPATCHER_USER_TOKEN", "DISPATCHER_USER_TOKEN_FILE"])
def test_a_token_of_the_environment_wins_over_the_files_in_either_form(
    file: Path, form: str
) -> None:
    file.write_text('user_token = "t"\nuser_token_acme = "a"\n')
    below = below_environment(read_config(file), {form: "x"})
    assert below == {"DISPATCHER_USER_TOKEN_ACME": "a"}
