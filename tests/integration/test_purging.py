"""Audiences are forgotten some time after their campaign's end; its numbers are not."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from dispatcher import Dispatcher, OptionError, Settings
from dispatcher.books import audit, keeping, outbox, transitions
from dispatcher.books.failures import Forgotten, failures
from dispatcher.books.keeping import Audiences
from dispatcher.books.session import snapshot
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import (
    UNDOCUMENTED,
    Accepted,
    CampaignState,
    CampaignWrong,
    ChunkState,
    InDoubt,
    NobodyReached,
    Reason,
    words_of,
)
from tests.integration.builders import (
    ACCEPTED,
    IN_DOUBT,
    NOBODY_FOUND,
    SIZE,
    WINDOW,
    Books,
    OneCampaign,
)
from tests.integration.racing import race, waiting_for_a_lock

MONTH = timedelta(days=30)
STEP = 200


@pytest.fixture
def ended(books: Books) -> OneCampaign:
    """A campaign that ended a month ago: one chunk delivered, one rejected, each with members."""
    campaign = books.campaign(chunks=2)
    for sequence in (1, 2):
        members = [{"userId": f"{sequence}-{place}"} for place in range(SIZE)]
        campaign.set_chunks(sequence, members=json.dumps(members))
    campaign.attempt(ACCEPTED, 1)
    campaign.attempt(NOBODY_FOUND, 2)
    assert campaign.rolled_up().state == CampaignState.COMPLETED
    books.time_passes(MONTH)
    return campaign


def purged(campaign: OneCampaign) -> OneCampaign:
    while campaign.do(transitions.purge, MONTH):
        pass
    return campaign


def kept(campaign: OneCampaign) -> int:
    """How many chunks of the campaign have their members."""
    count: int = campaign.books.value(
        "SELECT count(members) FROM chunk WHERE campaign_id = :id", id=campaign.id
    )
    return count


def dispatcher(books: Books, **settings: Any) -> Dispatcher:
    return Dispatcher(Settings(home=Path("nowhere"), **settings), books.engine)


def test_purging_forgets_the_members_and_what_the_vendor_said_of_them(ended: OneCampaign) -> None:
    before = ended.shown()
    assert [attempt.error_details for attempt in ended.attempts()] == [ACCEPTED.error_details]
    purged(ended)
    assert kept(ended) == 0
    assert [attempt.error_details for attempt in ended.attempts()] == [None]
    assert ended.shown() == before
    assert ended.states() == ["delivered", "rejected"]


def test_an_audience_is_kept_until_its_time_is_over(books: Books) -> None:
    campaign = books.campaign()
    campaign.attempt(ACCEPTED)
    campaign.do(transitions.roll_up)
    books.time_passes(MONTH - timedelta(minutes=1))
    assert not campaign.do(transitions.purge, MONTH)
    assert books.do(keeping.due, MONTH) == []
    books.time_passes(timedelta(minutes=1))
    assert books.do(keeping.due, MONTH) == [campaign.id]
    assert campaign.do(transitions.purge, MONTH)


def test_an_audience_can_be_kept_for_good(ended: OneCampaign) -> None:
    assert ended.books.do(keeping.due, None) == []
    assert not ended.do(transitions.purge, None)
    assert kept(ended) == 2


@pytest.mark.parametrize("state", ["running", "paused", "cancelled"])
def test_what_has_not_come_to_its_end_is_kept_however_old_it_is(books: Books, state: str) -> None:
    campaign = books.campaign(chunks=2)
    campaign.claimed(1)
    if state == "paused":
        campaign.do(transitions.pause)
    if state == "cancelled":
        campaign.do(transitions.cancel)
    books.time_passes(2 * MONTH)
    assert campaign.shown().state == state
    assert not campaign.do(transitions.purge, MONTH)
    assert books.do(keeping.due, timedelta(0)) == []
    assert kept(campaign) == 2


def test_a_large_campaign_is_purged_in_steps(books: Books) -> None:
    campaign = books.campaign(chunks=2 * STEP + 1)
    campaign.do(transitions.cancel)
    left = []
    while campaign.do(transitions.purge, timedelta(0)):
        left.append(kept(campaign))
    assert left == [STEP + 1, 1, 0]


def test_the_campaign_that_ended_first_is_purged_first(books: Books) -> None:
    first, second = books.campaign(), books.campaign()
    second.do(transitions.cancel)
    first.do(transitions.cancel)
    assert books.do(keeping.due, timedelta(0)) == [second.id, first.id]
    assert books.do(keeping.due, timedelta(0), most=1) == [second.id]


def test_two_that_purge_at_once_take_turns(books: Books) -> None:
    campaign = books.campaign(chunks=4 * STEP)
    campaign.do(transitions.cancel)
    done = race(*[lambda: campaign.do(transitions.purge, timedelta(0))] * 2)
    assert done == [True, True]
    assert kept(campaign) == 2 * STEP


def test_how_much_is_kept_is_measured_without_what_has_gone(ended: OneCampaign) -> None:
    found = ended.books.do(keeping.measure, MONTH)
    assert (found.campaigns, found.members) == (1, 2 * SIZE)
    assert found.bytes > 2 * SIZE * len('{"userId":"1-1"}')
    assert ended.books.do(keeping.measure, MONTH + MONTH) == Audiences(0, 0, 0)
    purged(ended)
    assert ended.books.do(keeping.measure, MONTH) == Audiences(0, 0, 0)


def test_nobody_of_a_purged_campaign_can_be_sent_to_again(ended: OneCampaign) -> None:
    purged(ended)
    with pytest.raises(ImpossibleInState, match=r"no longer has its audience: nobody of it can"):
        ended.do(transitions.retry, ChunkState.REJECTED)
    assert ended.shown().state == CampaignState.COMPLETED


def test_a_retry_that_waited_for_the_purge_is_refused(ended: OneCampaign) -> None:
    def retry() -> str:
        with pytest.raises(ImpossibleInState) as refused:
            ended.do(transitions.retry, ChunkState.REJECTED)
        return str(refused.value)

    with ended.books.engine.begin() as connection:
        assert transitions.purge(connection, ended.id, MONTH)
        with waiting_for_a_lock(ended.books.engine, retry) as waiting:
            connection.commit()
    assert "no longer has its audience" in waiting.result()


def test_a_purge_that_waited_for_a_retry_leaves_the_audience(ended: OneCampaign) -> None:
    def purge() -> bool:
        return bool(ended.do(transitions.purge, MONTH))

    with ended.books.engine.begin() as connection:
        assert transitions.retry(connection, ended.id, ChunkState.REJECTED) == 1
        with waiting_for_a_lock(ended.books.engine, purge) as waiting:
            connection.commit()
    assert waiting.result() is False
    assert kept(ended) == 2


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ("UPDATE campaign SET finished_at = NULL, state = 'running'", "purged_is_finished"),
        ("UPDATE campaign SET purged_to = 3", "purged_is_finished"),
        ("UPDATE chunk SET state = 'pending', settled_at = NULL", "has_members_to_send_to"),
    ],
)
def test_the_database_itself_refuses_to_send_to_nobody(
    ended: OneCampaign, wrong: str, rule: str
) -> None:
    purged(ended)
    chunk = " WHERE sequence = 2" if "UPDATE chunk" in wrong else ""
    with pytest.raises(IntegrityError, match=rule):
        ended.books.run(wrong + chunk)


def test_a_proof_that_arrives_after_the_purge_still_counts(books: Books) -> None:
    campaign = books.campaign()
    claim = campaign.claimed()
    campaign.do(transitions.cancel)
    books.time_passes(timedelta(hours=1))
    books.do(transitions.take_back_lost_leases)
    campaign.do(transitions.roll_up)
    assert campaign.states() == ["unresolved"]
    books.time_passes(MONTH)
    purged(campaign)
    assert campaign.record(claim, Accepted(SIZE, SIZE - 1, 1, '[{"userId":"late"}]'))
    shown = campaign.shown()
    assert (shown.members.delivered, shown.members.unresolved) == (SIZE, 0)
    assert [(a.outcome, a.error_details) for a in campaign.attempts()] == [("accepted", None)]
    assert sound(campaign)


def sound(campaign: OneCampaign) -> bool:
    with snapshot(campaign.books.engine) as connection:
        verdict = audit.verify(connection, campaign.id, timedelta(seconds=600))
    wrong = {finding.rule for finding in verdict.findings}
    return not wrong


def test_a_purged_campaigns_books_are_sound_and_say_what_was_not_checked(
    ended: OneCampaign,
) -> None:
    purged(ended)
    with snapshot(ended.books.engine) as connection:
        verdict = audit.verify(connection, ended.id, timedelta(seconds=600))
    assert verdict.findings == ()
    assert verdict.as_json()["audience_kept"] is False


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (
            "UPDATE chunk SET members = NULL WHERE sequence = 1",
            "every chunk holds as many members as its size says",
        ),
        (
            "UPDATE campaign SET purged_to = 1",
            "nothing is left of an audience that is no longer kept",
        ),
    ],
)
def test_an_audience_that_went_otherwise_is_a_fault(
    ended: OneCampaign, wrong: str, rule: str
) -> None:
    ended.books.run(wrong)
    with snapshot(ended.books.engine) as connection:
        verdict = audit.verify(connection, ended.id, timedelta(seconds=600))
    assert [finding.rule for finding in verdict.findings] == [rule]
    assert verdict.findings[0].example == "chunk 1"


def test_failures_counts_those_whom_it_can_no_longer_name(ended: OneCampaign) -> None:
    purged(ended)
    assert list(failures(ended.books.engine, ended.id)) == [Forgotten(1, 2), Forgotten(2, SIZE)]


def test_failures_names_whom_a_purge_amid_its_steps_has_left(books: Books) -> None:
    campaign = books.campaign(chunks=STEP + 1)
    campaign.set_chunks(STEP + 1, members=json.dumps([{"userId": "last"}]))
    campaign.do(transitions.cancel)
    campaign.do(transitions.purge, timedelta(0))
    *forgotten, last = failures(books.engine, campaign.id)
    assert forgotten == [Forgotten(sequence, SIZE) for sequence in range(1, STEP + 1)]
    assert not isinstance(last, Forgotten)


def test_explain_offers_nothing_that_cannot_be_done_any_more(ended: OneCampaign) -> None:
    assert any("dispatcher retry" in words for words in ended.do(audit.explain, WINDOW).remedies)
    purged(ended)
    (words,) = ended.do(audit.explain, WINDOW).remedies
    assert words.startswith(f"{SIZE} rejected members: who they are is no longer kept")


def test_the_verb_drops_what_the_setting_says_and_tells_how_much(ended: OneCampaign) -> None:
    fresh = ended.books.campaign()
    fresh.do(transitions.cancel)
    verbs = dispatcher(ended.books)
    expected = verbs.purgeable()
    assert verbs.purge() == expected
    assert (expected.campaigns, expected.members) == (1, 2 * SIZE)
    assert (kept(ended), kept(fresh)) == (0, 1)
    assert verbs.purge() == Audiences(0, 0, 0)


def test_the_verb_takes_another_age_than_the_setting(ended: OneCampaign) -> None:
    verbs = dispatcher(ended.books, keep_audience=None)
    assert verbs.purgeable(MONTH + MONTH).campaigns == 0
    assert verbs.purge(MONTH).campaigns == 1


def test_the_verb_wants_an_age_where_the_setting_keeps_forever(books: Books) -> None:
    with pytest.raises(OptionError, match="KEEP_AUDIENCE keeps audiences forever: say which"):
        dispatcher(books, keep_audience=None).purge()


def test_a_negative_age_is_refused(books: Books) -> None:
    with pytest.raises(OptionError, match="older_than is negative"):
        dispatcher(books).purge(timedelta(seconds=-1))


def test_an_open_doubt_keeps_an_audience(books: Books) -> None:
    campaign = books.campaign()
    campaign.attempt(IN_DOUBT)
    campaign.do(transitions.roll_up)
    assert books.do(keeping.due, timedelta(0)) == []


QUOTING = "Unexpected value for field x. Said: anna@example.org"


@pytest.mark.parametrize(
    ("reason", "left"),
    [
        (Reason(QUOTING, 400, 28), words_of(28)),
        (Reason("anna is new here", 400, 77), UNDOCUMENTED),
        (Reason("The requested users have not been found.", 400, 33), None),
        (Reason("Connection reset by peer"), None),
    ],
)
def test_of_a_reason_what_its_code_says_is_left(
    books: Books, reason: Reason, left: str | None
) -> None:
    campaign = books.campaign(2)
    campaign.attempt(InDoubt(reason), 1)
    campaign.attempt(NobodyReached(reason), 2)
    campaign.do(transitions.cancel)
    books.time_passes(MONTH)
    purged(campaign)
    told = [row for one in (1, 2) for row in (campaign.chunk(one), *campaign.attempts(one))]
    assert [row.error for row in told] == [left or reason.message] * 4
    assert [row.code for row in told] == [reason.code] * 4


def test_the_reason_of_a_pause_leaves_its_numbers(books: Books) -> None:
    campaign = books.campaign(notify_url="https://example.org")
    campaign.attempt(CampaignWrong(Reason(f'{QUOTING}: "anna"', 400, 28)))
    campaign.do(transitions.roll_up)
    assert QUOTING in str(campaign.shown().reason)
    before = books.do(outbox.read, campaign.id, None)
    books.time_passes(MONTH)
    purged(campaign)
    assert campaign.shown().reason == "The Push API refused it (HTTP 400, code 28)."
    bodies = [row.body for row in books.rows("SELECT body FROM webhook ORDER BY sequence DESC")]
    assert {json.loads(body)["data"]["reason"] for body in bodies} == {campaign.shown().reason}
    assert QUOTING not in str(bodies)
    assert [told.id for told in books.do(outbox.read, campaign.id, None)] == [
        told.id for told in before
    ]


def test_what_arrives_after_the_purge_is_written_down_without_what_it_quotes(books: Books) -> None:
    campaign = books.campaign()
    claim = campaign.claimed()
    campaign.do(transitions.cancel)
    books.time_passes(timedelta(hours=1))
    books.do(transitions.take_back_lost_leases)
    campaign.do(transitions.roll_up)
    books.run("UPDATE attempt SET chunk_state = 'delivered'")
    books.time_passes(MONTH)
    purged(campaign)
    assert not campaign.record(claim, NobodyReached(Reason(QUOTING, 400, 28)))
    assert [attempt.error for attempt in campaign.attempts()] == [words_of(28)]
