"""What the environment says, and what is refused at the start."""

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatcher import locks, services_file
from dispatcher.errors import SettingError
from dispatcher.services_file import SERVICES_FILE
from dispatcher.settings import PUSH_API_URL, Listening, Settings, read_settings

PREFIX = "DISPATCHER_"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A DISPATCHER_HOME with nothing in it."""
    return tmp_path


def read(home: Path, **variables: str) -> Settings:
    """Settings from these variables, given without their prefix."""
    named = {PREFIX + name: value for name, value in variables.items()}
    return read_settings({PREFIX + "HOME": str(home), "PATH": "/bin"} | named)


def test_nothing_has_to_be_set(home: Path) -> None:
    assert read(home) == Settings(
        home=home,
        push_api_url=PUSH_API_URL,
        database_url=None,
        broker_url=None,
        redis_url=None,
        audience_url=None,
        tokens={},
        rate=None,
        request_timeout=timedelta(seconds=30),
        pack_id_window=timedelta(seconds=600),
        prepare_memory=200_000_000,
        keep_audience=timedelta(days=30),
        json_logs=False,
    )


def test_home_is_in_the_users_directory_unless_it_is_set(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    assert read_settings({}).home == home / ".local/share/dispatcher"
    assert read_settings({PREFIX + "HOME": "~/d"}).home == home / "d"


def test_the_programs_own_environment_is_read_where_none_is_given(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + "HOME", str(home))
    monkeypatch.setenv(PREFIX + "RATE", "3")
    assert read_settings().rate == 3


@pytest.mark.parametrize(
    ("name", "text", "attribute", "value"),
    [
        ("PUSH_API_URL", "http://localhost:1/p", "push_api_url", "http://localhost:1/p"),
        (
            "DATABASE_URL",
            "postgresql://u:p@h:1/d",
            "database_url",
            "postgresql+psycopg2://u:p@h:1/d",
        ),
        ("DATABASE_URL", "postgres://h/d", "database_url", "postgresql+psycopg2://h/d"),
        (
            "DATABASE_URL",
            "postgresql://u:p@a,b/d?target_session_attrs=read-write",
            "database_url",
            "postgresql+psycopg2://u:p@/d?target_session_attrs=read-write&host=a,b",
        ),
        (
            "DATABASE_URL",
            "postgresql://a:1,[::1]:2,c",
            "database_url",
            "postgresql+psycopg2:///?host=a,::1,c&port=1,2,5432",
        ),
        (
            "DATABASE_URL",
            "postgresql://u:p@/d?host=a:1&host=b:2",
            "database_url",
            "postgresql+psycopg2://u:p@/d?host=a:1&host=b:2",
        ),
        ("DATABASE_URL", "postgresql+psycopg2:///d", "database_url", "postgresql+psycopg2:///d"),
        ("BROKER_URL", "redis://h:1/0", "broker_url", "redis://h:1/0"),
        ("BROKER_URL", "redis://h:1/0", "redis_url", "redis://h:1/0"),
        ("BROKER_URL", "rediss://h", "redis_url", "rediss://h"),
        ("BROKER_URL", "valkey://h:1", "broker_url", "redis://h:1"),
        ("BROKER_URL", "valkey://h:1", "redis_url", "redis://h:1"),
        ("BROKER_URL", "amqp://h", "broker_url", "amqp://h"),
        ("BROKER_URL", "amqp://h", "redis_url", None),
        ("REDIS_URL", "valkey://h:2", "redis_url", "redis://h:2"),
        ("QUEUE", "shop_2.push-eu", "queue", "shop_2.push-eu"),
        ("RATE", "20", "rate", 20.0),
        ("RATE", "0.5", "rate", 0.5),
        ("REQUEST_TIMEOUT", "2.5", "request_timeout", timedelta(seconds=2.5)),
        ("PACK_ID_WINDOW", "120", "pack_id_window", timedelta(seconds=120)),
        ("PREPARE_MEMORY", "64MB", "prepare_memory", 64_000_000),
        ("PREPARE_MEMORY", "0.5 gib", "prepare_memory", 2**29),
        ("PREPARE_MEMORY", "64000000", "prepare_memory", 64_000_000),
        ("KEEP_AUDIENCE", "7", "keep_audience", timedelta(days=7)),
        ("KEEP_AUDIENCE", "0.5", "keep_audience", timedelta(hours=12)),
        ("KEEP_AUDIENCE", "0", "keep_audience", timedelta(0)),
        ("KEEP_AUDIENCE", "forever", "keep_audience", None),
        ("LOG", "json", "json_logs", True),
        ("LOG", "text", "json_logs", False),
        ("METRICS_PORT", "9465", "metrics_port", Listening("127.0.0.1", 9465)),
        ("METRICS_PORT", "0.0.0.0:9465", "metrics_port", Listening("0.0.0.0", 9465)),
        ("METRICS_PORT", "[::]:0", "metrics_port", Listening("::", 0)),
        ("RATE", "", "rate", None),
    ],
)
def test_a_variable_sets_what_it_is_named_for(
    home: Path, name: str, text: str, attribute: str, value: object
) -> None:
    assert getattr(read(home, **{name: text}), attribute) == value


def test_amqp_carries_the_broker_while_redis_counts_the_rate(home: Path) -> None:
    settings = read(home, BROKER_URL="amqps://h", REDIS_URL="redis://r")
    assert (settings.broker_url, settings.redis_url) == ("amqps://h", "redis://r")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("RATE", text) for text in ("0", "-1", "nan", "inf", "fast", "1e-9", "1e12", "20/s")),
        *(("REQUEST_TIMEOUT", text) for text in ("0", "0.01", "-3", "30s", "1e9", "inf")),
        *(("PACK_ID_WINDOW", text) for text in ("0", "ten", "86401")),
        *(("PREPARE_MEMORY", text) for text in ("1MB", "much", "-1GB", "2 horses", "9" * 400)),
        *(("KEEP_AUDIENCE", text) for text in ("-1", "nan", "inf", "1e9", "30d", "never")),
        *(("LOG", text) for text in ("yes", "JSON")),
        *(("METRICS_PORT", text) for text in ("http", "70000", "-1", ":9464", "a b:1", "::1:1")),
        *(("PUSH_API_URL", text) for text in ("ftp://h", "h/push", "http://", "http://h:port")),
        *(("DATABASE_URL", text) for text in ("mysql://h/d", "h/d", "postgresql://h:port/d")),
        *(("DATABASE_URL", f"postgresql://{text}/d") for text in ("a:1,b:x", "a,b:0", "a:65536")),
        *(("BROKER_URL", text) for text in ("kafka://h", "redis://", "redis://h:port")),
        *(("QUEUE", text) for text in ("a b", "a:b", "a/b", "ä", "x" * 65, "amq.direct", "*")),
        *(("REDIS_URL", text) for text in ("amqp://h", "h", "redis://[::1")),
        ("HOME", "~nobody-of-this-name/d"),
    ],
)
def test_a_wrong_value_is_refused_by_the_variables_name(home: Path, name: str, text: str) -> None:
    with pytest.raises(SettingError, match=rf"^{PREFIX}{name} is wrong: .+\.$"):
        read(home, **{name: text})


def test_a_window_shorter_than_four_requests_is_refused(home: Path) -> None:
    with pytest.raises(SettingError, match=r"DISPATCHER_PACK_ID_WINDOW is 119 s.*TIMEOUT = 30 s"):
        read(home, PACK_ID_WINDOW="119")
    assert read(home, PACK_ID_WINDOW="120").pack_id_window == timedelta(seconds=120)


def test_a_lease_lasts_one_request_and_ten_seconds(home: Path) -> None:
    assert read(home, REQUEST_TIMEOUT="5").lease == timedelta(seconds=15)


def test_settings_cannot_be_changed(home: Path) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        read(home).rate = 5  # type: ignore[misc]


def test_running_embedded_servers_are_found_in_home(home: Path) -> None:
    with left_by_services(home, database_url="postgresql+psycopg2://e/d", broker_url="redis://e"):
        settings = read(home)
        beside = read(home, DATABASE_URL="postgresql://own/d")
    assert settings.require_database_url() == "postgresql+psycopg2://e/d"
    assert settings.require_broker_url() == settings.redis_url == "redis://e"
    assert beside.database_url == "postgresql+psycopg2://own/d"


def test_the_record_of_servers_that_have_died_is_not_believed(home: Path) -> None:
    with left_by_services(home, database_url="postgresql+psycopg2://e/d", broker_url="redis://e"):
        pass
    settings = read(home)
    assert (settings.database_url, settings.broker_url, settings.redis_url) == (None, None, None)


def test_a_link_in_the_place_of_the_record_is_refused(home: Path) -> None:
    (home / "elsewhere").write_text("{}")
    (home / SERVICES_FILE).symlink_to(home / "elsewhere")
    with pytest.raises(SettingError, match=r"services\.json cannot be read \(it is a link"):
        read(home)


def test_the_record_of_another_user_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / SERVICES_FILE).write_text("{}")
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(SettingError, match=f"it belongs to user {os.getuid()}, not to"):
        read(home)


@pytest.mark.parametrize("services", [[], "text", {}, {"database_url": 5, "locks": {}}])
def test_a_damaged_record_of_the_servers_is_refused_unless_nobody_needs_it(
    home: Path, services: Any
) -> None:
    (home / SERVICES_FILE).write_text(json.dumps(services))
    with pytest.raises(SettingError, match=r"services\.json cannot be read: run"):
        read(home)
    own = read(home, DATABASE_URL="postgresql://own/d", BROKER_URL="redis://own")
    assert own.broker_url == "redis://own"


def test_a_home_that_is_no_directory_is_refused(home: Path) -> None:
    (home / "file").write_text("")
    with pytest.raises(SettingError, match="cannot be read"):
        read(home / "file")


@pytest.mark.parametrize("name", ["DATABASE_URL", "BROKER_URL"])
def test_what_is_needed_and_missing_is_named_with_the_remedy(home: Path, name: str) -> None:
    settings = read(home)
    require = getattr(settings, f"require_{name.lower()}")
    with pytest.raises(SettingError, match=f"{PREFIX}{name} is not set.*dispatcher services start"):
        require()


@pytest.mark.parametrize("name", ["DATABASE_URL", "BROKER_URL", "REDIS_URL"])
def test_a_url_may_stand_in_a_file(home: Path, name: str) -> None:
    url = "postgresql://u:s3cret@h/d" if name == "DATABASE_URL" else "redis://:s3cret@h"
    file = home / "url"
    file.write_text(f"{url}\n")
    told = {"BROKER_URL": "amqp://h"} if name == "REDIS_URL" else {}
    beside = read(home, **told, **{f"{name}_FILE": str(file)})
    assert getattr(beside, name.lower()) == getattr(read(home, **told, **{name: url}), name.lower())

    with pytest.raises(SettingError, match=f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set"):
        read(home, **{name: url, f"{name}_FILE": str(file)})
    file.write_text("\n")
    with pytest.raises(SettingError, match=f"{PREFIX}{name}_FILE names a file that holds no URL"):
        read(home, **{f"{name}_FILE": str(file)})


@pytest.mark.parametrize("name", ["DATABASE_URL", "BROKER_URL", "REDIS_URL"])
def test_a_url_in_the_place_of_its_file_is_not_told(home: Path, name: str) -> None:
    with pytest.raises(SettingError, match=f"{PREFIX}{name}_FILE names a file.*path") as refused:
        read(home, **{f"{name}_FILE": "postgresql://u:s3cret@h/d"})
    assert "s3cret" not in str(refused.value)


@contextmanager
def left_by_services(home: Path, **urls: str) -> Iterator[None]:
    """A record of servers that run for as long as the block."""
    lock = locks.take(home / "lock", within=0)
    assert lock is not None
    services_file.record(home, urls, dict.fromkeys(urls, home / "lock"))
    yield
    os.close(lock)


@pytest.mark.parametrize(("account", "campaign"), [("5", None), ("", 5.0)])
def test_a_rate_beside_amqp_needs_a_redis(home: Path, account: str, campaign: float | None) -> None:
    alone = read(home, BROKER_URL="amqp://h", RATE=account)
    with pytest.raises(SettingError, match="DISPATCHER_REDIS_URL is not set"):
        alone.require_place_for_rates(campaign)
    read(home, BROKER_URL="amqp://h", REDIS_URL="redis://r", RATE=account).require_place_for_rates(
        5
    )
    read(home, BROKER_URL="redis://h", RATE=account).require_place_for_rates(5)


def test_without_a_rate_amqp_needs_no_redis(home: Path) -> None:
    read(home, BROKER_URL="amqp://h").require_place_for_rates()
