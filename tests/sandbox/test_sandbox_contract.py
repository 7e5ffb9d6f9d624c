"""What the contract makes of a request, without HTTP."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from sandbox.audience import devices, poison
from sandbox.codes import Refusal
from sandbox.contract import Account, Push, check, read
from tests.sandbox.process import APP, TOKEN, push

ACCOUNT = Account(frozenset({TOKEN}), frozenset({APP}))


def judged(body: dict[str, Any]) -> Push | Refusal:
    document = read(orjson.dumps(body))
    assert isinstance(document, dict)
    return check(document, None, ACCOUNT, frozenset())


def refused(body: dict[str, Any]) -> tuple[int, str]:
    verdict = judged(body)
    assert isinstance(verdict, Refusal)
    return verdict.code, verdict.msg


IOS = {
    "payload": {
        "title": "Hello",
        "text": "world",
        "loc-args": ["a", "b"],
        "data": {"any": {"depth": [1, 2]}},
        "badge": 3,
        "attachment": {"type": "image", "url": "https://example.com/a.png"},
        "interactive": {"template": "yes_no", "buttons": [{"id": "y", "action": {"url": "a://b"}}]},
    },
    "options": {"priority": "high", "expire": 3600},
}
ANDROID = {
    "payload": {
        "title": "Hello",
        "text": "world",
        "color": "#00fF7f",
        "badge": 3,
        "vibration": True,
        "interactive": {"buttons": [{"id": "y", "text": "Yes", "handling": "foreground"}]},
    }
}


@pytest.mark.parametrize(
    "message",
    [
        {"ios": IOS},
        {"ios": {"payload": {"data": {"hidden": True}}}},
        {"ios": {"payload": {"loc-key": "GREETING"}}},
        {"android": ANDROID},
        {"ios": IOS, "android": ANDROID},
        {"uwp": {"toast": {"scenario": "alarm", "text": "Wake up"}, "options": {"ttl": 5}}},
        {"uwp": {"badge": {"value": 5}}},
        {"win": {"toast": {"title": "Hello", "text": "world"}}},
        {"win": {"raw": {"anything": 1}}},
    ],
)
def test_a_documented_message_is_accepted(message: dict[str, Any]) -> None:
    verdict = judged(push(ios=None) | message)

    assert isinstance(verdict, Push)
    assert verdict.platforms == tuple(message)


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ({"ios": {}}, 4, "ios.payload"),
        ({"ios": []}, 30, "ios"),
        ({"ios": {"payload": {"badge": 1}}}, 4, "ios.payload.text"),
        ({"ios": {"payload": {"text": 5}}}, 30, "ios.payload.text"),
        ({"ios": {"payload": {"text": None}}}, 30, "ios.payload.text"),
        ({"ios": {"payload": {"text": "a", "loc-args": [1]}}}, 30, "ios.payload.loc-args[0]"),
        ({"ios": {"payload": {"text": "a", "badge": True}}}, 30, "ios.payload.badge"),
        ({"ios": {"payload": {"text": "a", "colour": "red"}}}, 29, "ios.payload.colour"),
        ({"ios": {"payload": {"text": "a"}, "extra": {}}}, 29, "ios.extra"),
        ({"android": {"payload": {"color": "red"}}}, 30, "android.payload.color"),
        ({"android": {"payload": {"badge": 1.5}}}, 30, "android.payload.badge"),
        ({"win": {}}, 4, "win.toast"),
        ({"win": {"toast": {"title": "Hello"}}}, 4, "win.toast.text"),
        ({"win": {"toast": {"title": "a", "text": "b"}, "raw": {}}}, 29, "win.raw"),
        ({"uwp": {"toast": {"scenario": "party"}}}, 28, "uwp.toast.scenario"),
        ({"uwp": {"toast": "Hello"}}, 30, "uwp.toast"),
    ],
)
def test_a_wrong_message_is_refused_with_the_name_of_the_field(
    message: dict[str, Any], code: int, field: str
) -> None:
    found, words = refused(push(ios=None) | message)

    assert (found, field in words) == (code, True), words


@pytest.mark.parametrize(
    ("audience", "code", "field"),
    [
        ("everybody", 30, "audience"),
        (["anna"], 30, "audience[0]"),
        ([{"token": "a"}, {"token": 5}], 30, "audience[1].token"),
        ([{"token": None}], 30, "audience[0].token"),
        ([{"devtodevId": "12"}], 30, "audience[0].devtodevId"),
        ([{"devtodevId": True}], 30, "audience[0].devtodevId"),
        ([{"token": "a", "name": "Anna"}], 29, "audience[0].name"),
    ],
)
def test_a_wrong_audience_is_refused_with_the_place_of_the_member(
    audience: Any, code: int, field: str
) -> None:
    found, words = refused(push(audience=audience))

    assert (found, f"field {field}" in words) == (code, True), words


@pytest.mark.parametrize("name", ["user_token", "pack_id", "campaign_tag"])
def test_a_text_field_of_another_type_is_refused(name: str) -> None:
    code, _ = refused(push() | {name: ["no text"]})

    assert code == (11 if name == "user_token" else 30)


def test_of_several_things_that_are_wrong_the_first_is_named() -> None:
    wrong = {
        "user_token": "stolen",
        "app_id": "nowhere",
        "colour": "red",
        "campaign_tag": 7,
        "audience": [{"token": str(n)} for n in range(1001)],
        "ios": {"payload": {"text": "x" * 5000}},
    }
    right = push(campaign_tag="winback", colour=None)
    codes = []
    while wrong:
        codes.append(refused(right | wrong)[0])
        del wrong[next(iter(wrong))]

    assert codes == [11, 6, 29, 30, 27, 31]
    assert isinstance(judged(right), Push)


@pytest.mark.parametrize("body", [b"[]", b"7", b"{", b"\xff", b'{"a": NaN}'])
def test_a_body_that_is_no_json_object_is_malformed(body: bytes) -> None:
    verdict = read(body)

    assert isinstance(verdict, Refusal)
    assert verdict.code == 3


def test_a_long_value_is_quoted_in_part() -> None:
    _, words = refused(push(audience=[{"devtodevId": "9" * 500}]))

    assert len(words) < 250


NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("member", "platforms", "device"),
    [
        ({"token": "t"}, ["win"], "t"),
        ({"token": "t", "androidId": "a", "idfa": NOBODY}, ["ios"], "t"),
        ({"idfa": "a"}, ["ios"], b'{"idfa":"a"}'),
        ({"userId": "u", "idfa": "a"}, ["ios"], b'{"idfa":"a","userId":"u"}'),
        ({"devtodevId": 5}, ["uwp"], b'{"devtodevId":5}'),
        ({"idfa": "a"}, ["android"], None),
        ({"idfa": "a", "userId": "u"}, ["android"], b'{"idfa":"a","userId":"u"}'),
        ({"androidId": "a"}, ["ios", "android"], b'{"androidId":"a"}'),
        ({"androidId": "a"}, ["uwp", "win"], None),
        ({"serialId": "s"}, ["ios"], None),
        ({"idfa": NOBODY}, ["ios"], None),
        ({"advertisingId": NOBODY, "userId": "u"}, ["win"], b'{"userId":"u"}'),
        ({"userId": ""}, ["ios"], None),
        ({"token": "", "idfa": "a"}, ["ios"], b'{"idfa":"a"}'),
        ({}, ["ios"], None),
    ],
)
def test_a_member_is_the_device_of_its_identifiers(
    member: dict[str, Any], platforms: list[str], device: str | bytes | None
) -> None:
    assert devices([member], platforms) == [device]
    # The same among members of every other kind, where no shortcut is taken.
    crowd = [{"token": "t"}, member, {"idfa": NOBODY}, {"androidId": "a"}]
    assert devices(crowd, platforms)[1] == device


@pytest.mark.parametrize(
    ("quotes", "said"),
    [
        (True, 'audience[1].userId. Received value: "bob". Expected: a valid identifier'),
        (False, "audience. Received value: (a user). Expected: valid users"),
    ],
)
def test_a_poisoned_user_is_told_where_the_refusal_quotes_them(quotes: bool, said: str) -> None:
    audience: list[dict[str, Any]] = [{"token": "bob"}, {"userId": "bob", "devtodevId": 7}]
    (found,) = poison(audience, frozenset({("userId", "bob")}), quotes=quotes)
    assert (found.code, found.msg) == (30, f"Invalid value for field {said}")
