"""What holds a campaign, as `show` says it: one of the fixed words, a time, a sentence."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from dispatcher.books import audit, fence, fleet, transitions
from dispatcher.books.session import transaction
from dispatcher.lifecycle import FAILURES_BEFORE_HOLD, MOST_DOUBTS
from tests.integration.builders import (
    ACCEPTED,
    IN_DOUBT,
    LEASE,
    NOT_SENT,
    REFUSED,
    THROTTLED,
    WINDOW,
    Books,
    OneCampaign,
    raise_fence,
)
from tests.integration.test_windows import planned

SECOND = timedelta(seconds=1)


def held(campaign: OneCampaign) -> tuple[str, str] | None:
    """By what, and the sentence."""
    hold = campaign.shown().held
    return None if hold is None else (hold.by, hold.words)


def paused_at(campaign: OneCampaign) -> str:
    """When its newest pause was noted."""
    acts = campaign.books.rows(
        "SELECT at FROM act WHERE campaign_id = :id AND verb = 'pause'", id=campaign.id
    )
    moment: datetime = acts[-1].at
    return moment.isoformat(timespec="seconds")


def test_nothing_holds_what_runs_and_what_has_ended(books: Books) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = books.campaign(2)
    assert held(campaign) is None
    campaign.attempts_each(ACCEPTED, (1, 2))
    assert campaign.rolled_up().held is None


def test_without_a_worker_that_is_what_holds_it(books: Books) -> None:
    assert held(books.campaign()) == ("workers", "No worker is alive.")


def test_what_waits_for_its_time_and_what_is_paused(books: Books) -> None:
    begins = books.now() + 60 * SECOND
    scheduled = books.campaign(send_at=begins)
    hold = scheduled.shown().held
    assert hold is not None
    assert hold.as_json() == {
        "by": "schedule",
        "until": begins.isoformat(),
        "words": "Its time has not come.",
    }
    scheduled.do(transitions.pause)
    since = f"It is paused by itself since {paused_at(scheduled)}"
    assert held(scheduled) == ("paused", f"{since}.")
    books.run("DELETE FROM act")  # as of campaigns that were paused before acts were noted
    assert held(scheduled) == ("paused", "It is paused.")
    refused = books.campaign()
    refused.attempt(REFUSED)
    assert held(refused) == (
        "paused",
        f"It is paused by itself since {paused_at(refused)}: The Push API refused it: "
        "Wrong user token *** (HTTP 401, code 11).",
    )


def test_an_account_that_rests_holds_each_of_its_campaigns(books: Books) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign, other = books.campaign(), books.campaign()
    campaign.attempt(THROTTLED)
    assert held(other) == ("account", "Account default rests: the Push API asked to wait.")
    hold = other.shown().held
    assert hold is not None
    assert hold.until == books.account().hold_until


def test_an_api_that_cannot_be_reached_and_one_in_doubt_hold_differently(books: Books) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = books.campaign(20)
    books.account_is(failures=FAILURES_BEFORE_HOLD)
    campaign.attempt(NOT_SENT)
    assert held(campaign) == ("account", "Account default rests: the Push API cannot be reached.")
    books.account_is(failures=0, hold_until=None, hold_reason=None)
    campaign.attempts_each(IN_DOUBT, range(2, 2 + MOST_DOUBTS))
    campaign.due(2)
    words = (
        "Account default probes with one request at a time: "
        "the Push API does not say what becomes of requests."
    )
    assert held(campaign) == ("doubt", words)
    campaign.claimed(2)
    words = "Account default rests: the Push API does not say what becomes of requests."
    assert held(campaign) == ("doubt", words)


def test_an_account_in_doubt_with_nothing_left_to_ask_about_waits_for_its_next_probe(
    books: Books,
) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = books.campaign(20)
    campaign.attempts_each(IN_DOUBT, range(1, 1 + MOST_DOUBTS))
    campaign.set_chunks(*range(1, 11), state="unresolved", settled_at=books.now())
    hold = campaign.shown().held
    assert hold is not None
    assert (hold.by, hold.until) == ("doubt", books.account().fresh_from)


def test_a_rate_holds_until_the_next_place(books: Books) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = books.campaign(20, rate=0.1)
    assert held(campaign) is None
    campaign.attempt(ACCEPTED)
    assert held(campaign) == ("rate", "It waits for its place at 0.1 requests a second.")
    books.time_passes(10 * SECOND)
    books.do(fleet.seen, "w/1", 4)
    assert held(campaign) is None


BROKER = "The broker cannot be reached: Connection refused."


@pytest.mark.parametrize(
    ("silence", "by"),
    [(BROKER, "broker"), (f"{fleet.ELSEWHERE}celery, and not to dispatcher", "workers")],
)
def test_workers_that_take_no_message_hold_it_once_none_does(
    books: Books, silence: str, by: str
) -> None:
    for name in ("w/1", "w/2"):
        books.do(fleet.seen, name, 4)
    campaign = books.campaign()
    books.do(fleet.tell_silence, "w/1", silence)
    assert held(campaign) is None
    books.do(fleet.tell_silence, "w/2", silence)
    assert held(campaign) == (by, f"No worker takes messages: {silence.rstrip('.')}.")


def test_what_workers_do_not_get_to_is_told_though_they_live(books: Books) -> None:
    campaign = books.campaign()
    books.time_passes(timedelta(minutes=1))
    books.do(fleet.seen, "w/1", 4)
    assert held(campaign) == (
        "database",
        "It has been due for more than 15 s, and workers do not get to it: the database is behind, "
        "or a relay stands still; see `dispatcher doctor`.",
    )
    campaign.publish()
    assert held(campaign) is None


def test_books_that_were_put_back_hold_all_that_runs(books: Books) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = books.campaign()
    raise_fence(books, "they were restored from a dump")
    assert held(campaign) == (
        "database",
        "Its books were put back: they were restored from a dump. `dispatcher fence accept` shows "
        "what would be sent, and goes on.",
    )
    assert campaign.claim() is None
    assert planned(books) == []


def test_a_claim_finds_no_chunk_in_books_that_are_behind_what_its_worker_knows(
    books: Books,
) -> None:
    campaign = books.campaign()
    books.do(fence.beat)
    for beat, claimed in ((2, 0), (1, 1)):
        with transaction(books.engine) as connection:
            exchanged = transitions.exchange(
                connection,
                {},
                [(campaign.id, 1)],
                worker="w",
                lease=LEASE,
                window=WINDOW,
                beat=beat,
            )
        assert len(exchanged.claims) == claimed


THINGS: dict[str, Callable[[OneCampaign], object]] = {
    "paused": lambda it: it.do(transitions.pause),
    "schedule": lambda it: it.set(state="scheduled", send_at=it.books.now() + 60 * SECOND),
    "workers": lambda it: it.books.run("DELETE FROM worker"),
    "broker": lambda it: it.books.do(fleet.tell_silence, "w/1", BROKER),
    "window": lambda it: it.set(
        windows=["mon 00:00-24:00 UTC"],
        opens_at=it.books.now() + 60 * SECOND,
        closes_at=it.books.now() + 90 * SECOND,
    ),
    "account": lambda it: it.books.account_is(
        hold_until=it.books.now() + 60 * SECOND, hold_reason="the Push API asked to wait"
    ),
    "doubt": lambda it: it.books.account_is(doubts=MOST_DOUBTS, doubtful_since=it.books.now()),
    "canary": lambda it: it.set(
        awaits_verdict=True, canary_state="running", canary_members=10, max_error_rate=0.1
    ),
    "rate": lambda it: (it.set(rate=0.1), it.attempt(ACCEPTED)),
    "database": lambda it: raise_fence(it.books, "they were restored"),
}
"""Each thing that may hold a campaign, brought about."""


@pytest.mark.parametrize("by", THINGS)
def test_whatever_holds_it_show_and_explain_say_so_and_nothing_fresh_is_published(
    books: Books, by: str
) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = books.campaign(20)
    THINGS[by](campaign)
    hold = campaign.shown().held
    assert hold is not None
    assert hold.by == by
    assert hold.words.endswith(".")
    (first, *_) = campaign.do(audit.explain, WINDOW).waits_for
    assert first
    if by not in ("rate", "broker", "workers"):  # of these, whoever publishes need not know
        assert planned(books) == []
