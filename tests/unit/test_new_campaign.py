"""What the page of a new campaign shows of a message, of columns, and of what will happen."""

import json
from typing import Any

import pytest

from console.orders import Order
from console.pages import sending
from console.pages.columns import columns_to_choose, first_of
from console.pages.editor import KINDS, fields_of
from console.pages.notifications import NAMES, previews, unshown
from dispatcher import Heading
from dispatcher.books.campaigns import Input
from dispatcher.message import check
from dispatcher.message.platforms import PLATFORMS
from dispatcher.verbs.rehearsing import CanaryMembers, Rehearsal

IOS = {"payload": {"title": "Hi", "text": "There", "badge": 3}}


def test_every_platform_of_the_vendor_s_has_a_name_and_fields() -> None:
    assert set(NAMES) == set(PLATFORMS) == set(KINDS)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_a_field_says_is_what_the_vendor_knows(platform: str) -> None:
    """No field puts anything where the vendor's lists have nothing, or another type."""
    values: dict[str, Any] = {"number": 3, "flag": True, "object": {"a": 1}}
    text: dict[str, Any] = {}
    for kind in (*KINDS[platform][0], *KINDS[platform][1]):
        *parents, last = kind.path
        at = text
        for key in parents:
            at = at.setdefault(key, {})
        color = "#FF8800" if last == "color" else "x"
        at[last] = kind.choices[0] if kind.choices else values.get(kind.form, color)
    assert check({platform: text}).warnings == ()
    (variant,) = fields_of({platform: text})
    shown = variant.platforms[0].usual + variant.platforms[0].further
    assert all(field.value for field in shown)
    assert all(json.loads(field.path)[0] == platform for field in shown)


def test_a_message_that_is_no_object_yet_has_no_fields() -> None:
    wrong: tuple[object, ...] = (None, [], "x", {"ios": 5}, {"variants": {"a": 5}})
    for message in wrong:
        for variant in fields_of(message):
            assert all(not field.value for each in variant.platforms for field in each.usual)


def test_a_notification_is_drawn_as_each_platform_shows_it() -> None:
    button = {"interactive": {"buttons": [{"id": "a", "text": "Play"}]}}
    message = {
        "ios": IOS,
        "android": {"payload": {"text": "There", "image": "https://x/y.png", **button}},
        "uwp": {"raw": {}},
        "win": {"toast": {"title": "Hi", "text": "There", "text2": "Now"}},
    }
    check(message)
    (only,) = previews(message)
    ios, android, uwp, win = only.notifications
    assert (ios.title, ios.text, ios.badge) == ("Hi", "There", "3")
    assert (android.picture, android.buttons) == ("https://x/y.png", ("Play",))
    assert (uwp.is_shown, uwp.note) == (False, "Raw data for the app: nothing is shown.")
    assert (win.platform_name, win.more) == ("Windows 8.1", "Now")


def test_what_is_hidden_or_in_the_app_s_own_words_says_so() -> None:
    hidden: dict[str, Any] = {"payload": {}}
    keyed = {"payload": {"loc-key": "GREETING"}}
    message = {"variants": {"a": {"ios": hidden}, "b": {"ios": keyed}}, "default": "b"}
    first, second = previews(message)
    assert "nothing is shown" in first.notifications[0].note
    assert second.notifications[0].text == "[GREETING]"
    assert (first.is_default, second.is_default, second.name) == (False, True, "b")


def test_a_column_is_open_until_somebody_says_what_it_is() -> None:
    headings = [
        Heading("userId", "userId", False, None, ("anna",)),
        Heading("tz", None, False, "zone", ("UTC",)),
        Heading("", None, True, None, ("0",)),
        Heading("x", None, False, None, ("1",)),
    ]
    found = columns_to_choose(headings, ["ios"], {"x": "idfa", "tz": "androidId"})
    assert [each.role for each in found] == ["userId", "", "-", "idfa"]
    assert [each.is_open for each in found] == [False, True, False, False]
    assert "androidId" not in found[0].choices


def test_of_many_variants_and_columns_a_page_shows_the_first() -> None:
    many = {"variants": {f"v{number}": {"ios": IOS} for number in range(5_000)}}
    few = {"variants": {"a": {"ios": IOS}, "b": {"ios": IOS}}}
    assert [each.name for each in fields_of(many)] == [f"v{number}" for number in range(20)]
    assert [each.name for each in previews(many)] == [f"v{number}" for number in range(20)]
    assert (unshown(many), unshown(few), unshown({"ios": IOS}), unshown([])) == (4_980, 0, 0, 0)
    headings = [Heading(f"c{number}", None, number < 900, None, ()) for number in range(1_000)]
    shown = first_of(columns_to_choose(headings, ["ios"], {}))
    assert [each.name for each in shown] == [f"c{number}" for number in range(900, 950)]
    chosen = {each.name: "-" for each in shown}
    following = first_of(columns_to_choose(headings, ["ios"], chosen))
    assert [each.name for each in following] == [f"c{number}" for number in range(950, 1_000)]
    assert len(first_of(columns_to_choose(headings[:3], ["ios"], {}))) == 3


def rehearsal(**more: Any) -> Rehearsal:
    nobody = Input(1_000, 0, 0, 0, 0, 0)
    said: dict[str, Any] = {
        "input": nobody,
        "total": 1_000,
        "requests": 1,
        "canary": None,
        "awaits_approval": False,
    }
    said |= {"largest_request_bytes": 1, "seconds_at_rate": None, "identifiers": {}}
    said |= {"variants": (), "zones": (), "samples": {}, "warnings": ()}
    return Rehearsal(**said | more)


def words(found: Rehearsal, **order: Any) -> str:
    given = {"app_id": "A", "message": {"ios": IOS}, "upload": "0"}
    return " ".join(sending.of(Order.model_validate({**given, **order}), found))


def test_whoever_sends_is_told_what_will_happen() -> None:
    assert "It begins at once" in words(rehearsal())
    assert "no rate is set" in words(rehearsal())
    assert "1 request: 20 s at the rate" in words(rehearsal(seconds_at_rate=20.0), rate=0.05)
    later = words(rehearsal(), send_at="2030-01-01T10:00+01:00", expires_at="2030-01-02T10:00Z")
    assert "It begins at 2030-01-01 10:00 +01:00." in later
    assert "never is" in later
    walls = words(rehearsal(), send_at="2030-01-01T10:00", zone_column="tz", if_late="skip")
    assert "on their own clock; where that has passed, they are skipped" in walls
    spread = words(rehearsal(), finish_by="2030-01-01T10:00Z", window=["mon 09:00-10:00 UTC"])
    assert "so that it ends by 2030-01-01 10:00 +00:00." in spread
    assert "New requests begin only mon 09:00-10:00 UTC." in spread
    few = words(rehearsal(canary=CanaryMembers(10, 1)), canary="1%", max_error_rate="10%")
    assert "10 go first" in few
    assert "more than 10% errors are proven" in few
    waiting = words(rehearsal(awaits_approval=True))
    assert "before a second person has approved it" in waiting
    assert "begins at once" not in waiting
    left_out = words(rehearsal(input=Input(1_003, 2, 0, 1, 0, 0)))
    assert "2 rows that cannot be sent to" in left_out
    assert "1 row for members on a list" in left_out
