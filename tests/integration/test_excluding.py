"""Leaving out whom other campaigns were sent to, or were not."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import create_engine

from dispatcher import (
    AmbiguousCampaign,
    AudienceError,
    CampaignExists,
    CampaignNotFound,
    Dispatcher,
    DispatcherError,
    OptionError,
    read_settings,
)
from dispatcher.books import transitions
from dispatcher.books.campaigns import Campaign
from dispatcher.lifecycle import CampaignWrong, ChunkState, Reason
from tests.integration.builders import (
    ACCEPTED,
    ALREADY_SENT,
    IN_DOUBT,
    NOBODY_FOUND,
    Books,
    OneCampaign,
)

Members = list[Mapping[str, object]]
MESSAGE = {"ios": {"payload": {"text": "Hello"}}}
STATES = "delivered uncounted unresolved doubtful sending pending rejected expired cancelled"
"""The userIds of `campaign_of_every_state`: what became of their chunks."""


@pytest.fixture
def dispatcher(books: Books, broker_url: str, tmp_path: Path) -> Dispatcher:
    settings = read_settings(
        {
            "DISPATCHER_DATABASE_URL": books.engine.url.render_as_string(hide_password=False),
            "DISPATCHER_BROKER_URL": broker_url,
            "DISPATCHER_HOME": str(tmp_path),
        }
    )
    return Dispatcher(settings, books.engine)


def campaign_for(books: Books, *chunks: Members, **given: Any) -> OneCampaign:
    """A campaign that runs, with these members in its chunks."""
    campaign = books.campaign(len(chunks), **given)
    for sequence, members in enumerate(chunks, 1):
        campaign.set_chunks(sequence, members=json.dumps(members, separators=(",", ":")))
    return campaign


def campaign_of_every_state(books: Books) -> OneCampaign:
    campaign = campaign_for(books, *(users(state) for state in STATES.split()))
    campaign.attempt(ACCEPTED, 1)
    campaign.attempt(ALREADY_SENT, 2)
    campaign.in_doubt(3, 4)
    now = books.now()
    campaign.set_chunks(3, state="unresolved", settled_at=now)
    campaign.claimed(5)
    campaign.attempt(NOBODY_FOUND, 7)
    campaign.set_chunks(8, state="expired", settled_at=now)
    campaign.set_chunks(9, state="cancelled", settled_at=now)
    return campaign


def users(*names: str) -> Members:
    return [{"userId": name} for name in names]


def enqueued(
    dispatcher: Dispatcher, audience: Members, notes: list[str] | None = None, **options: Any
) -> Campaign:
    told = notes.append if notes is not None else None
    options = {"app_id": "app", "message": MESSAGE, **options}
    return dispatcher.show(dispatcher.enqueue(audience=audience, told=told, **options))


def members_of(books: Books, campaign: Campaign) -> Members:
    rows = books.rows("SELECT members FROM chunk WHERE campaign_id = :id", id=campaign.id)
    return [member for row in rows for member in json.loads(row.members)]


def test_who_was_or_may_have_been_sent_a_campaign_is_excluded(
    books: Books, dispatcher: Dispatcher
) -> None:
    other = campaign_of_every_state(books)
    notes: list[str] = []
    audience = users(*STATES.split(), "somebody")
    campaign = enqueued(dispatcher, audience, notes, exclude=[other.id])
    assert members_of(books, campaign) == users(
        *("pending", "rejected", "expired", "cancelled", "somebody")
    )
    assert (campaign.input.read, campaign.input.excluded, campaign.members.total) == (10, 5, 5)
    assert notes == [
        f"Campaign {other.id} has not ended: whom it reaches from now on is not excluded."
    ]


def test_the_least_memory_suffices_where_members_have_one_identifier_alone(
    books: Books, dispatcher: Dispatcher
) -> None:
    settings = replace(dispatcher._connections.settings, prepare_memory=64 * 10**6)
    chunks = (users(*(f"{chunk}-{number}" for number in range(1_000))) for chunk in range(40))
    first = campaign_for(books, *chunks)
    for sequence in range(1, 41):
        first.attempt(ACCEPTED, sequence)

    sent = enqueued(
        Dispatcher(settings, books.engine), users("3-7", "new"), exclude=[str(first.id)]
    )

    assert (sent.input.excluded, members_of(books, sent)) == (1, users("new"))


def test_a_dry_run_tells_who_would_be_excluded(books: Books, dispatcher: Dispatcher) -> None:
    other = campaign_for(books, users("a"))
    other.attempt(ACCEPTED)
    audience = users("b", "a")
    found = dispatcher.dry_run(app_id="app", message=MESSAGE, audience=audience, exclude=other.id)
    assert (found.input.excluded, found.total) == (1, 1)
    assert [sample.words for sample in found.samples["excluded"]] == ['{"userId":"a"}']


def test_only_those_count_whom_a_campaign_did_not_reach(
    books: Books, dispatcher: Dispatcher
) -> None:
    other = campaign_of_every_state(books)
    audience = users(*STATES.split(), "somebody")
    campaign = enqueued(dispatcher, audience, only_unsent=str(other.id)[:8])
    assert members_of(books, campaign) == users("pending", "rejected", "expired", "cancelled")
    assert campaign.input.excluded == 6


def test_who_may_have_been_sent_before_a_retry_is_excluded(
    books: Books, dispatcher: Dispatcher
) -> None:
    other = campaign_for(books, users("doubtful"), users("refused"))
    other.in_doubt(1)
    other.set_chunks(1, state="unresolved", settled_at=books.now())
    other.attempt(NOBODY_FOUND, 2)
    for state in (ChunkState.UNRESOLVED, ChunkState.REJECTED):
        other.do(transitions.retry, state)
    assert other.states() == ["pending", "pending"]
    campaign = enqueued(dispatcher, users("doubtful", "refused"), exclude=str(other.id))
    assert members_of(books, campaign) == users("refused")


def test_whom_a_refusal_proves_not_to_have_been_sent_to_is_not_excluded(
    books: Books, dispatcher: Dispatcher
) -> None:
    other = campaign_for(books, users("refused", "innocent"))
    other.in_doubt(1)
    other.attempt(CampaignWrong(Reason("Invalid", 400, 30, "audience.userId", 0)))
    other.do(transitions.cancel)
    assert other.states() == ["rejected", "cancelled"]
    campaign = enqueued(dispatcher, users("refused", "innocent"), exclude=str(other.id))
    assert members_of(books, campaign) == users("refused", "innocent")


def test_within_a_time_it_counts_when_each_chunk_was_sent(
    books: Books, dispatcher: Dispatcher
) -> None:
    other = campaign_for(books, users("yesterday"), users("now"), users("doubtful"), users("never"))
    of_another_app = campaign_for(books, users("elsewhere"), app_id="another")
    of_another_app.attempt(ACCEPTED)
    other.attempt(ACCEPTED, 1)
    books.time_passes(timedelta(hours=25))
    other.attempt(ACCEPTED, 2)
    other.attempt(IN_DOUBT, 3)
    audience = users("yesterday", "now", "doubtful", "never", "elsewhere")
    cases: list[tuple[str | timedelta, list[str]]] = [
        ("24h", ["yesterday"]),
        (timedelta(days=2), []),
    ]
    for within, left in cases:
        campaign = enqueued(dispatcher, audience, not_within=within)
        assert members_of(books, campaign) == users(*left, "never", "elsewhere")


def test_any_identifier_tells_who_is_the_same(books: Books, dispatcher: Dispatcher) -> None:
    token = "ab" * 32
    awkward = 'q"\\},{"token":"x" ü\u2028😀'
    other = campaign_for(
        books,
        [{"token": token, "userId": "x"}, {"userId": awkward}],
        [{"devtodevId": 2**63}, {"userId": "left", "devtodevId": 7}],
    )
    other.attempts_each(ACCEPTED, [1, 2])
    kept: Members = [{"userId": "y", "devtodevId": 8}, {"userId": token}]
    audience: Members = [
        *kept,
        {"token": token.upper()},
        {"token": "new", "userId": "x"},
        {"userId": awkward},
        {"devtodevId": 2**63, "userId": "z"},
        {"devtodevId": 7},
    ]
    campaign = enqueued(dispatcher, audience, exclude=other.id)
    assert members_of(books, campaign) == kept


def test_a_member_one_of_whose_rows_is_excluded_is_excluded_once(
    books: Books, dispatcher: Dispatcher
) -> None:
    other = campaign_for(books, users("b"))
    other.attempt(ACCEPTED)
    audience: Members = [
        {"token": "t", "userId": "a"},
        {"token": "u", "userId": "c"},
        {"token": "t", "userId": "b"},
        {"token": "v", "userId": "b"},
    ]
    campaign = enqueued(dispatcher, audience, exclude=other.id, suppress=[{"token": "v"}])
    read = campaign.input
    assert members_of(books, campaign) == [{"token": "u", "userId": "c"}]
    assert (read.read, read.duplicates, read.suppressed, read.excluded) == (4, 1, 1, 1)


def test_those_who_are_purged_are_refused_or_passed_over(
    books: Books, dispatcher: Dispatcher
) -> None:
    other = campaign_for(books, users("gone"), users("unsent"), campaign_tag="winback")
    other.attempt(ACCEPTED, 1)
    other.attempt(NOBODY_FOUND, 2)
    ended = other.rolled_up().finished_at
    assert ended is not None
    while other.do(transitions.purge, timedelta(0)):
        pass
    audience = users("gone", "somebody")
    gone = f"Campaign {other.id} (tag winback, ended {ended.date()}) no longer has 10 members"
    options: list[dict[str, Any]] = [{"exclude": other.id}, {"not_within": "1h"}]
    for option in options:
        with pytest.raises(
            AudienceError, match=r"so nothing is sent.*--exclude-purged ignore"
        ) as at:
            enqueued(dispatcher, audience, **option)
        assert str(at.value).startswith(gone)
        notes: list[str] = []
        campaign = enqueued(dispatcher, audience, notes, **option, exclude_purged="ignore")
        assert campaign.members.total == 2
        assert notes[0].startswith(gone)
    assert len(dispatcher.list()) == 3
    with pytest.raises(AudienceError, match="no longer has 20 members"):
        enqueued(dispatcher, audience, only_unsent=other.id)


def test_the_same_key_is_the_same_campaign_whomever_was_sent_to_meanwhile(
    books: Books, dispatcher: Dispatcher
) -> None:
    order: dict[str, Any] = {"audience": users("a", "b"), "key": "winback", "not_within": "24h"}
    first = enqueued(dispatcher, **order)
    sent = OneCampaign(books, books.rows("SELECT id FROM campaign")[0].id)
    sent.attempt(ACCEPTED)
    assert enqueued(dispatcher, **order).id == first.id
    assert enqueued(dispatcher, **order | {"not_within": timedelta(days=1)}).id == first.id
    sent.rolled_up()
    while sent.do(transitions.purge, timedelta(0)):
        pass
    assert enqueued(dispatcher, **order).id == first.id
    for other in ({"not_within": "23h"}, {"not_within": None}, {"audience": users("a")}):
        with pytest.raises(CampaignExists, match="or exclusions"):
            enqueued(dispatcher, **order | other)
    assert len(dispatcher.list()) == 1


def test_the_same_key_is_the_same_campaign_though_everybody_was_reached_meanwhile(
    books: Books, dispatcher: Dispatcher
) -> None:
    other = campaign_for(books, users("a"))
    order: dict[str, Any] = {"audience": users("a"), "key": "again", "only_unsent": other.id}
    first = enqueued(dispatcher, **order)
    other.attempt(ACCEPTED)
    assert enqueued(dispatcher, **order).id == first.id


def test_exclusions_are_read_in_the_applications_transaction(
    books: Books, dispatcher: Dispatcher
) -> None:
    """It has one connection only: nothing here may ask for a second one."""
    other = campaign_for(books, users("a"))
    other.attempt(ACCEPTED)
    engine = create_engine(books.engine.url, pool_size=1, max_overflow=0, pool_timeout=1)
    same = Dispatcher(dispatcher._connections.settings, engine)
    with engine.begin() as connection:
        order: dict[str, Any] = {"app_id": "app", "message": MESSAGE, "connection": connection}
        with pytest.raises(AudienceError, match="all its members are excluded"):
            same.enqueue(audience=users("a"), exclude=other.id, **order)
        same.enqueue(audience=users("a", "b"), exclude=other.id, **order)
    engine.dispose()
    assert dispatcher.show("last").input.excluded == 1


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"exclude": "f00"}, CampaignNotFound, "No campaign has the id f00"),
        ({"only_unsent": "nonsense"}, CampaignNotFound, "'nonsense' is no campaign's id"),
        ({"exclude": ["11"]}, AmbiguousCampaign, "Several campaigns' ids begin with 11"),
        ({"exclude": [7]}, OptionError, "exclude holds a int: give the ids of campaigns"),
        ({"exclude": "22"}, OptionError, "is one of app another, where others may have the same"),
        ({"exclude": "last", "only_unsent": "last"}, OptionError, "leave the first out"),
        ({"exclude_purged": "ignore"}, OptionError, "nothing is excluded: name what is"),
        ({"exclude_purged": "keep", "not_within": "1h"}, OptionError, "ignore or refuse"),
        ({"not_within": "24"}, OptionError, "not_within is '24': write it as 30m, 24h or 7d"),
        ({"not_within": "0m"}, OptionError, "give more than nothing and at most 3650d"),
        ({"not_within": "9999d"}, OptionError, "give more than nothing and at most 3650d"),
        ({"exclude": "11aa"}, AudienceError, "is empty: all its members are excluded"),
        ({"only_unsent": "11aa"}, AudienceError, "is empty: all its members are excluded"),
    ],
)
def test_what_cannot_be_followed_is_refused_and_nothing_is_made(
    books: Books,
    dispatcher: Dispatcher,
    options: dict[str, Any],
    error: type[DispatcherError],
    said: str,
) -> None:
    for begin, app_id in (("11aa", "app"), ("11bb", "app"), ("22cc", "another")):
        campaign = campaign_for(books, users("a"), id=id_beginning(begin), app_id=app_id)
        campaign.attempt(ACCEPTED)
    with pytest.raises(error, match=said):
        enqueued(dispatcher, users("a"), **options)
    assert len(dispatcher.list()) == 3


def id_beginning(digits: str) -> UUID:
    return UUID(digits.ljust(32, "0"))
