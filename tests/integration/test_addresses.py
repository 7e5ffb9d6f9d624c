"""A URL of a database means what psql takes it to mean, and what it cannot mean is told."""

import pytest
from sqlalchemy import text

from dispatcher.books.address import read_address
from dispatcher.books.session import make_engine, transaction
from dispatcher.errors import DatabaseUnavailable, SettingError

SERVER = "postgresql+psycopg2://u:p@h/d"


@pytest.mark.parametrize(
    ("options", "environment", "asked"),
    [
        ("-csearch_path=app", "", {"search_path": "app"}),
        (
            "-c search_path=app,public -c work_mem=8MB",
            "",
            {"search_path": "app,public", "work_mem": "8MB"},
        ),
        (
            "--search-path=app --My.Setting=a\\ b\\\\",
            "",
            {"search_path": "app", "my.setting": "a b\\"},
        ),
        ("", "-c search_path=env", {"search_path": "env"}),
        ("-c search_path=url", "-c search_path=env -c jit=on", {"search_path": "url", "jit": "on"}),
        ("", "", {}),
    ],
)
def test_options_of_the_url_and_of_the_environment_are_merged(
    options: str, environment: str, asked: dict[str, str]
) -> None:
    url = f"{SERVER}?options={options.replace(' ', '%20')}"
    address = read_address(url, {"PGOPTIONS": environment})
    assert dict(address.asked) == asked
    assert "options" not in address.url.query


@pytest.mark.parametrize(
    "options", ["-e", "-c", "-c work_mem", "-c=8", "--", "work_mem=8MB", "-c a;b=1"]
)
@pytest.mark.parametrize("place", ["DISPATCHER_DATABASE_URL", "PGOPTIONS"])
def test_options_that_are_no_settings_are_refused_with_their_place(
    options: str, place: str
) -> None:
    in_url = place == "DISPATCHER_DATABASE_URL"
    url = f"{SERVER}?options={options.replace(' ', '%20')}" if in_url else SERVER
    with pytest.raises(SettingError, match=rf"^{place} is wrong: of the options only `-c name"):
        read_address(url, {} if in_url else {"PGOPTIONS": options})


@pytest.mark.parametrize("option", ["sslmod", "dsn"])
def test_an_option_that_postgresql_does_not_know_is_named(option: str) -> None:
    with pytest.raises(
        SettingError, match=rf'^DISPATCHER_DATABASE_URL is wrong: .*"{option}"'
    ) as told:
        read_address(f"{SERVER}?{option}=require", {})
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "option",
    [
        "sslmode=on",
        "target_session_attrs=writable",
        "gssencmode=no",
        "require_auth=any",
        "connect_timeout=5s",
        "tcp_user_timeout=1.5",
    ],
)
def test_a_value_that_postgresql_does_not_know_is_refused_before_anybody_waits_for_it(
    option: str,
) -> None:
    name = option.partition("=")[0]
    with pytest.raises(SettingError, match=rf"^DISPATCHER_DATABASE_URL.* is wrong: .*{name}"):
        read_address(f"{SERVER}?{option}", {})


@pytest.mark.parametrize(
    "option",
    [
        "sslmode=verify-full&sslrootcert=/not/there",
        "target_session_attrs=read-write",
        "connect_timeout=5&keepalives=0",
        "application_name=x",
        "service=nobody%27s",
    ],
)
def test_a_value_that_only_a_server_can_judge_is_left_to_it(option: str) -> None:
    read_address(f"{SERVER}?{option}", {})


@pytest.mark.parametrize(
    "options", ["port=abc", "port=0", "port=65536", "host=a,b&port=1", "host=a:1&host=b:x"]
)
def test_ports_that_are_none_or_nobodys_are_refused(options: str) -> None:
    with pytest.raises(SettingError, match=r"^DISPATCHER_DATABASE_URL is wrong: a port is"):
        read_address(f"postgresql+psycopg2:///d?{options}", {})


@pytest.mark.parametrize("options", ["", "port=1", "host=a,b&port=1,2", "host=a:1&host=b:2"])
def test_ports_may_stand_among_the_options(options: str) -> None:
    read_address(f"postgresql+psycopg2:///d?{options}", {})


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("://u:p%40%2F%3A%25@h:6/d", ("u", "p@/:%", "h", 6, "d")),
        ("://u@%2Frun%2Fpostgresql/my%20books", ("u", None, "/run/postgresql", None, "my books")),
        ("://[::1]:7/d", (None, None, "::1", 7, "d")),
        ("://", (None, None, None, None, None)),
    ],
)
def test_a_url_is_read_as_psql_reads_it(url: str, parts: tuple[object, ...]) -> None:
    found = read_address(f"postgresql+psycopg2{url}", {}).url
    assert (found.username, found.password, found.host, found.port, found.database) == parts


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("search_pth=app", 'unrecognized configuration parameter "search_pth"'),
        ("work_mem=much", 'invalid value for parameter "work_mem": "much"'),
        ("log_connections=on", "cannot be set after connection start"),
    ],
)
def test_a_setting_that_the_server_refuses_is_told(
    database_url: str, setting: str, says: str
) -> None:
    engine = make_engine(f"{database_url}?options=-c%20{setting}")
    with pytest.raises(SettingError, match=says) as told, transaction(engine) as connection:
        connection.execute(text("SELECT 1"))
    assert "\n" not in str(told.value)
    engine.dispose()


def test_the_operators_settings_act_and_stand_back_behind_ours(database_url: str) -> None:
    engine = make_engine(f"{database_url}?options=-cwork_mem%3D8MB%20-cstatement_timeout%3D0")
    with transaction(engine) as connection:
        assert connection.scalar(text("SHOW work_mem")) == "8MB"
        assert connection.scalar(text("SHOW statement_timeout")) == "30s"
    engine.dispose()


def test_a_default_of_reading_only_is_taken_at_its_word(database_url: str) -> None:
    engine = make_engine(f"{database_url}?options=-cdefault_transaction_read_only%3Don")
    reads = pytest.raises(DatabaseUnavailable, match="only reads")
    with reads, transaction(engine) as connection:
        connection.execute(text("INSERT INTO account (name) VALUES ('new')"))
    engine.dispose()


@pytest.mark.parametrize("variable", ["application_name", "connect_timeout"])
def test_what_the_url_says_of_the_connection_wins(database_url: str, variable: str) -> None:
    engine = make_engine(f"{database_url}?{variable}=7")
    with transaction(engine) as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.info.dsn_parameters[variable] == "7"
    engine.dispose()
