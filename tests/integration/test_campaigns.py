"""Campaigns: made once a key, found by any beginning of their ids, and shown as promised."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dispatcher import Dispatcher, OptionError, Settings
from dispatcher.books import campaigns, fleet, making, sendable, transitions
from dispatcher.books.campaigns import Campaign
from dispatcher.books.making import NewCampaign
from dispatcher.books.session import transaction
from dispatcher.errors import AmbiguousCampaign, CampaignExists, CampaignNotFound
from dispatcher.lifecycle import CampaignState
from tests.integration.builders import (
    ACCEPTED,
    IN_DOUBT,
    NOBODY_FOUND,
    NOT_SENT,
    THROTTLED,
    Books,
    add_chunks,
    new_campaign,
)
from tests.integration.racing import race, waiting_for_a_lock

SECOND = timedelta(seconds=1)
FIRST = UUID("00c0ffee-0000-4000-8000-000000000001")
SECOND_ONE = UUID("00c0ffee-0000-4000-8000-000000000002")

# The document of `show --json`, as the interface fixes it.
KEYS = [
    *("id", "key", "app_id", "campaign_tag", "platforms", "account", "state", "reason"),
    *("created_at", "send_at", "expires_at", "started_at", "finished_at", "rate"),
    *("window", "finish_by", "planned_rate", "max_error_rate", "canary"),
    *("input", "members", "remaining", "result", "chunks", "errors", "throughput", "held"),
    *("variants", "differences", "test", "awaits_approval"),
]
PARTS = {
    "input": ["read", "invalid", "duplicates", "suppressed", "excluded", "absent"],
    "members": [
        *("total", "delivered", "uncounted", "rejected", "unresolved", "expired", "cancelled"),
        *("withheld", "remaining"),
    ],
    "remaining": ["pending", "sending", "in_doubt"],
    "result": ["audience", "successful", "erroneous"],
    "chunks": [
        *("total", "pending", "sending", "delivered", "uncounted", "rejected", "unresolved"),
        *("expired", "cancelled", "withheld"),
    ],
    "throughput": ["members_per_second", "requests_per_second", "eta_seconds"],
}


def produce(books: Books, new: NewCampaign) -> UUID:
    """The campaign that a producer gets: its own, or that of its key."""
    with transaction(books.engine) as connection:
        if making.create(connection, new) is None:
            return making.find_by_key(
                connection, new.key or "", lambda stored, _: stored == new.content_digest
            )
        add_chunks(connection, new.id, new.chunks)
    return new.id


def test_a_campaign_begins_at_once_unless_it_is_to_begin_later(books: Books) -> None:
    now = books.now()
    at_once = books.campaign()
    overdue = books.campaign(send_at=now - 60 * SECOND)
    later = books.campaign(send_at=now + 60 * SECOND)
    assert [one.shown().state for one in (at_once, overdue, later)] == [
        *("running", "running", "scheduled")
    ]
    assert (later.shown().started_at, later.shown().send_at) == (None, now + 60 * SECOND)
    assert at_once.shown().started_at == at_once.shown().created_at


def test_the_same_key_with_the_same_content_is_the_same_campaign(books: Books) -> None:
    first = produce(books, new_campaign(key="winback"))
    assert produce(books, new_campaign(key="winback")) == first
    assert produce(books, new_campaign(key="other")) != first
    assert produce(books, new_campaign()) != produce(books, new_campaign())


def test_the_same_key_with_another_content_is_refused_with_the_campaigns_id(books: Books) -> None:
    first = produce(books, new_campaign(key="winback"))
    with pytest.raises(CampaignExists, match=f"'winback' already stands for campaign {first}"):
        produce(books, new_campaign(key="winback", content_digest="another"))


def test_producers_that_race_with_one_key_make_one_campaign(books: Books) -> None:
    made = race(*[lambda: produce(books, new_campaign(3, key="winback"))] * 4)
    assert len(set(made)) == 1
    assert books.value("SELECT count(*) FROM campaign") == 1
    assert books.value("SELECT count(*) FROM chunk") == 3


@pytest.mark.parametrize("kept", [True, False])
def test_a_producer_waits_for_another_that_is_preparing_its_key(books: Books, kept: bool) -> None:
    first, second = new_campaign(key="winback"), new_campaign(key="winback")
    books.campaign()
    with books.engine.connect() as other:
        making.create(other, first)
        with waiting_for_a_lock(books.engine, lambda: produce(books, second)) as producing:
            add_chunks(other, first.id, 1)
            if kept:
                other.commit()
            else:
                other.rollback()
    assert producing.result() == (first.id if kept else second.id)


@pytest.mark.parametrize(
    "reference",
    [
        *(FIRST, str(FIRST), str(FIRST).upper(), FIRST.hex),
        *("00c0ffee-0000-4000-8000-0000-0000-0001", "0", "00C0FF", "00c0ffee-", "last"),
    ],
)
def test_a_campaign_is_found_by_its_id_any_beginning_of_it_and_last(
    books: Books, reference: str | UUID
) -> None:
    books.campaign(id=UUID("ff" * 16))
    books.campaign(id=FIRST)
    assert books.do(campaigns.resolve, reference) == FIRST


def test_an_ambiguous_beginning_is_refused(books: Books) -> None:
    for number in (FIRST, SECOND_ONE):
        books.campaign(id=number)
    with pytest.raises(AmbiguousCampaign, match=r"begin with 00c0ffee, 00c0ffee-.*give more of it"):
        books.do(campaigns.resolve, "00c0ffee")
    assert books.do(campaigns.resolve, str(SECOND_ONE)) == SECOND_ONE


@pytest.mark.parametrize(
    "reference",
    [
        *("", "-", "nonsense", "LAST", "last ", "00 c0", "%", "_", "0%", "' OR true --", "\0"),
        *(
            "00c0ffee'; DROP TABLE campaign",
            "\u0660",
            "1" * 33,
            str(FIRST) + "0",
            "{" + str(FIRST) + "}",
        ),
    ],
)
def test_what_is_no_id_is_not_found(books: Books, reference: str) -> None:
    books.campaign(id=FIRST)
    with pytest.raises(CampaignNotFound, match="is no campaign's id: see `dispatcher list`"):
        books.do(campaigns.resolve, reference)
    assert books.value("SELECT count(*) FROM campaign") == 1


def test_an_id_of_no_campaign_is_not_found(books: Books) -> None:
    for reference in (SECOND_ONE, str(SECOND_ONE), "01"):
        with pytest.raises(CampaignNotFound, match=f"No campaign has the id {reference}"):
            books.do(campaigns.resolve, reference)
    with pytest.raises(CampaignNotFound):
        books.do(campaigns.read, SECOND_ONE)


def test_the_last_of_no_campaigns_is_not_found(books: Books) -> None:
    with pytest.raises(CampaignNotFound, match="There is no campaign yet"):
        books.do(campaigns.resolve, "last")


def test_the_document_has_exactly_the_keys_of_the_interface_in_their_order(books: Books) -> None:
    campaign = books.campaign(2, rate=20.0, expires_at=books.now() + 60 * SECOND)
    campaign.attempt(NOBODY_FOUND)
    document = json.loads(json.dumps(campaign.rolled_up().as_json()))
    assert list(document) == KEYS
    assert {name: list(document[name]) for name in PARTS} == PARTS
    assert list(document["errors"][0]) == ["http_status", "code", "message", "chunks", "members"]
    assert document["id"] == str(campaign.id)
    assert document["platforms"] == ["ios"]
    assert datetime.fromisoformat(document["created_at"]).utcoffset() == timedelta(0)
    assert document["finished_at"] is None


def test_errors_are_counted_by_what_the_latest_attempts_came_to(books: Books) -> None:
    campaign = books.campaign(6)
    campaign.attempts_each(NOBODY_FOUND, (1, 2))
    campaign.attempts_each(IN_DOUBT, (3, 4))
    campaign.due(4)
    campaign.attempt(ACCEPTED, 4)
    campaign.attempt(THROTTLED, 5)
    counted = {
        (error.http_status, error.code, error.chunks, error.members)
        for error in campaign.shown().errors
    }
    assert counted == {(400, 33, 2, 20), (None, None, 1, 10), (429, None, 1, 10)}
    assert campaign.shown().errors[0].chunks == 2


def test_the_throughput_is_that_of_the_last_ten_seconds(books: Books) -> None:
    campaign = books.campaign(20)
    campaign.attempts_each(ACCEPTED, range(1, 6))
    books.time_passes(10 * SECOND)
    campaign.attempts_each(ACCEPTED, range(6, 10))
    campaign.attempt(NOT_SENT, 10)
    speed = campaign.rolled_up().throughput
    assert speed.members_per_second == pytest.approx(4.0)
    assert speed.requests_per_second == pytest.approx(0.5)
    assert speed.eta_seconds == pytest.approx(110 / 4)


def test_the_time_of_arrival_has_the_waiting_for_its_window_in_it(books: Books) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = books.campaign(20)
    campaign.attempts_each(ACCEPTED, range(1, 11))
    now = books.now()
    opens = (now + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    closes = opens + timedelta(hours=1)
    campaign.set(
        windows=[f"mon-sun {opens:%H:%M}-{closes:%H:%M} UTC"], opens_at=opens, closes_at=closes
    )
    books.run(
        "UPDATE attempt"
        " SET ended_at = now() - interval '60 s', started_at = now() - interval '80 s'"
    )

    shown = campaign.rolled_up()

    assert shown.held is not None
    assert (shown.held.by, shown.throughput.members_per_second) == ("window", 0)
    assert shown.throughput.eta_seconds == pytest.approx((opens - now).total_seconds() + 20, abs=10)


def test_a_campaign_for_later_arrives_as_its_rate_says(books: Books) -> None:
    begins = books.now() + timedelta(hours=1)
    throughput = books.campaign(20, rate=2, send_at=begins).shown().throughput
    assert throughput.eta_seconds == pytest.approx(3_600 + 10, abs=10)
    assert books.campaign(20, send_at=begins).shown().throughput.eta_seconds is None


def test_a_campaign_that_does_not_run_has_no_time_of_arrival(books: Books) -> None:
    campaign = books.campaign(2)
    campaign.attempt(ACCEPTED)
    campaign.do(transitions.pause)
    assert campaign.rolled_up().throughput.members_per_second > 0
    assert campaign.shown().throughput.eta_seconds is None
    campaign.do(transitions.cancel)
    assert campaign.shown().throughput.members_per_second == 0


def test_campaigns_are_listed_the_newest_first_and_by_state(books: Books) -> None:
    first, second, third = (books.campaign() for _ in range(3))
    second.do(transitions.pause)
    assert listed(books) == [str(one.id) for one in (third, second, first)]
    assert listed(books, CampaignState.PAUSED) == [str(second.id)]
    assert listed(books, CampaignState.EXPIRED) == []


def test_each_listed_campaign_has_its_own_errors(books: Books) -> None:
    clean, wrong = books.campaign(), books.campaign()
    wrong.attempt(NOBODY_FOUND)
    everything: tuple[Campaign, ...] = books.do(campaigns.read_page)
    assert {one.id: len(one.errors) for one in everything} == {str(clean.id): 0, str(wrong.id): 1}


def test_only_a_running_campaign_is_sendable(books: Books) -> None:
    campaign = books.campaign(rate=5.0, campaign_tag="winback")
    found = campaign.do(sendable.read)
    assert (found.id, found.rate, found.campaign_tag) == (campaign.id, 5.0, "winback")
    campaign.do(transitions.pause)
    assert campaign.do(sendable.read) is None
    assert books.do(sendable.read, SECOND_ONE) is None


def listed(books: Books, state: CampaignState | None = None, **which: Any) -> list[str]:
    found = books.do(campaigns.read_page, state=state, **which)
    return [campaign.id for campaign in found]


def test_pages_of_a_list_hold_every_campaign_once_though_several_were_made_at_one_moment(
    books: Books,
) -> None:
    every = {str(books.campaign(campaign_tag="a" if n % 2 else None).id) for n in range(12)}
    books.run("UPDATE campaign SET created_at = date_trunc('day', created_at)")
    pages: list[list[str]] = [listed(books, limit=5)]
    while pages[-1]:
        pages.append(listed(books, limit=5, before=UUID(pages[-1][-1])))
    assert [len(page) for page in pages] == [5, 5, 2, 0]
    assert {one for page in pages for one in page} == every


def test_campaigns_are_listed_by_tag_and_state_together(books: Books) -> None:
    tagged, paused = books.campaign(campaign_tag="winback"), books.campaign(campaign_tag="winback")
    books.campaign(campaign_tag="other").do(transitions.pause)
    paused.do(transitions.pause)
    assert listed(books, tag="winback") == [str(paused.id), str(tagged.id)]
    assert listed(books, CampaignState.PAUSED, tag="winback") == [str(paused.id)]
    assert listed(books, tag="win") == []
    assert listed(books, app_id="nowhere") == []
    assert str(paused.id) in listed(books, app_id=paused.shown().app_id)


@pytest.mark.parametrize("limit", [0, -1, True, 10**9])
def test_a_limit_that_is_none_is_refused(books: Books, limit: int) -> None:
    with pytest.raises(OptionError, match="give how many campaigns to list"):
        Dispatcher(Settings(home=Path("nowhere")), books.engine).list(limit=limit)
