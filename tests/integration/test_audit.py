"""`verify` names what is wrong with the books, and `explain` what a campaign waits for."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from dispatcher.books import audit, fleet
from dispatcher.books.audit import Explanation, Verdict
from dispatcher.books.session import snapshot, transaction
from dispatcher.books.transitions import expire, pause
from dispatcher.lifecycle import CampaignState
from tests.integration.builders import (
    ACCEPTED,
    ALREADY_SENT,
    IN_DOUBT,
    NOBODY_FOUND,
    REFUSED,
    SIZE,
    THROTTLED,
    WINDOW,
    Books,
    OneCampaign,
)

WHOLE_WINDOW = timedelta(seconds=600)


def with_members(campaign: OneCampaign, chunks: int) -> OneCampaign:
    """Give each chunk the members that its size promises."""
    for sequence in range(1, chunks + 1):
        members = [{"token": f"{sequence}-{place}"} for place in range(SIZE)]
        campaign.set_chunks(sequence, members=json.dumps(members))
    return campaign


def verdict(campaign: OneCampaign) -> Verdict:
    with snapshot(campaign.books.engine) as connection:
        return audit.verify(connection, campaign.id, WHOLE_WINDOW)


def explanation(campaign: OneCampaign) -> Explanation:
    explained: Explanation = campaign.do(audit.explain, WINDOW)
    return explained


@pytest.fixture
def ended(books: Books) -> OneCampaign:
    """A completed campaign: one chunk delivered, one after a doubt, one uncounted, one rejected."""
    campaign = with_members(books.campaign(chunks=4), 4)
    campaign.attempt(ACCEPTED, 1)
    campaign.in_doubt(2, 3)
    campaign.attempt(ACCEPTED, 2)
    campaign.attempt(ALREADY_SENT, 3)
    campaign.attempt(NOBODY_FOUND, 4)
    assert campaign.rolled_up().state == CampaignState.COMPLETED
    return campaign


def test_the_books_of_an_ended_campaign_are_sound(ended: OneCampaign) -> None:
    found = verdict(ended)
    assert found.findings == ()
    assert len(found.checked) == 17
    assert found.as_json()["sound"] is True


def test_the_books_of_a_campaign_under_way_are_sound(books: Books) -> None:
    campaign = with_members(books.campaign(chunks=3), 3)
    campaign.attempt(THROTTLED, 1)
    books.account_is(hold_until=None)
    campaign.claimed(2)
    assert verdict(campaign).findings == ()


Damage = Callable[[OneCampaign], None]


def run(statement: str) -> Damage:
    return lambda campaign: campaign.books.run(statement, id=campaign.id)


@pytest.mark.parametrize(
    ("rule", "damage"),
    [
        (
            "numbered without a gap",
            run("DELETE FROM chunk WHERE campaign_id = :id AND sequence = 2"),
        ),
        (
            "as many members as its size says",
            run("UPDATE chunk SET members = '[]' WHERE campaign_id = :id AND sequence = 3"),
        ),
        (
            "in exactly one chunk",
            run(
                "UPDATE chunk SET members = other.members FROM chunk AS other"
                " WHERE chunk.campaign_id = :id AND other.campaign_id = :id"
                " AND chunk.sequence = 2 AND other.sequence = 1"
            ),
        ),
        ("members of the chunks add up", run("UPDATE chunk SET size = 9 WHERE campaign_id = :id")),
        (
            "members of the canary's chunks",
            run("UPDATE chunk SET canary = true WHERE campaign_id = :id AND sequence = 2"),
        ),
        (
            "every attempt that ended is in the log",
            run("DELETE FROM attempt WHERE campaign_id = :id AND sequence = 4"),
        ),
        (
            "no chunk was accepted twice",
            run("UPDATE attempt SET outcome = 'accepted' WHERE campaign_id = :id AND sequence = 2"),
        ),
        (
            "every delivered chunk has an accepted attempt",
            run("UPDATE attempt SET outcome = 'in_doubt' WHERE campaign_id = :id AND sequence = 1"),
        ),
        (
            "every uncounted chunk",
            run("UPDATE attempt SET outcome = 'in_doubt' WHERE campaign_id = :id AND sequence = 3"),
        ),
        (
            "after the window of an earlier one in doubt",
            run(
                "UPDATE attempt SET started_at = started_at + interval '11 min'"
                " WHERE campaign_id = :id AND attempt = 2"
            ),
        ),
        (
            "the sums of its chunks",
            run("UPDATE campaign SET result_audience = 1 WHERE id = :id"),
        ),
        (
            "nothing left to send",
            run(
                "UPDATE chunk SET state = 'pending', settled_at = NULL"
                " WHERE campaign_id = :id AND sequence = 4"
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_named(ended: OneCampaign, rule: str, damage: Damage) -> None:
    damage(ended)
    broken = [finding.rule for finding in verdict(ended).findings]
    assert any(rule in name for name in broken), broken


def test_a_verdict_says_how_often_and_where_first(ended: OneCampaign) -> None:
    run("UPDATE chunk SET members = '[]' WHERE campaign_id = :id AND sequence > 2")(ended)
    (finding,) = verdict(ended).findings
    assert (finding.violations, finding.example) == (2, "chunk 3")


def test_the_timeline_tells_what_happened_in_order(ended: OneCampaign) -> None:
    happened = [event.what for event in explanation(ended).happened]
    assert happened[0] == "committed with 40 members in 4 chunks"
    assert happened[-1] == "ended, completed"
    assert "2 attempts at 2 chunks in doubt: may have been sent (Connection reset by peer)" in (
        happened
    )
    assert "2 attempts at 2 chunks accepted by the vendor" in happened


def test_members_who_can_be_sent_to_again_have_a_remedy(ended: OneCampaign) -> None:
    (remedy,) = explanation(ended).remedies
    assert "10 rejected members: " in remedy
    assert "--only rejected" in remedy


def test_members_who_may_have_been_sent_to_are_told_with_why_and_at_what_risk(books: Books) -> None:
    campaign = books.campaign(chunks=2)
    campaign.attempt(IN_DOUBT, 1)
    campaign.set(expires_at=books.now()).do(expire)
    told = explanation(campaign)
    assert "10 members in 1 chunk became unresolved: they may have been sent" in str(told.happened)
    assert "--only expired` sends to them again" in told.remedies[0]
    assert (
        "--only unresolved` sends to them again, and may reach some a second time"
        in (told.remedies[1])
    )


def test_a_running_campaign_without_workers_waits_for_one(books: Books) -> None:
    told = explanation(books.campaign())
    assert told.waits_for == ("a worker: none is alive",)
    assert "celery -A workers worker" in told.remedies[0]


def test_an_account_that_rests_is_waited_for_with_its_reason(books: Books) -> None:
    books.do(fleet.seen, "worker-1", 4)
    campaign = books.campaign(chunks=2)
    campaign.attempt(THROTTLED, 1)
    account, later = explanation(campaign).waits_for
    assert "account default, which rests until" in account
    assert "asked to wait" in account
    assert later.startswith("the next attempt at 1 chunk, the first at ")


def test_a_window_that_will_close_is_told_with_its_end(books: Books) -> None:
    books.do(fleet.seen, "worker-1", 4)
    campaign = books.campaign()
    campaign.attempt(IN_DOUBT)
    since = campaign.chunk().in_doubt_since
    assert any((since + WINDOW).isoformat() in line for line in explanation(campaign).waits_for)


def test_a_campaign_that_paused_itself_tells_its_reason(books: Books) -> None:
    campaign = books.campaign()
    campaign.attempt(REFUSED)
    told = explanation(campaign)
    assert "Wrong user token" in told.waits_for[0]
    assert "resume" in told.remedies[0]


def test_a_paused_campaign_waits_for_its_operator(books: Books) -> None:
    campaign = books.campaign()
    campaign.do(pause)
    (waits_for,) = explanation(campaign).waits_for
    assert waits_for.startswith("`dispatcher resume`: it is paused by itself since ")
    assert explanation(campaign).as_json()["state"] == "paused"


def test_a_campaign_waits_for_a_worker_that_takes_no_message_and_says_why(books: Books) -> None:
    campaign = books.campaign(chunks=1)
    with transaction(books.engine) as connection:
        fleet.seen(connection, "deaf@host/1", 4)
        assert fleet.tell_silence(connection, "deaf@host/1", "it listens to nothing")
    waits = "worker deaf@host/1, which takes no message: it listens to nothing"
    assert waits in explanation(campaign).waits_for
    with transaction(books.engine) as connection:
        fleet.tell_silence(connection, "deaf@host/1", None)
    assert waits not in explanation(campaign).waits_for
