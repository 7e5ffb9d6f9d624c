"""What holds a campaign, as `show` says it: one of the fixed words, a time, a sentence."""

from datetime import datetime, timedelta

from dispatcher.books import fleet, transitions
from dispatcher.lifecycle import FAILURES_BEFORE_HOLD, MOST_DOUBTS
from tests.integration.builders import (
    ACCEPTED,
    IN_DOUBT,
    NOT_SENT,
    REFUSED,
    THROTTLED,
    Books,
    OneCampaign,
)

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
