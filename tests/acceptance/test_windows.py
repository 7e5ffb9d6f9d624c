"""Campaigns that begin only at certain hours."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.audiences import csv_of, reachable_tokens
from tests.acceptance.program import Program
from tests.sandbox_process import PushApi
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("house_worker")

ALWAYS = "mon-sun 00:00-24:00 UTC"


def hours(first: timedelta, last: timedelta) -> str:
    """A window of today's, so far from now, by the clock of UTC."""
    opens, closes = datetime.now(UTC) + first, datetime.now(UTC) + last
    return f"mon-sun {opens:%H:%M}-{closes:%H:%M} UTC"


def test_nothing_is_sent_outside_of_a_window_and_all_once_it_is_changed(
    house: Program, push_api: PushApi
) -> None:
    audience = csv_of(house, "window.csv", reachable_tokens("window", 3_000))
    later = hours(timedelta(hours=2), timedelta(hours=3))

    campaign = house.send(audience, "--window", later, "--window", later)

    def is_held() -> bool:
        return bool((house.ask("show", campaign["id"])["held"] or {}).get("by") == "window")

    eventually(is_held, within=20)
    shown = house.ask("show", campaign["id"])
    assert shown["window"] == [later, later]
    assert shown["members"]["remaining"] == 3_000
    assert shown["held"]["until"] > datetime.now(UTC).isoformat()
    assert push_api.requests() == []
    page = house.run("show", campaign["id"]).stdout
    assert f"It is outside its window: {later}" in page
    told = house.run("explain", campaign["id"]).stdout
    assert "its window until" in told

    changed = house.ask("window", campaign["id"], ALWAYS)
    assert changed["window"] == [ALWAYS]
    assert house.until(campaign, "completed")["members"]["delivered"] == 3_000
    assert push_api.ledger()["twice"] == 0


def test_a_window_that_is_lifted_lets_everything_begin(house: Program, push_api: PushApi) -> None:
    audience = csv_of(house, "lifted.csv", reachable_tokens("lifted", 1_000))
    campaign = house.send(audience, "--window", hours(timedelta(hours=2), timedelta(hours=3)))

    assert house.ask("window", campaign["id"], "none")["window"] == []

    assert house.until(campaign, "completed")["members"]["delivered"] == 1_000
    refused = house.run("window", campaign["id"], ALWAYS)
    assert (refused.status, refused.stdout) == (2, "")
    assert "it has no window any more" in refused.stderr


def test_a_window_that_closes_amid_a_campaign_holds_the_rest(
    house: Program, push_api: PushApi
) -> None:
    push_api.set_faults(latency=1)
    audience = csv_of(house, "closing.csv", reachable_tokens("closing", 60_000))
    campaign = house.send(audience, "--window", ALWAYS)
    eventually(lambda: len(push_api.requests()) > 4, within=20)

    with house.books() as books:
        books.window(campaign["id"], hours(timedelta(hours=2), timedelta(hours=3)))
    closed_at = datetime.now(UTC).timestamp()

    eventually(lambda: house.ask("show", campaign["id"])["chunks"]["sending"] == 0, within=20)
    assert max(request["wall"] for request in push_api.requests()) < closed_at + 0.3
    held = house.ask("show", campaign["id"])
    assert held["held"]["by"] == "window"
    assert held["chunks"]["pending"] > 0
    house.ask("window", campaign["id"], ALWAYS)
    push_api.set_faults(latency=0)
    assert house.until(campaign, "completed")["members"]["delivered"] == 60_000


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        (("mon-fri 09:00-21:00",), "It has no time zone."),
        (("none", ALWAYS), "The window 'none' is none"),
    ],
)
def test_a_wrong_window_changes_nothing(
    house: Program, windows: tuple[str, ...], words: str
) -> None:
    audience = csv_of(house, "kept.csv", reachable_tokens("kept", 1))
    later = hours(timedelta(hours=2), timedelta(hours=3))
    campaign = house.send(audience, "--window", later)

    refused = house.run("window", campaign["id"], *windows)

    assert (refused.status, refused.stdout) == (2, "")
    assert words in refused.stderr
    assert house.ask("show", campaign["id"])["window"] == [later]
    house.ask("cancel", campaign["id"])
