"""The live pages: what is drawn of what was read, in any terminal, and what keys do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatcher.books.accounts import Account
from dispatcher.books.campaigns import (
    Campaign,
    Chunks,
    Input,
    Members,
    Remaining,
    Result,
)
from dispatcher.books.fleet import Strength
from dispatcher.books.holding import Held
from dispatcher.books.overview import Overview
from dispatcher.books.reasons import ErrorCount
from dispatcher.books.throughput import Throughput
from dispatcher.cli.drawing import width_of
from dispatcher.cli.monitor import lines, pages
from dispatcher.cli.monitor.keys import DOWN, UP, Dialogue, Order
from dispatcher.cli.monitor.pages import View
from dispatcher.cli.monitor.reading import Reader
from dispatcher.errors import ImpossibleInState
from tests.waiting import eventually

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SIZES = [(80, 24), (120, 40), (40, 10), (20, 3), (200, 60)]


def campaign(number: int = 1, **changes: Any) -> Campaign:
    """A campaign of a million members, of which 610,000 are done."""
    zeros = dict.fromkeys(Members.__slots__, 0)
    members = Members(**zeros | {"total": 1_000_000, "delivered": 609_000, "rejected": 1_000})
    chunks = Chunks(**dict.fromkeys(Chunks.__slots__, 0) | {"total": 1_000, "sending": 8})
    made = Campaign(
        id=f"{number:08x}-0000-4000-8000-000000000000",
        key=None,
        app_id="app",
        campaign_tag="winback",
        platforms=("ios",),
        account="default",
        state="running",
        reason=None,
        created_at=NOW,
        send_at=None,
        expires_at=None,
        started_at=NOW,
        finished_at=None,
        rate=20.0,
        window=(),
        finish_by=None,
        planned_rate=None,
        input=Input(1_000_000, 0, 0, 0),
        members=replace(members, remaining=390_000),
        remaining=Remaining(382_000, 8_000, 0),
        result=Result(0, 0, 0),
        chunks=chunks,
        errors=(ErrorCount(400, 33, "The requested users have not been found", 1, 1_000),),
        throughput=Throughput(12_400.0, 12.4, 1_945.0),
        held=None,
        variants=(),
        differences=(),
        max_error_rate=None,
        canary=None,
        awaits_approval=False,
        test=False,
    )
    return replace(made, **changes)


def account(**changes: Any) -> Account:
    """An account that may make twenty requests a second, and does."""
    return replace(Account("default", 30.0, None, None, 0, 0, 1), **changes)


def overview(*campaigns: Campaign, **changes: Any) -> Overview:
    """These campaigns, with two workers."""
    fleet = Strength(workers=2, slots=16, deaf=0, is_led=True)
    return replace(Overview(NOW, campaigns, (account(),), fleet), **changes)


def view(columns: int = 80, rows: int = 24, **changes: Any) -> View:
    """A terminal so large, in which the first campaign is chosen."""
    return replace(View(columns, rows, Dialogue(campaign().id), NOW), **changes)


def shown(page: list[lines.Line]) -> str:
    """The page's words."""
    return "\n".join(map(lines.text_of, page))


HELD = Held("window", NOW + timedelta(hours=21), "It is outside its window: mon-fri 09:00-21:00.")
MANY = overview(
    campaign(1),
    campaign(2, state="paused", reason="The Push API refused it: Wrong user token (code 11)."),
    campaign(3, held=HELD, throughput=Throughput(0.0, 0.0, 90_000.0), errors=()),
    campaign(4, state="scheduled", send_at=NOW, errors=(), held=None, campaign_tag=None),
    *(campaign(number) for number in range(5, 40)),
)


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_page_is_as_large_as_the_terminal_whatever_that_is(columns: int, rows: int) -> None:
    for each in (view(columns, rows), view(columns, rows, away_since=NOW)):
        for drawn in (
            pages.overview_page(MANY, each),
            pages.campaign_page(campaign(held=HELD), (), each),
            pages.waiting_page(each),
        ):
            assert len(drawn) <= max(rows, 3)
            cut = ["".join(text for text, _ in lines.cut(line, columns)) for line in drawn]
            assert max(map(width_of, cut)) <= columns


def test_the_overview_at_80_columns_says_how_far_how_fast_how_long_and_what_holds() -> None:
    page = shown(pages.overview_page(MANY, view()))
    assert "37 running, 1 paused, 1 scheduled" in page
    assert "account default  471/30 requests/s" in page
    assert "> 00000001 running   █████      61%     610k/1M   12.4/20      8     1k  32 min" in page
    assert "    1,000 members: HTTP 400, code 33: The requested users have not been found" in page
    assert "    It is outside its window: mon-fri 09:00-21:00. Until 2026-12-01 09:00." in page
    assert "campaigns more" in page


