"""The body of a request, and the token in it."""

import json
from collections.abc import Callable

from dispatcher.settings import Secret
from tests.workers.conftest import TOKEN
from tests.workers.scripted_server import Peer, Script, ScriptedServer, http
from tests.workers.sending import MEMBERS, attempt, result
from workers.envelope import Envelope
from workers.push_api import PushApi

Serve = Callable[[Script], ScriptedServer]


def test_the_body_is_the_documented_json(
    serve: Serve, push_api: Callable[..., PushApi], envelope: Envelope
) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def script(peer: Peer) -> None:
        seen.append(peer.read_request())
        peer.send(http(result()))

    attempt(push_api(serve(script).url), envelope)
    head, body = seen[0]
    assert head.startswith(b"POST /api/v1/push/send HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert TOKEN.encode() not in head
    assert json.loads(body) == {
        "user_token": TOKEN,
        "app_id": "app",
        "campaign_tag": "winback",
        "pack_id": "pack-1",
        "audience": json.loads(MEMBERS),
        "ios": {"payload": {"text": "Hello"}},
    }


def test_a_body_without_a_tag_and_with_any_characters_is_json_too() -> None:
    envelope = Envelope.of(Secret('quo"te\\'), "приложение", None, '{"win":{"raw":{}}}')
    assert json.loads(envelope.body("p", '[{"userId":"日本"}]')) == {
        "user_token": 'quo"te\\',
        "app_id": "приложение",
        "win": {"raw": {}},
        "pack_id": "p",
        "audience": [{"userId": "日本"}],
    }


def test_a_token_with_quotes_is_redacted_in_its_json_form_too() -> None:
    envelope = Envelope.of(Secret('to"ken'), "app", None, '{"ios":{}}')
    assert envelope.redact('{"user_token": "to\\"ken"} or to"ken') == (
        '{"user_token": "***"} or ***'
    )


def test_the_value_that_the_vendor_received_is_hidden_as_it_may_be_somebodys_identifier() -> None:
    envelope = Envelope.of(Secret("token"), "app", None, '{"ios":{}}')
    said = "Invalid value for field userId. Received value: anna@example.com. Expected: a string"
    assert envelope.redact(said) == (
        "Invalid value for field userId. Received value: (hidden). Expected: a string"
    )
