"""What no output may show is taken out of every text, whoever wrote it."""

import html
import json
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPMessage
from urllib.parse import quote, quote_plus
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dispatcher import redaction
from dispatcher.books.address import read_address
from dispatcher.books.failures import Failure
from dispatcher.books.session import make_engine, place_of
from dispatcher.books.transitions import Claim, Members, Report
from dispatcher.embedded import ServerUrls
from dispatcher.errors import DispatcherError, SettingError
from dispatcher.lifecycle import Accepted, ChunkState, Decision
from dispatcher.publishing import producer
from dispatcher.redaction import HIDDEN, Redactor, redact, remember, secrets_in
from dispatcher.servers import read_server
from dispatcher.settings import Secret, read_settings
from tests.traces import traces
from workers.envelope import Envelope
from workers.reading import Reply

SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    str.lower,
    lambda text: quote(text, safe=""),
    lambda text: quote(text, safe="").lower(),
    quote_plus,
    lambda text: quote(quote(text, safe=""), safe=""),
    html.escape,
    lambda text: "".join(f"%{ord(each):02x}" for each in text),
    lambda text: "".join(f"\\u{ord(each):04X}" for each in text),
    lambda text: "".join(f"&#{ord(each)};" if each in "-/'" else each for each in text),
    lambda text: json.dumps(text)[1:-1],
    repr,
)
SIGNS = st.sampled_from("abcXYZ0189@:/?#%&+=\"'<\\-_. ")
secrets = st.text(SIGNS, min_size=8, max_size=30).filter(lambda text: text.strip() == text)
around = st.text(st.sampled_from("klmn \n,;({["), max_size=12)