def test_the_chosen_campaign_is_on_the_page_however_many_there_are() -> None:
    for one in MANY.campaigns:
        page = shown(pages.overview_page(MANY, view(dialogue=Dialogue(one.id))))
        assert f"\n> {one.id[:8]} " in page


def test_in_plain_lines_every_campaign_stands_with_what_holds_it() -> None:
    plain = list(pages.overview_lines(MANY))
    assert len([line for line in plain if "610,000/1,000,000" in line]) == 39
    assert [line for line in plain if line.endswith("09:00-21:00. Until 2026-12-01 09:00.")]
    assert list(pages.overview_lines(overview())) == ["2 workers, 16 slots; no campaign is live"]


def test_what_keeps_everything_from_going_on_stands_above_all_else() -> None:
    nobody = Strength(workers=0, slots=0, deaf=0, is_led=False)
    assert "No worker is alive: nothing is sent." in shown(
        pages.overview_page(overview(campaign(), fleet=nobody), view())
    )
    deaf = Strength(workers=1, slots=8, deaf=1, is_led=True)
    assert "A worker takes no message" in shown(pages.overview_page(overview(fleet=deaf), view()))
    resting = account(hold_until=NOW + timedelta(minutes=3), hold_reason="it asked to wait")
    assert "rests until 12:03:00: it asked to wait" in shown(
        pages.overview_page(overview(accounts=(resting,)), view(columns=120))
    )


def test_one_campaign_s_page_has_its_end_its_limit_and_its_errors() -> None:
    page = shown(pages.campaign_page(campaign(held=HELD), (account(rate=15.0),), view()))
    assert "12.4 requests/s, 15 allowed  (12,400 members/s)" in page
    assert "left      32 min 25 s, until 12:32:25" in page
    assert "1,000 members  HTTP 400, code 33: The requested users" in page
    unknown = campaign(throughput=Throughput(0.0, 0.0, None))
    assert "390,000 members; when they are done is not known" in shown(
        pages.campaign_page(unknown, (), view())
    )


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0"), (999, "999"), (1_000, "1k"), (12_345, "12.3k"), (999_960, "1M"), (2.5e9, "2.5G")],
)
def test_numbers_in_few_letters(number: float, words: str) -> None:
    assert lines.compact(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (45, "45 s"),
        (100, "2 min"),
        (5_940, "99 min"),
        (6_000, "1 h 40"),
        (9e5, "10 d"),
        (2e9, "63 y"),
    ],
)
def test_times_in_few_letters(seconds: float | None, words: str) -> None:
    assert lines.remaining(seconds) == words


def test_nothing_is_changed_that_was_not_confirmed() -> None:
    live = [campaign(1), campaign(2)]
    begun = Dialogue().among(live)
    assert begun.chosen == live[0].id
    chosen, order = begun.pressed(DOWN, live)
    assert (chosen.chosen, order) == (live[1].id, None)
    assert chosen.pressed(DOWN, live)[0].chosen == live[1].id
    assert chosen.pressed(UP, live)[0].chosen == live[0].id
    asked, order = chosen.pressed("p", live)
    assert (asked.asked, order) == (Order("pause", live[1].id), None)
    for key in ("n", "p", "q", "\r", DOWN):
        refused, order = asked.pressed(key, live)
        assert (refused.asked, refused.told, order) == (None, "Nothing was changed.", None)
    assert asked.pressed("y", live)[1] == Order("pause", live[1].id)
    assert asked.among(live[:1]) == Dialogue(live[0].id)
    assert Dialogue().among([]).pressed("p", []) == (Dialogue(), None)


def test_what_fails_beside_the_page_is_told_on_it() -> None:
    def refused() -> str:
        raise ImpossibleInState("It has ended.")

    def unforeseen() -> str:
        raise ZeroDivisionError

    reads = iter(range(3))
    with Reader(lambda: next(reads), every=60) as reader:
        for order in (refused, unforeseen, lambda: "Done."):
            reader.order(order)
        told = [reader.told.get(timeout=30) for _ in range(3)]
        assert told[0] == "It has ended."
        assert told[1].startswith("It failed (ZeroDivisionError)")
        assert told[2] == "Done."
    empty: list[int] = []
    with Reader(lambda: empty[0], every=60) as broken:
        assert isinstance(eventually(lambda: broken.latest.error, within=30), IndexError)
