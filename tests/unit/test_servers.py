"""How the URL of a Redis or of a broker is read: once, for everybody who connects."""

import string
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.connection import Connection

from dispatcher.servers import REDIS_SCHEMES, Tls, read_server
from dispatcher.settings import is_exposed

EMPTY = Path(__file__).parents[1] / "__init__.py"
NAMES = st.text(alphabet=string.printable + "äß€", min_size=1, max_size=20)


@given(user=NAMES, password=NAMES, database=st.integers(0, 15))
def test_celery_reads_the_same_place_user_and_password(
    user: str, password: str, database: int
) -> None:
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    server = read_server(f"redis://{login}@[::1]:7000/{database}")
    assert (server.username, server.password) == (user, password)
    celery = Connection(server.celery_url())  # type: ignore[no-untyped-call]
    assert (celery.userid, celery.password, celery.hostname) == (user, password, "::1")
    assert (celery.port, int(celery.virtual_host)) == (7000, database)


@given(vhost=NAMES, password=NAMES)
def test_celery_reads_the_same_virtual_host(vhost: str, password: str) -> None:
    url = f"amqp://u:{quote(password, safe='')}@h/{quote(vhost, safe='')}"
    server = read_server(url)
    celery = Connection(server.celery_url())  # type: ignore[no-untyped-call]
    assert (celery.virtual_host, celery.password) == (vhost, password)
    assert (server.database, server.password) == (vhost, password)


@pytest.mark.parametrize(
    ("url", "place", "database"),
    [
        ("redis://h", "h:6379", 0),
        ("redis://h:1/2", "h:1", 2),
        ("redis://h:1?db=2", "h:1", 2),
        ("rediss://[::1]/3", "[::1]:6379", 3),
        ("unix:///run/redis.sock?db=4", "/run/redis.sock", 4),
        ("unix://user:secret@/run/my%20redis.sock", "/run/my redis.sock", 0),
        ("redis+socket:///run/redis.sock?virtual_host=5", "/run/redis.sock", 5),
        ("amqp://h", "h:5672", "/"),
        ("amqp://h//", "h:5672", "/"),
        ("amqps://h/%2Fmine", "h:5671", "/mine"),
    ],
)
def test_a_place_and_a_database(url: str, place: str, database: int | str) -> None:
    server = read_server(url)
    assert (server.place, server.database) == (place, database)


def test_a_socket_of_redis_is_the_same_for_celery() -> None:
    server = read_server("unix://me:s%2Fcret@/run/my%20redis.sock?db=4")
    assert server.celery_url() == "redis+socket://me:s%2Fcret@/run/my%20redis.sock?virtual_host=4"


@pytest.mark.parametrize("scheme", ["rediss", "valkeys", "amqps"])
def test_certificate_and_host_are_verified_unless_said_otherwise(
    scheme: str, tmp_path: Path
) -> None:
    assert read_server(f"{scheme}://h").tls == Tls()
    none = read_server(f"{scheme}://h?ssl_cert_reqs=none").tls
    assert none == Tls(verify=False)
    authorities = tmp_path / "ca.pem"
    authorities.write_text("-----BEGIN CERTIFICATE-----")
    named = read_server(f"{scheme}://h?ssl_ca_certs={authorities}&ssl_cert_reqs=CERT_REQUIRED").tls
    assert named == Tls(ca_certs=str(authorities))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://", "names a host"),
        ("redis:h", "redis://"),
        ("kafka://h", "amqps://"),
        ("redis://h:port", "port is a number"),
        ("redis://[::1", "port is a number"),
        ("redis://:p#ss@h", "%40"),
        ("redis://:p/ss@h", "%40"),
        ("redis://h/mine", "one number"),
        ("redis://h/1?db=2", "one number"),
        ("redis://h/-1", "one number"),
        ("redis://h?ssl_ca_certs=/ca.pem", "rediss://"),
        ("amqp://h?ssl_cert_reqs=none", "amqps://"),
        ("redis://h?sllcertreqs=none", "'sllcertreqs'"),
        ("rediss://h?ssl_cert_reqs=optional", "`required` or `none`"),
        ("rediss://h?ssl_check_hostname=perhaps", "`true` or `false`"),
        ("rediss://h?ssl_ca_certs=/nowhere.pem", "/nowhere.pem"),
        (f"rediss://h?ssl_ca_certs={EMPTY}", "PEM"),
        ("unix://h/run/redis.sock", "path of a socket"),
        ("unix://", "path of a socket"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_remedy(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        read_server(url)
    assert words in str(refused.value)
    assert "p#ss" not in str(refused.value)


def test_rates_need_a_redis() -> None:
    with pytest.raises(ValueError, match="redis://"):
        read_server("amqp://h", REDIS_SCHEMES)


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("http://push.example/api", True),
        ("http://10.0.0.5:8080/api", True),
        ("http://[2001:db8::1]/api", True),
        ("http://localhost:8099/api", False),
        ("http://push.localhost/api", False),
        ("http://127.0.0.1/api", False),
        ("http://[::1]/api", False),
        ("https://push.example/api", False),
    ],
)
def test_what_goes_in_clear_to_another_host_is_exposed(url: str, exposed: bool) -> None:
    assert is_exposed(url) is exposed