@pytest.fixture(autouse=True, scope="module")
def nothing_known() -> Iterator[None]:
    """A process that knows no secret yet; those of these tests are forgotten again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "_known", {})
        yield


@settings(derandomize=True)
@given(secrets, st.sampled_from(SPELLINGS), around, around)
def test_a_stranger_spells_a_secret_in_no_way_that_is_not_found(
    secret: str, spelling: Callable[[str], str], before: str, behind: str
) -> None:
    told = Redactor([secret]).redact(f"{before}{spelling(secret)}{behind}")
    assert traces(told, secret) == []
    assert told.startswith(before)
    assert told.endswith(behind)


@settings(derandomize=True)
@given(secrets, st.sampled_from(SPELLINGS), st.data())
def test_a_part_of_a_secret_is_found(
    secret: str, spelling: Callable[[str], str], data: st.DataObject
) -> None:
    begin = data.draw(st.integers(0, len(secret) - 6))
    end = data.draw(st.integers(begin + 6, len(secret)))
    told = Redactor([secret]).redact(f"Wrong user token {spelling(secret[begin:end])}...")
    assert traces(told, secret[begin:end]) == []


def test_a_secret_in_base64_is_found() -> None:
    told = b64encode(b"user:s3cret-of-ours").decode()
    assert Redactor(["user:s3cret-of-ours"]).redact(f"Basic {told}") == f"Basic {HIDDEN}" + (
        "=" * told.count("=")
    )


@given(st.text(), secrets)
def test_what_holds_no_secret_stays_as_it_is(text: str, secret: str) -> None:
    if not traces(text, secret, shortest=5):
        assert Redactor([secret]).redact(text) == text


def test_a_short_secret_is_found_whole() -> None:
    assert Redactor(["t1"]).redact("the token T1 is wrong") == "the token *** is wrong"


@pytest.mark.parametrize(
    ("told", "hidden"),
    [
        ("at redis://:p@ss/w@host:1/0 now", "at redis://***@host:1/0 now"),
        ("postgresql://u:p@ss@h/x, amqp://a:b@c", "postgresql://***@h/x, amqp://***@c"),
        ("http://h/x?a=1&user_token=abc@d&b=2 is", "http://h/x?a=1&user_token=*** is"),
        ("host=h password='x y' port=1", "host=h password='***' port=1"),
        ('{"user_token": "abc", "app": "x"}', '{"user_token": "***", "app": "x"}'),
        ("no file http:/u:pw@host", "no file http:/***@host"),
        ("write postgresql://user:password@host:port/name", None),
        ("DISPATCHER_USER_TOKEN is not set", None),
        ("mail anna@example.org, or ask", None),
        ("unix:///run/valkey.sock?db=0", None),
    ],
)
def test_logins_and_passwords_are_hidden_in_their_places(told: str, hidden: str | None) -> None:
    assert redact(told) == (told if hidden is None else hidden)


def test_what_a_process_knows_is_hidden_in_any_text_of_ours() -> None:
    remember("s3cr3t-one", "k#4x")
    assert redact("S3CR3T-ONE, k#4x and k#4xy") == "***, *** and k#4xy"
    assert str(DispatcherError("it is s3cr3t-one.")) == "it is ***."


def test_a_common_word_is_no_secret_outside_of_its_place() -> None:
    url = "postgresql://dispatcher:dispatcher@localhost/dispatcher"
    remember(*secrets_in(url), "word")
    assert redact("run `dispatcher migrate`, in a word") == "run `dispatcher migrate`, in a word"
    assert redact(url) == "postgresql://***@localhost/dispatcher"


@settings(derandomize=True)
@given(secrets)
@example("p@ssw0rd")
@example("p@1:2/x?y=z#@w")
@example("1234?user=x")
def test_a_password_in_a_url_is_read_right_or_refused_and_never_told(password: str) -> None:
    for scheme, variable in (
        ("postgresql", "DISPATCHER_DATABASE_URL"),
        ("redis", "DISPATCHER_BROKER_URL"),
        ("amqps", "DISPATCHER_BROKER_URL"),
        ("https", "DISPATCHER_PUSH_API_URL"),
    ):
        url = f"{scheme}://somebody:{password}@db.example/1"
        try:
            read = read_settings({"DISPATCHER_HOME": "/nowhere", variable: url})
            if read.database_url:
                address = read_address(read.database_url, {})
                told = f"{address} {place_of(make_engine(read.database_url))}"
            else:
                told = read_server(read.broker_url).place if read.broker_url else ""
        except SettingError as error:
            told = "".join(traceback.format_exception(error)).replace(repr(url), "")
            told = "\n".join(line for line in told.splitlines() if not line.startswith("    "))
        else:
            assert "db.example" in f"{told}{read.push_api_url}"
        assert traces(told, password, shortest=5) == []


def test_what_holds_a_secret_or_a_member_does_not_show_it() -> None:
    secret, member = "s3cr3t/of=ours", "anna@example.org"
    encoded = quote(secret, safe="")
    read = read_settings(
        {
            "DISPATCHER_USER_TOKEN": secret,
            "DISPATCHER_DATABASE_URL": f"postgresql://h/x?password={encoded}&sslpassword=zwei42",
            "DISPATCHER_BROKER_URL": f"redis://:{quote(secret, safe='')}@h/0",
            "DISPATCHER_PUSH_API_URL": f"https://u:{encoded}@h/?user_token={encoded}",
        }
    )
    assert read.database_url is not None
    assert read.broker_url is not None
    now = datetime.now(UTC)
    claim = Claim(
        UUID(int=1), 1, 1, 1, "p", 1, Members(member), None, now, timedelta(0), 0, "default"
    )
    accepted = Accepted(1, 1, 0, f'[[0,"{member}"]]')
    app = producer(read)
    shown = [
        read,
        Secret(secret),
        Envelope.of(Secret(secret), "app", None, "{}"),
        read_address(read.database_url, {}),
        make_engine(read.database_url),
        read_server(read.broker_url),
        ServerUrls(read.database_url, read.broker_url),
        app.conf.humanize(),
        app.connection_for_write(),
        claim,
        Report(claim, accepted, Decision(ChunkState.DELIVERED)),
        Failure(1, "rejected", "chunk", "x", 400, 33, {"userId": member}),
        Reply(200, HTTPMessage(), member.encode(), is_last=False),
    ]
    told = f"{shown!r} {' '.join(map(str, shown))}"
    assert traces(told, secret) == []
    assert traces(told, member) == []
    assert "zwei42" not in told
