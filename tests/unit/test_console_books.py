"""What the console's pages make of a campaign: bars that add up, buttons, and what they will do."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.pages import books, consequences, words
from dispatcher import MEANINGS, Campaign
from dispatcher.books.campaigns import Canary, Chunks, Input, Members, Remaining, Result
from dispatcher.books.holding import Held
from dispatcher.books.throughput import Throughput

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
COUNTS = st.integers(min_value=0, max_value=10**9)


def campaign(**given: Any) -> Campaign:
    """A campaign under way, of which half is done."""
    values: dict[str, Any] = {
        **dict.fromkeys(Campaign.__slots__),
        "id": "3f2a91bc-0000-4000-8000-000000000001",
        "app_id": "app",
        "platforms": ("ios",),
        "account": "default",
        "state": "running",
        "created_at": NOW,
        "started_at": NOW,
        "window": (),
        "input": Input(100, 0, 0, 0),
        "members": Members(100, 50, 0, 0, 0, 0, 0, 0, 50),
        "remaining": Remaining(20, 20, 10),
        "result": Result(50, 50, 0),
        "chunks": Chunks(10, 2, 3, 5, 0, 0, 0, 0, 0, 0),
        "errors": (),
        "throughput": Throughput(12.5, 1.25, 4.0),
        "variants": (),
        "differences": (),
        "test": False,
    }
    return Campaign(**values | given)


@given(st.lists(COUNTS, min_size=10, max_size=10))
def test_a_bar_s_parts_are_the_whole_together(counts: list[int]) -> None:
    total, remaining = sum(counts), Remaining(*counts[7:])
    ended = dict(zip(list(MEANINGS), counts, strict=False))
    members = Members(total=total, remaining=sum(counts[7:]), **ended)
    found = books.parts(campaign(members=members, remaining=remaining))
    assert sum(part.count for part in found) == total
    for part, after in pairwise(found):
        assert part.begin + part.share == pytest.approx(after.begin, abs=1e-12)
    if total:
        assert found[-1].begin + found[-1].share == pytest.approx(1)


def verbs(found: Campaign) -> list[str]:
    return [act.verb for act in consequences.acts_of(found)]


def test_buttons_are_those_that_a_campaign_s_state_lets_do_something() -> None:
    orders = ["rate", "window", "finish-by", "cancel"]
    refused = Members(100, 50, 0, 50, 0, 0, 0, 0, 0)
    by_canary = Held("canary", None, "Its canary failed.")
    by_anna = Held("paused", None, "It is paused by anna.")
    assert verbs(campaign()) == ["pause", *orders]
    assert verbs(campaign(state="paused", held=by_anna)) == ["resume", *orders]
    assert verbs(campaign(state="paused", held=by_canary)) == ["accept", *orders]
    assert verbs(campaign(state="completed", finished_at=NOW)) == []
    assert verbs(campaign(state="completed", finished_at=NOW, members=refused)) == ["retry"]
    assert verbs(campaign(state="cancelled", finished_at=NOW, members=refused)) == []


def test_each_button_says_what_it_will_do() -> None:
    found = campaign(canary=Canary(20, "failed", 18, 9, 0.1), reason="It went wrong.")
    for verb in consequences.ACTS:
        assert consequences.of(verb, found)
    undecided = campaign(canary=Canary(20, "undecided", 0, 0, 0.1))
    assert "are not tested any more" in consequences.of("accept", found)[-1]
    assert "guards what is sent from now on" in consequences.of("accept", undecided)[-1]
    assert consequences.of("cancel", found)[:2] == (
        "3 requests on the wire will still finish.",
        "50 members will not be sent to.",
    )


def test_what_stands_in_the_way_is_said_but_for_what_comes_and_goes() -> None:
    place = Held("rate", NOW, "It waits for its place at 2 requests a second.")
    late = campaign(held=place, rate=2.0, finish_by=NOW)
    assert books.standing(campaign(held=place, rate=2.0)) == "At most 2 requests a second."
    assert books.standing(late) == place.words
    assert books.standing(campaign()) == ""
    assert not books.wants_somebody(late)
    assert books.wants_somebody(campaign(held=replace(place, by="workers")))


def test_a_sentence_keeps_its_words_and_none_of_its_markup() -> None:
    said = words.sentence(
        "<b>at</b> 2026-12-01T12:03:05+00:00: `dispatcher resume` & 2026-99-99T12:00Z"
    )
    assert said == (
        '&lt;b&gt;at&lt;/b&gt; <time datetime="2026-12-01T12:03:05.000Z" data-form="full">'
        "2026-12-01 12:03:05\N{NO-BREAK SPACE}UTC</time>: <code>dispatcher resume</code>"
        " &amp; 2026-99-99T12:00Z"
    )
