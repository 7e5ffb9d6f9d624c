"""What `doctor` says of a way on which somebody could read along."""

import pytest

from dispatcher.checkup import _exposure, _verified
from dispatcher.servers import is_this_machine


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("", True),
        ("/run/postgresql", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("broker.localhost", True),
        ("10.0.0.5", False),
        ("2001:db8::1", False),
        ("postgres", False),
        ("localhost.example", False),
    ],
)
def test_what_stays_on_this_machine(host: str, here: bool) -> None:
    assert is_this_machine(host) is here


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("redis://:secret@broker.example", "use rediss://"),
        ("amqp://u:secret@10.0.0.5", "use amqps://"),
        ("rediss://:secret@broker.example?ssl_cert_reqs=none", "take ssl_cert_reqs=none"),
    ],
)
def test_a_broker_that_others_could_listen_to_is_warned_of(url: str, remedy: str) -> None:
    result, words = _verified(url, "it answers")
    assert result == "warning"
    assert remedy in words
    assert "secret" not in words


@pytest.mark.parametrize(
    "url", ["redis://:secret@localhost", "unix:///run/it.sock", "rediss://broker.example"]
)
def test_a_broker_that_nobody_can_listen_to_is_well(url: str) -> None:
    assert _verified(url, "it answers") == ("ok", "it answers")


@pytest.mark.parametrize(
    ("host", "mode", "encrypted", "told"),
    [
        ("/run/postgresql", "prefer", False, None),
        ("127.0.0.1", "prefer", False, None),
        ("db.example", "prefer", False, "in clear"),
        ("db.example", "prefer", True, "nobody checks"),
        ("db.example", "verify-ca", True, "nobody checks"),
        ("db.example", "verify-full", True, None),
    ],
)
def test_a_database_that_others_could_listen_to_is_warned_of(
    host: str, mode: str, encrypted: bool, told: str | None
) -> None:
    found = _exposure(host, {"sslmode": mode}, encrypted)
    assert found is None if told is None else told in (found or "")
