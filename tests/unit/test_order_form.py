"""What a page's form stands for: the order that the HTTP API takes, or what is wrong and where."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.orders import Order
from console.pages.order_form import (
    Form,
    FormError,
    audience_of_form,
    field_named_in,
    members_of,
    order_of,
)

MESSAGE = {"ios": {"payload": {"text": "Hello"}}}
LEAST = {"app_id": "A", "upload": "0" * 32}


def ordered(**fields: str) -> dict[str, Any]:
    order = order_of(Form({**LEAST, **fields}), MESSAGE)
    Order.model_validate(order)
    return order


def test_what_is_left_empty_is_not_in_the_order() -> None:
    empty = dict.fromkeys(("rate", "canary", "window", "send_at", "absent", "campaign_tag"), " ")
    assert ordered(**empty, when="now") == {**LEAST, "message": MESSAGE}


def test_a_form_of_everything_is_an_order_of_everything() -> None:
    mapping = {"customer": "userId", "mail": "-", "lang": "variant", "tz": "", "n": "zone"}
    order = ordered(
        mapping=json.dumps(mapping),
        when="local",
        send_at="2030-01-02T10:00",
        if_late="skip",
        zone="Europe/Berlin",
        expires_at="2030-01-03T10:00",
        rate="0.5",
        canary="1%",
        max_error_rate="10%",
        window="mon-fri 09:00-21:00 local\n\n sat 10:00-12:00 UTC ",
        exclude="last, 3f2a",
        skip_invalid="on",
        suppress="userId=anna\nuserId=boris token=b",
        absent="none",
    )
    assert order["columns"] == {"customer": "userId"}
    assert (order["variant_column"], order["zone_column"]) == ("lang", "n")
    assert order["ignore_columns"] == ["mail"]
    assert (order["send_at"], order["if_late"]) == ("2030-01-02T10:00:00", "skip")
    assert order["expires_at"] == "2030-01-03T10:00:00+01:00"
    assert order["window"] == ["mon-fri 09:00-21:00 local", "sat 10:00-12:00 UTC"]
    assert (order["exclude"], order["on_invalid"]) == (["last", "3f2a"], "skip")
    assert order["suppress"] == [{"userId": "anna"}, {"userId": "boris", "token": "b"}]
    assert (order["rate"], order["canary"]) == (0.5, "1%")


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"rate": "fast"}, "rate", "is no number: give requests a second"),
        ({"rate": "nan"}, "rate", "is no number: give requests a second"),
        ({"when": "at"}, "send_at", "Say when it begins"),
        ({"when": "local"}, "send_at", "on each member's own clock"),
        ({"when": "at", "send_at": "soon", "zone": "UTC"}, "send_at", "no time of a clock"),
        ({"finish_by": "2030-01-01T10:00Z", "zone": "UTC"}, "finish_by", "no time of a clock"),
        ({"finish_by": "2030-01-01T10:00", "zone": "Mars"}, "zone", "no time zone 'Mars'"),
        ({"finish_by": "2030-01-01T10:00", "zone": "../UTC"}, "zone", "There is no time zone"),
        ({"finish_by": "2030-01-01T10:00", "zone": ""}, "zone", "There is no time zone"),
        (
            {"when": "at", "send_at": "2030-03-31T02:30", "zone": "Europe/Berlin"},
            "send_at",
            "No clock in Europe/Berlin ever shows this time",
        ),
        ({"expires_at": "9999-12-31T23:00", "zone": "Etc/GMT+12"}, "expires_at", "too far away"),
        ({"mapping": "{"}, "mapping", "cannot be read"),
        ({"mapping": '{"a": 1}'}, "mapping", "cannot be read"),
        ({"mapping": '{"a": "zone", "b": "zone"}'}, "mapping", "Two columns tell the zone"),
        ({"suppress": "userId=a\nanna"}, "suppress", "Line 2 names nobody"),
    ],
)
def test_what_stands_for_nothing_is_told_with_its_field(
    fields: dict[str, str], field: str, words: str
) -> None:
    with pytest.raises(FormError, match=words) as caught:
        ordered(**fields)
    assert caught.value.field == field


def test_who_stands_in_a_line_is_not_repeated() -> None:
    with pytest.raises(FormError) as caught:
        members_of("test_to", ["boris@example.org"])
    assert "boris" not in str(caught.value)


def test_rows_are_read_whatever_time_and_rate_are_wrong() -> None:
    form = Form({**LEAST, "rate": "fast", "when": "at", "mapping": '{"tz": "zone"}'})
    order = Order.model_validate(audience_of_form(form, MESSAGE))
    assert (order.rate, order.zone_column, order.on_invalid) == (None, "tz", "skip")


@pytest.mark.parametrize(
    ("sentence", "field"),
    [
        ("rate is 0: give between 0.001 and 1000000 requests a second.", "rate"),
        ("finish_by is not after send_at: the campaign could send nothing.", "finish_by"),
        ("There is no column 'x' to be named (--variant-column): found were 'a'.", "mapping"),
        ("The split gives 'a' two weights: keep one.", "split"),
        ("If it is at noon, nothing is named.", None),
        ("upload: there is none with this id (any more).", "upload"),
    ],
)
def test_the_field_that_an_error_names_is_found(sentence: str, field: str | None) -> None:
    assert field_named_in(sentence) == field


def told(fields: dict[str, str]) -> str | None:
    """What is said against these fields."""
    try:
        order_of(Form(fields), MESSAGE)
    except FormError as error:
        return str(error)
    return None


NAMES = st.sampled_from(
    [
        *LEAST,
        "when",
        "send_at",
        "zone",
        "finish_by",
        "rate",
        "window",
        "mapping",
        "suppress",
        "split",
    ]
)
VALUES = st.sampled_from(
    ["at", "local", "2030-03-31T02:30", "0001-01-01T00:00", "Europe/Berlin", "UTC", "9" * 400, "[]"]
)


@given(st.dictionaries(NAMES | st.text(max_size=20), VALUES | st.text(max_size=30)))
def test_whatever_a_browser_sends_is_an_order_or_told(fields: dict[str, str]) -> None:
    assert (told(fields) or ".").endswith(".")
