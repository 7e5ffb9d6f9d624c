"""The outbox: an event with each change of state, in order, for one worker at a time."""

import json
from datetime import timedelta
from typing import Any

import pytest

from dispatcher.books import fence, outbox, transitions, upkeep
from dispatcher.books.outbox import Delivery
from dispatcher.books.upkeep import Duty
from dispatcher.errors import ImpossibleInState, OptionError
from dispatcher.lifecycle import ChunkState
from tests.integration.builders import (
    ACCEPTED,
    NOBODY_FOUND,
    REFUSED,
    TERMS,
    Books,
    OneCampaign,
    raise_fence,
)
from tests.integration.racing import race
from tests.integration.test_canaries import BAD, GOOD, judged, with_canary

URL = "https://example.org/hook/of-somebody"
SECOND = timedelta(seconds=1)
LEASE = 30 * SECOND


def taken(books: Books, *busy: str, most: int = 8) -> list[Delivery]:
    found: list[Delivery] = books.do(outbox.take, busy, most=most, lease=LEASE)
    return found


def record(books: Books, delivery: Delivery, again_in: timedelta | None = None, **of: Any) -> None:
    told = {"delivered": False, "http_status": None, "error": None, **of}
    books.do(outbox.record, delivery, again_in=again_in, **told)


def events(campaign: OneCampaign) -> list[tuple[int, str]]:
    rows = campaign.books.do(outbox.read, campaign.id, None)
    return [(row.sequence, row.type.removeprefix("campaign.")) for row in reversed(rows)]


def test_each_change_of_state_is_an_event(books: Books) -> None:
    campaign = books.campaign(2, notify_url=URL, send_at=books.now() + SECOND)
    books.time_passes(SECOND)
    books.do(upkeep.fulfil, Duty.START, [campaign.id], TERMS)
    campaign.do(transitions.pause)
    campaign.do(transitions.pause)
    campaign.do(transitions.resume)
    campaign.attempt(ACCEPTED, 1)
    campaign.attempt(NOBODY_FOUND, 2)
    campaign.do(transitions.roll_up)
    campaign.do(transitions.retry, ChunkState.REJECTED)
    campaign.do(transitions.cancel)
    campaign.do(transitions.cancel)

    kinds = ("started", "paused", "resumed", "completed", "resumed", "cancelled")
    assert events(campaign) == list(enumerate(kinds, start=1))


def test_expiry_and_a_pause_of_its_own_are_events(books: Books) -> None:
    expiring = books.campaign(notify_url=URL)
    expiring.expire()
    refused = books.campaign(notify_url=URL, campaign_tag="winback")
    refused.attempt(REFUSED)

    assert events(expiring) == [(1, "expired")]
    written = books.value("SELECT body FROM webhook WHERE campaign_id = :id", id=refused.id)
    body = json.loads(written)
    assert list(body) == ["type", "timestamp", "data"]
    assert body["type"] == "campaign.paused"
    assert body["timestamp"].endswith("Z")
    members = body["data"].pop("members")
    assert body["data"] == {
        "id": str(refused.id),
        "sequence": 1,
        "state": "paused",
        "reason": "The Push API refused it: Wrong user token *** (HTTP 401, code 11).",
        "campaign_tag": "winback",
    }
    assert members["total"] == sum(members.values()) - members["total"] == 10


def test_a_canary_s_verdict_is_an_event(books: Books) -> None:
    failing, passing = (with_canary(books).set(notify_url=URL) for _ in range(2))
    failing.attempts_each(BAD, range(1, 4))
    assert judged(failing) == ("paused", "failed")
    failing.do(transitions.accept_canary, None)
    passing.attempts_each(GOOD, range(1, 11))
    assert judged(passing) == ("running", "passed")

    assert events(failing) == [(1, "canary_failed"), (2, "paused"), (3, "resumed")]
    assert events(passing) == [(1, "canary_passed")]


def test_whoever_has_no_receiver_has_no_events(books: Books) -> None:
    campaign = books.campaign()
    campaign.do(transitions.pause)
    assert books.value("SELECT count(*) FROM webhook") == 0


def test_the_numbers_in_an_event_are_those_of_the_end(books: Books) -> None:
    campaign = books.campaign(2, notify_url=URL)
    campaign.attempt(ACCEPTED, 1)
    campaign.do(transitions.cancel)
    (delivery,) = taken(books)
    data = json.loads(delivery.body)["data"]
    assert (data["members"]["delivered"], data["members"]["cancelled"]) == (10, 10)
    assert data["members"]["remaining"] == 0


def test_a_later_event_waits_for_those_before_it(books: Books) -> None:
    campaign = books.campaign(notify_url=URL)
    campaign.do(transitions.pause)
    campaign.do(transitions.resume)

    (first,) = taken(books)
    assert (first.sequence, first.url, first.origin) == (1, URL, "https://example.org")
    assert taken(books) == []
    record(books, first, again_in=60 * SECOND, http_status=500)
    assert taken(books) == []
    books.time_passes(60 * SECOND)
    (again,) = taken(books)
    assert (again.sequence, again.attempt, again.id) == (1, 2, first.id)
    record(books, again, delivered=True, http_status=204)
    (second,) = taken(books)
    assert second.sequence == 2
    assert second.id != first.id


