"""Where the console listens, which requests are meant for it, and what is not safe."""

import pytest

from console.__main__ import read_door
from console.auth import Door
from console.pages.login import own_place
from dispatcher import SettingError

HERE = Door()
PUBLIC = Door("0.0.0.0", behind_proxy=True, public_url="https://push.example.com")
OTHER = Door("10.0.0.7", behind_proxy=True)


@pytest.mark.parametrize(
    ("door", "host", "known"),
    [
        (HERE, "127.0.0.1:8080", True),
        (HERE, "LOCALHOST", True),
        (HERE, "[::1]:8080", True),
        (HERE, "evil.example:8080", False),
        (HERE, "127.0.0.1.evil.example", False),
        (HERE, "127.0.0.1@evil.example", False),
        (HERE, "", False),
        (HERE, "[::", False),
        (PUBLIC, "push.example.com", True),
        (PUBLIC, "push.example.com.:443", True),
        (PUBLIC, "127.0.0.1", False),
        (Door("10.0.0.7"), "10.0.0.7:8080", True),
        (Door("10.0.0.7"), "evil.example", False),
        (OTHER, "anything.example", True),
        (Door("0.0.0.0"), "anything.example", True),
    ],
)
def test_a_request_is_meant_for_the_host_it_names(door: Door, host: str, known: bool) -> None:
    assert door.knows_host(host) == known


@pytest.mark.parametrize(
    ("door", "origin", "own"),
    [
        (HERE, "http://127.0.0.1:8080", True),
        (HERE, "https://127.0.0.1:8080", False),
        (HERE, "http://127.0.0.1:8081", False),
        (HERE, "null", False),
        (PUBLIC, "https://PUSH.example.com", True),
        (PUBLIC, "https://127.0.0.1:8080", True),
        (PUBLIC, "http://push.example.com", False),
    ],
)
def test_a_page_of_ours_has_our_origin(door: Door, origin: str, own: bool) -> None:
    assert door.is_own_origin(origin, "127.0.0.1:8080") == own


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--host 0.0.0.0", "--host 0.0.0.0: others would send their passwords in clear"),
        ("--host 0.0.0.0 --behind-proxy", "--behind-proxy: give the network that the proxy is in"),
        ("--trusted-proxy 10.0.0.0/8", "--trusted-proxy is about a proxy"),
        ("--behind-proxy --trusted-proxy 10.0.0.1/8", "10.0.0.1/8 has host bits set: give a netw"),
        ("--tls-cert a.pem", "--tls-cert, --tls-key: give both, or none"),
        ("--public-url push.example.com", "--public-url 'push.example.com' is no address"),
        ("--public-url https://[::", "--public-url 'https://[::' is no address"),
    ],
)
def test_what_is_not_safe_is_not_begun(options: str, words: str) -> None:
    with pytest.raises(SettingError) as told:
        read_door(["--port", "0", *("--host", "127.0.0.1"), *options.split()])
    assert words in str(told.value)


def test_it_is_for_this_machine_unless_told_otherwise() -> None:
    given = read_door(["--port", "1", "--host", "127.0.0.1"])
    assert (given.is_for_this_machine, given.has_tls, given.scheme) == (True, False, "http")
    behind = read_door(["--port", "1", "--host", "::1", "--behind-proxy"])
    assert (behind.is_for_this_machine, behind.has_tls) == (False, True)
    assert behind.proxies == ("127.0.0.0/8", "::1/128")
    assert given.key not in repr(given)


@pytest.mark.parametrize(
    "place",
    [
        *("//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example"),
        *("/a\r\nSet-Cookie: x", "javascript:alert(1)", "/login", "/logout", "", "\ud800"),
    ],
)
def test_nobody_is_sent_elsewhere_by_signing_in(place: str) -> None:
    assert own_place(place) == "/"


def test_a_place_of_ours_is_gone_back_to() -> None:
    for place in ("/", "/session?x=1", "/campaigns/3f2a?tab=%5B1%5D#errors"):
        assert own_place(place) == place
