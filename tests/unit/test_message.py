"""What a message may be, and what is said about one that may not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.errors import MessageError
from dispatcher.message import check, parse

IOS = {"ios": {"payload": {"text": "Hello"}}}
TOAST = {"title": "Hello", "text": "there"}


def refusal(value: object) -> str:
    with pytest.raises(MessageError) as caught:
        check(value)
    return str(caught.value)


def refusal_of_text(text: str | bytes) -> str:
    with pytest.raises(MessageError) as caught:
        parse(text, "hello.json")
    return str(caught.value)


def test_a_message_is_encoded_once_and_compactly() -> None:
    message = check({"android": {"payload": {"title": "Привет"}}, **IOS})
    assert message.platforms == ("ios", "android")
    assert message.json == (
        '{"ios":{"payload":{"text":"Hello"}},"android":{"payload":{"title":"Привет"}}}'
    )
    assert message.warnings == ()


def test_the_canonical_text_does_not_depend_on_the_order_of_keys() -> None:
    one = check({"ios": {"payload": {"text": "Hello", "badge": 1}}})
    other = check({"ios": {"payload": {"badge": 1, "text": "Hello"}}})
    assert one.json != other.json
    assert one.canonical == other.canonical


def test_everything_that_the_reference_lists_goes_through_without_a_warning() -> None:
    message = check(
        {
            "ios": {
                "payload": {
                    "title": "a",
                    "text": "b",
                    "title-loc-key": "c",
                    "title-loc-args": ["d"],
                    "action-loc-key": "e",
                    "loc-key": "f",
                    "loc-args": ["g"],
                    "launch-image": "h",
                    "data": {"any": [1, None, True, {"deep": 1.5}]},
                    "badge": 3,
                    "sound": "i",
                    "attachment": {"type": "image", "url": "https://example.com/a.png"},
                    "action": {"url": "app://x"},
                    "interactive": {"template": "t", "buttons": [{"id": "1", "action": {}}]},
                },
                "options": {"priority": "high", "expire": 36000},
            },
            "android": {
                "payload": {
                    "title": "a",
                    "text": "b",
                    "data": {},
                    "small_icon": "c",
                    "color": "#fF8800",
                    "icon": "d",
                    "image": "https://example.com/a.png",
                    "sound": "e",
                    "badge": 3,
                    "vibration": True,
                    "led_color": "f",
                    "action": {"url": "app://x"},
                    "interactive": {
                        "buttons": [{"id": "1", "text": "Go", "handling": "g", "action": {}}]
                    },
                }
            },
            "win": {"toast": {**TOAST, "text2": "c", "data": {}}},
            "uwp": {"toast": {"scenario": "reminder", **TOAST}, "options": {}},
        }
    )
    assert message.platforms == ("ios", "android", "win", "uwp")
    assert message.warnings == ()


def test_an_unknown_key_inside_a_platform_object_only_warns() -> None:
    message = check({"ios": {"payload": {"text": "Hello", "subtitle": "x"}, "extra": 1}})
    assert message.warnings == (
        "ios.payload.subtitle is not in the Push API's published lists.",
        "ios.extra is not in the Push API's published lists.",
    )
    assert '"subtitle":"x"' in message.json


def test_an_ios_push_without_a_text_warns_as_it_may_be_hidden() -> None:
    assert check({"ios": {"payload": {"data": {}}}}).warnings == (
        "ios.payload.text is missing: the Push API requires it unless it is hidden.",
    )


@pytest.mark.parametrize("form", ["toast", "raw", "tile", "badge"])
@pytest.mark.parametrize("platform", ["win", "uwp"])
def test_each_windows_form_is_allowed_alone(platform: str, form: str) -> None:
    assert check({platform: {form: dict(TOAST)}}).platforms == (platform,)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ([], "The message must be an object of platforms, not an array."),
        ("Hello", "The message must be an object of platforms, not a text."),
        (None, "The message must be an object of platforms, not null."),
        ({}, "The message has no platform: give it one or several of ios, android, win and uwp."),
        (
            {"payload": {"text": "x"}},
            "The message's key 'payload' is no platform; known are ios, android, win and uwp.",
        ),
        ({"ios": "Hello"}, "ios must be an object, not a text."),
        ({"ios": {}}, "ios.payload is missing, and the Push API requires it."),
        ({"android": {}}, "android.payload is missing, and the Push API requires it."),
        ({"ios": {"payload": []}}, "ios.payload must be an object, not an array."),
        (
            {"ios": {"payload": {"badge": "3"}}},
            "ios.payload.badge must be a number, not a text.",
        ),
        (
            {"ios": {"payload": {"badge": True}}},
            "ios.payload.badge must be a number, not true or false.",
        ),
        ({"ios": {"payload": {"text": None}}}, "ios.payload.text must be a text, not null."),
        (
            {"ios": {"payload": {"loc-args": "x"}}},
            "ios.payload.loc-args must be an array, not a text.",
        ),
        (
            {"ios": {"payload": {"data": [1]}}},
            "ios.payload.data must be an object, not an array.",
        ),
        (
            {"ios": {"payload": {"interactive": {"buttons": [{"id": "1"}, {"id": 2}]}}}},
            "ios.payload.interactive.buttons[1].id must be a text, not a number.",
        ),
        (
            {"ios": {"payload": {"interactive": {"buttons": {}}}}},
            "ios.payload.interactive.buttons must be an array, not an object.",
        ),
        (
            {"ios": {"payload": {}, "options": {"priority": "urgent"}}},
            'ios.options.priority must be one of "normal", "high", not "urgent".',
        ),
        (
            {"ios": {"payload": {}, "options": {"expire": "1h"}}},
            "ios.options.expire must be a number, not a text.",
        ),
        (
            {"android": {"payload": {"color": "red"}}},
            'android.payload.color must be a color like "#FF8800", not "red".',
        ),
        (
            {"android": {"payload": {"badge": 1.5}}},
            "android.payload.badge must be a whole number, not 1.5.",
        ),
        (
            {"android": {"payload": {"vibration": 1}}},
            "android.payload.vibration must be true or false, not a number.",
        ),
        (
            {"uwp": {"toast": {}, "raw": {}}},
            "uwp must hold exactly one of toast, raw, tile and badge, not toast and raw.",
        ),
        (
            {"win": {"options": {}}},
            "win must hold exactly one of toast, raw, tile and badge, not none of them.",
        ),
        ({"uwp": {"tile": "x"}}, "uwp.tile must be an object, not a text."),
        (
            {"uwp": {"toast": {"scenario": "party"}}},
            'uwp.toast.scenario must be one of "default", "alarm", "reminder", "incomingCall", '
            'not "party".',
        ),
        (
            {"win": {"toast": {"title": "x"}}},
            "win.toast.text is missing, and the Push API requires it.",
        ),
        (
            {"ios": {"payload": {"text": "a\0b"}}},
            "ios.payload.text holds a NUL character: remove it.",
        ),
        (
            {"ios": {"payload": {"text": "\ud83d"}}},
            "ios.payload.text holds half of a surrogate pair, which UTF-8 cannot hold: remove it.",
        ),
        (
            {"ios": {"payload": {"data": {"x": [float("nan")]}}}},
            "ios.payload.data.x[0] is nan, which JSON does not have.",
        ),
        (
            {"ios": {"payload": {"data": {"x": {1, 2}}}}},
            "ios.payload.data.x is a set, which JSON does not have.",
        ),
        (
            {"ios": {"payload": {"data": {5: "x"}}}},
            "ios.payload.data has the key 5, which is not a text.",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(message: object, expected: str) -> None:
    assert refusal(message) == expected


def test_a_message_that_is_nested_too_deeply_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"x": deep}
    assert "nested deeper than 100 levels" in refusal({"ios": {"payload": {"data": deep}}})
    text = '{"ios":' * 100_000
    assert refusal_of_text(text) == "hello.json is nested too deeply to be a message."


def test_a_text_is_read_and_checked() -> None:
    assert parse(json.dumps(IOS), "hello.json") == check(IOS)
    assert parse(b"\xef\xbb\xbf" + json.dumps(IOS).encode(), "hello.json") == check(IOS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"ios": {\n  "payload": }',
            "hello.json is not JSON: Expecting value at line 2, column 14.",
        ),
        ("", "hello.json is not JSON: Expecting value at line 1, column 1."),
        (b'{"ios":\n "\xff"}', "hello.json is not UTF-8 at line 2: save it as UTF-8."),
        (
            '{"ios": {"payload": {"text": "a", "text": "b"}}}',
            "hello.json holds the key 'text' twice in one object.",
        ),
        (
            '{"ios": {"payload": {"badge": NaN}}}',
            "hello.json holds NaN, which is not JSON.",
        ),
        (
            '{"ios": {"payload": {"data": {"x": 1e999}}}}',
            "hello.json: ios.payload.data.x is inf, which JSON does not have.",
        ),
        ('{"ios": {"payload": "x"}}', "hello.json: ios.payload must be an object, not a text."),
    ],
)
def test_a_broken_text_is_named_with_its_line(text: str | bytes, expected: str) -> None:
    assert refusal_of_text(text) == expected


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    text = '{"ios": {"payload": {"badge": ' + "9" * 5000 + "}}}"
    assert refusal_of_text(text).startswith("hello.json holds a number that cannot be read")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_any_data_either_survives_as_it_is_or_is_refused(data: object) -> None:
    message = {"ios": {"payload": {"text": "x", "data": {"value": data}}}}
    try:
        checked = check(message)
    except MessageError:
        return
    checked.json.encode()
    assert json.loads(checked.json) == message
    assert json.loads(checked.canonical) == message


@given(json_values)
def test_no_value_is_met_with_anything_but_a_message_error(value: object) -> None:
    for candidate in (value, {"ios": value}, {"uwp": {"toast": value}}):
        try:
            check(candidate)
        except MessageError as error:
            assert str(error).endswith(".")  # noqa: PT017 - most values are refused, some are not


def test_a_message_of_megabytes_is_refused_in_a_sentence() -> None:
    value = {"ios": {"payload": {"text": "x" * 20_000_000}}}
    words = "takes more than 1,000,000 bytes, and would go into every request"
    with pytest.raises(MessageError, match=f"^m.json {words}"):
        parse(json.dumps(value), "m.json")
    with pytest.raises(MessageError, match=f"^The message {words}"):
        check(value)


def variants(*names: str, **more: Any) -> dict[str, Any]:
    return {"variants": dict.fromkeys(names, IOS), **more}


def test_several_texts_have_names_and_a_default() -> None:
    message = check(variants("en", "de", default="en"))
    assert [variant.name for variant in message.variants] == ["en", "de"]
    assert {variant.json for variant in message.variants} == {check(IOS).json}
    assert (message.platforms, message.default) == (("ios",), "en")
    assert check(variants("de", "en", default="en")).canonical == message.canonical
    assert check(variants("en", "de")).canonical != message.canonical


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (variants(), "The message's variants must be an object"),
        ({"variants": ["en"]}, "The message's variants must be an object"),
        ({"variants": {"en": "Hello"}}, "Variant 'en' must be an object of platforms, not a text"),
        ({"variants": {"en": {}}}, "Variant 'en': The message has no platform"),
        (
            {"variants": {"en": {"ios": {"payload": {"text": 1}}}}},
            "Variant 'en': ios.payload.text must be a text, not a number",
        ),
        (
            {"variants": {"en": IOS, "de": {"win": {"toast": TOAST}, **IOS}}},
            "Variant 'en' has no win, which variant 'de' has",
        ),
        (variants("en", default="fr"), "default 'fr' is none of its variants, en."),
        (variants("en", default=None) | IOS, "The message's key 'ios' stands beside its variants"),
        (variants(" en"), "The variant's name ' en' must be one line without blanks around it"),
        (variants("e" * 101), "is longer than 100 characters"),
        (variants(*map(str, range(101))), "has 101 variants: give 100 at most"),
    ],
)
def test_what_is_wrong_with_several_texts_names_the_variant(value: object, words: str) -> None:
    assert words in refusal(value)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"ios": {"payload": {"badge": "3"}}}, "ios.payload.badge"),
        ({"ios": {"payload": {"data": {"x": [{1}]}}}}, "ios.payload.data.x[0]"),
        ({"win": {"toast": {"title": "x"}}}, "win.toast.text"),
        ({"phone": {}}, "phone"),
        ({}, ""),
        (variants("en", default="fr"), "default"),
        (variants(" en"), "variants. en"),
        ({"variants": {"en": {"ios": {}}}}, "variants.en.ios.payload"),
        (
            {"variants": {"en": {"ios": {"payload": {"text": "\0"}}}}},
            "variants.en.ios.payload.text",
        ),
        ({"variants": {"en": IOS, "de": {"uwp": {"raw": {}}}}}, "variants.en"),
    ],
)
def test_the_place_that_is_wrong_stands_by_itself_too(value: object, place: str) -> None:
    with pytest.raises(MessageError) as caught:
        check(value)
    assert caught.value.place == place


def test_warnings_name_the_variant() -> None:
    odd = {"ios": {"payload": {"text": "Hello", "colour": "red"}}}
    (warning,) = check({"variants": {"en": IOS, "de": odd}}).warnings
    assert warning.startswith("Variant 'de': ios.payload.colour is not in")