def test_what_is_given_up_holds_up_nothing_more(books: Books) -> None:
    campaign = books.campaign(notify_url=URL)
    campaign.do(transitions.pause)
    campaign.do(transitions.resume)
    (first,) = taken(books)
    record(books, first, error="no reply within 10 s")
    (second,) = taken(books)
    assert second.sequence == 2
    shown = books.do(outbox.read, campaign.id, None)[1]
    assert (shown.error, shown.due_at, shown.receiver) == (
        "no reply within 10 s",
        None,
        "https://example.org",
    )
    found = books.do(outbox.troubles)
    assert (found.waiting, found.late, found.given_up) == (1, 0, 1)
    assert found.oldest < 30 * SECOND
    books.time_passes(60 * SECOND)
    found = books.do(outbox.troubles)
    assert (found.waiting, found.late, found.given_up) == (1, 1, 1)
    assert found.oldest > 60 * SECOND


def test_one_of_a_receiver_is_taken_at_a_time_and_others_beside_it(books: Books) -> None:
    for url in (URL, f"{URL}/too", "https://another.example"):
        books.campaign(notify_url=url).do(transitions.pause)
    origins = {delivery.origin for delivery in taken(books)}
    assert origins == {"https://example.org", "https://another.example"}
    assert taken(books, "https://example.org") == []
    assert len(taken(books)) == 1


def test_what_is_due_for_longest_is_taken_first_whatever_its_receiver_is_called(
    books: Books,
) -> None:
    books.campaign(notify_url="https://z.example").do(transitions.pause)
    books.time_passes(SECOND)
    for number in range(4):
        books.campaign(notify_url=f"https://{number}.example").do(transitions.pause)
    assert [delivery.origin for delivery in taken(books, most=1)] == ["https://z.example"]
    assert [delivery.origin for delivery in taken(books, most=1)] == ["https://0.example"]


def test_two_workers_take_no_event_twice(books: Books) -> None:
    for number in range(6):
        books.campaign(notify_url=f"https://{number}.example").do(transitions.pause)
    results = race(*[lambda: taken(books)] * 4)
    keys = [(one.campaign_id, one.sequence) for some in results for one in some]
    assert len(keys) == len(set(keys))
    keys += [(one.campaign_id, one.sequence) for one in taken(books)]
    assert len(set(keys)) == 6


def test_what_a_dead_worker_took_is_taken_after_its_lease_and_its_record_is_too_late(
    books: Books,
) -> None:
    books.campaign(notify_url=URL).do(transitions.pause)
    (dead,) = taken(books)
    books.time_passes(LEASE)
    (heir,) = taken(books)
    record(books, dead, delivered=True, http_status=200)
    (shown,) = books.do(outbox.read, None, None)
    assert shown.delivered_at is None
    record(books, heir, delivered=True, http_status=200)
    assert books.do(outbox.read, None, None)[0].delivered_at is not None


def test_books_that_were_put_back_from_a_copy_tell_nobody(books: Books) -> None:
    books.campaign(notify_url=URL).do(transitions.pause)
    books.do(fence.begin)
    raise_fence(books, "they were restored")
    assert taken(books) == []
    books.do(fence.accept)
    assert len(taken(books)) == 1


def test_one_is_delivered_again_or_all_that_were_not(books: Books) -> None:
    campaign = books.campaign(notify_url=URL)
    campaign.do(transitions.pause)
    campaign.do(transitions.resume)
    (first,) = taken(books)
    record(books, first, delivered=True, http_status=200)
    (second,) = taken(books)
    record(books, second, http_status=410)

    assert campaign.do(outbox.redeliver, None) == 1
    (again,) = taken(books)
    assert (again.sequence, again.tried_for < SECOND) == (2, True)
    record(books, again, delivered=True, http_status=200)
    with pytest.raises(ImpossibleInState, match="no webhook that was not delivered"):
        campaign.do(outbox.redeliver, None)
    assert campaign.do(outbox.redeliver, 1) == 1
    assert [one.sequence for one in taken(books)] == [1]
    with pytest.raises(OptionError, match="no webhook 7: see `dispatcher webhook list`"):
        campaign.do(outbox.redeliver, 7)


def test_what_is_over_is_dropped_after_some_days_and_the_numbers_go_on(books: Books) -> None:
    campaign = books.campaign(notify_url=URL)
    campaign.do(transitions.pause)
    (first,) = taken(books)
    record(books, first, delivered=True, http_status=200)
    campaign.do(transitions.resume)
    books.time_passes(outbox.KEPT_FOR)
    books.do(outbox.prune)
    campaign.do(transitions.pause)
    assert events(campaign) == [(2, "resumed"), (3, "paused")]
