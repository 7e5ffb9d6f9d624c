"""Where webhooks may go, and where not, however it is written."""

import time
from base64 import b64encode

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from dispatcher.errors import SettingError
from dispatcher.receivers import may_reach, read_networks, read_url
from dispatcher.settings import Settings, read_settings
from tests.webhook_receiver import SECRET
from workers.receiver import Receivers


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254"),
        *("0.0.0.0", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::1"),
        *("168.63.129.16", "192.0.0.192", "192.88.99.1", "64:ff9b:1::101:101"),
        *("2606:4700::5efe:a00:1", "2606:4700::200:5efe:7f00:1", "::ffff:168.63.129.16"),
    ],
)
def test_what_is_no_part_of_the_internet_is_not_reached(address: str) -> None:
    assert not may_reach(address, ())


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101", "2606:4700::5efe:101:101"],
)
def test_what_is_part_of_the_internet_is_reached(address: str) -> None:
    assert may_reach(address, ())


@pytest.mark.parametrize(
    ("address", "networks", "allowed"),
    [
        ("127.0.0.1", "127.0.0.0/8", True),
        ("::ffff:127.0.0.1", "127.0.0.0/8", True),
        ("10.1.9.9", "127.0.0.0/8, 10.1.0.0/16", True),
        ("10.2.0.1", "127.0.0.0/8,10.1.0.0/16", False),
        ("fd00::5", "fd00::/8", True),
        ("::1", "127.0.0.0/8", False),
        ("1.1.1.1", "10.0.0.0/8", True),
        # The way to it is somebody else's, though its end is allowed.
        ("2002:7f00:1::", "127.0.0.0/8", False),
    ],
)
def test_a_network_is_reached_where_it_is_allowed(
    address: str, networks: str, allowed: bool
) -> None:
    assert may_reach(address, read_networks(networks)) == allowed


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("example.org/hook", "begin with https://"),
        ("ftp://example.org", "begin with https://"),
        ("HTTPS://example.org", "begin with https://"),
        (5, "begin with https://"),
        ("https://", "names no host"),
        ("https:///hook", "names no host"),
        ("https://user:secret@example.org", "a login in it"),
        ("https://example.org:port", "cannot be read"),
        ("https://example.org:99999", "cannot be read"),
        ("https://example.org:0/", "names no host"),
        ("https://[::1/hook", "cannot be read"),
        ("https://example.org/a b", "without a blank"),
        ("https://example.org/\n", "without a blank"),
        ("https://exämple.org/", "of ASCII"),
        ("https://example.org\\@10.0.0.1/", "a login in it"),
        ("https://example.org\\10.0.0.1/", "names no host"),
        ("https://ex%61mple.org/", "not written plainly"),
        ("https://example.org%2f.example/", "not written plainly"),
        ("https://example.org/#part", "a # in it"),
        ("https://example.org/" + "a" * 2_000, "at most 2,000"),
    ],
)
def test_what_is_no_url_of_a_receiver_is_refused(url: object, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        read_url(url)
    assert "secret" not in str(refused.value)


def test_a_url_is_read_as_it_is_asked_for() -> None:
    plain = read_url("http://127.0.0.1:8080?a=b")
    assert (plain.authority, plain.port, plain.target) == ("127.0.0.1:8080", 8080, "/?a=b")
    six = read_url("https://[2606:4700::1111]/x")
    assert (six.host, six.port, six.authority) == ("2606:4700::1111", 443, "[2606:4700::1111]")


def settings(**variables: str) -> Settings:
    return read_settings({f"DISPATCHER_{name}": value for name, value in variables.items()})


def test_the_secret_and_the_networks_are_read_and_the_secret_is_not_shown() -> None:
    read = settings(NOTIFY_SECRET=SECRET, NOTIFY_ALLOW="127.0.0.0/8, ::1/128")
    assert [secret.reveal() for secret in read.notify_secrets] == [SECRET]
    assert [str(network) for network in read.notify_allow] == ["127.0.0.0/8", "::1/128"]
    assert SECRET.removeprefix("whsec_") not in repr(read)
    assert SECRET.removeprefix("whsec_") not in str(SettingError(f"a {SECRET} b"))


def test_while_a_secret_is_changed_both_sign_and_whoever_has_one_of_them_is_content() -> None:
    new = "whsec_" + b64encode(bytes(range(64))).decode()
    read = settings(NOTIFY_SECRET=f"{new} {SECRET}")
    headers = Receivers(read.notify_secrets, ()).signed("msg_1", int(time.time()), b"{}")
    for known in (new, SECRET):
        assert Webhook(known).verify(b"{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + b64encode(bytes(32)).decode()).verify(b"{}", headers)
    assert new.removeprefix("whsec_") not in str(SettingError(f"a {new} b"))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("NOTIFY_SECRET", "hush-hush", "must be whsec_ and the base64"),
        ("NOTIFY_SECRET", "whsec_c2hvcnQ=", "24 to 64 random bytes"),
        ("NOTIFY_SECRET", "whsec_!!!", "must be whsec_"),
        ("NOTIFY_SECRET", f"{SECRET} hush-hush", "must be whsec_"),
        ("NOTIFY_SECRET", f"{SECRET}\n{SECRET}", "twice"),
        ("NOTIFY_ALLOW", "localhost", "'localhost' is no network"),
        ("NOTIFY_ALLOW", "10.1.2.3/8", "write them as"),
    ],
)
def test_a_wrong_secret_or_network_is_refused_at_the_start(
    name: str, value: str, words: str
) -> None:
    with pytest.raises(SettingError, match=words) as refused:
        settings(**{name: value})
    assert f"DISPATCHER_{name} is wrong" in str(refused.value)
    assert "hush" not in str(refused.value)
