"""Campaigns as somebody watches and steers them in a browser."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from dispatcher import Dispatcher
from tests.acceptance.http_api import running_api
from tests.acceptance.program import APP, MESSAGE, Program, Worker
from tests.browser.conftest import Visit, somebody
from tests.browser.visitor import PHONE, Visitor
from tests.proxy import proxied
from tests.sandbox_process import PushApi

LATER = datetime(2190, 1, 1, 10, tzinfo=UTC)


@pytest.fixture
def operator(visit: Visit) -> Visitor:
    """The operator's window."""
    return visit("operator")


def enqueued(books: Dispatcher, members: int, **options: Any) -> str:
    """The id of a new campaign."""
    rows = ({"userId": f"reader-{number}"} for number in range(members))
    return books.enqueue(app_id=APP, message=MESSAGE, audience=rows, **options)


@contextmanager
def campaign_of(program: Program, members: int, **options: Any) -> Iterator[str]:
    """A campaign that is over when the story is."""
    with program.books() as books:
        campaign = enqueued(books, members, **options)
        yield campaign
        if not books.show(campaign).ended:
            books.cancel(campaign)


def press(visitor: Visitor, verb: str, confirmed: str | None = None) -> None:
    """Press a button, and in the dialog that asks the one that means it."""
    visitor.page.get_by_role("button", name=verb, exact=True).click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.get_by_role("button", name=confirmed or verb, exact=True).click()


def test_a_campaign_is_watched_until_it_is_completed(
    program: Program, worker: Worker, operator: Visitor
) -> None:
    page = operator.page
    with campaign_of(program, 20_000, rate=5, campaign_tag="watched") as campaign:
        operator.open("/")
        row = page.get_by_role("row", name="watched")
        expect(row.get_by_text("running")).to_be_visible()
        row.get_by_role("link").click()
        expect(page.get_by_role("status").filter(has_text="Live")).to_have_attribute(
            "data-state", "live"
        )
        bar = page.locator("#books rect")
        expect(page.locator("#state .badge")).to_have_text("completed")
        expect(page.locator("#books .figures dd").first).to_contain_text("100")
        widths = [float(width.rstrip("%")) for width in _widths(bar.all())]
        assert sum(widths) == pytest.approx(100, abs=0.01)
        expect(page.locator("#timeline")).to_contain_text("ended, completed")
        expect(page.locator("#drawing canvas")).to_be_visible()
        page.get_by_text("As a table").click()
        expect(page.get_by_role("region", name="Throughput as a table")).to_be_visible()
        page.get_by_text("Verify the books").click()
        expect(page.get_by_text("The books are sound.")).to_be_visible()
        assert operator.barriers() == []
        page.get_by_role("link", name="Chunks and attempts").click()
        page.get_by_label("State").select_option("rejected")
        expect(page.get_by_role("heading", name="No chunk is like that")).to_be_visible()
        page.get_by_label("State").select_option("delivered")
        page.get_by_label("1 attempt at chunk 17", exact=True).press("Enter")
        opened = page.locator("#attempts-17")
        expect(opened).to_contain_text("accepted by the vendor")
        expect(opened).to_contain_text(f"{campaign}-17-1")
        assert operator.barriers() == []
        assert "state=delivered" in page.url
    with program.books() as books:
        assert books.show(campaign).state == "completed"


def _widths(bars: list[Any]) -> list[str]:
    return [bar.get_attribute("width") for bar in bars]


def test_a_campaign_is_paused_resumed_and_cancelled_by_the_keyboard_alone(
    program: Program, worker: Worker, operator: Visitor
) -> None:
    page = operator.page
    state = page.locator("#state .badge")
    with campaign_of(program, 50_000, rate=1) as campaign:
        operator.open(f"/campaigns/{campaign}")
        page.get_by_role("button", name="Pause").focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("will wait until it is resumed")).to_be_visible()
        assert operator.barriers() == []
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("button", name="Pause")).to_be_focused()
        press(operator, "Pause")
        expect(state).to_have_text("paused")
        expect(page.locator("#state")).to_contain_text("It is paused by operator")
        press(operator, "Resume")
        expect(state).to_have_text("running")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_label("Type").fill("yes")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Nothing was cancelled")
        operator.forgive("422")
        page.get_by_label("Type").fill(campaign[:8])
        page.keyboard.press("Enter")
        expect(state).to_have_text("cancelled")
        expect(page.get_by_role("button", name="Pause")).to_have_count(0)


def test_a_canary_that_fails_is_seen_and_accepted(
    program: Program, worker: Worker, push_api: PushApi, operator: Visitor
) -> None:
    page = operator.page
    push_api.set_faults(unreachable=0.5)
    try:
        with campaign_of(program, 3_000, canary=1_000, max_error_rate="1%") as campaign:
            operator.open(f"/campaigns/{campaign}")
            expect(page.locator("#canary .badge")).to_have_text("failed")
            expect(page.locator("#state")).to_contain_text("Its canary failed")
            press(operator, "Accept and go on")
            expect(page.locator("#state .badge")).to_have_text("completed")
    finally:
        push_api.set_faults(unreachable=0)


def test_eight_tabs_are_all_live_while_a_ninth_uploads(program: Program, operator: Visitor) -> None:
    with campaign_of(program, 1, send_at=LATER) as campaign:
        tabs = [operator, *(operator.another_tab() for _ in range(7))]
        for tab in tabs:
            tab.open(f"/campaigns/{campaign}")
        with program.books() as books:
            books.pause(campaign)
        for tab in tabs:
            expect(tab.page.locator("#state .badge")).to_have_text("paused")
        ninth = operator.another_tab()
        ninth.open("/campaigns/new")
        rows = "userId\n" + "".join(f"reader-{number}\n" for number in range(200_000))
        ninth.page.fill("#app_id", APP)
        ninth.page.locator("#file").set_input_files(
            {"name": "many.csv", "mimeType": "", "buffer": rows.encode()}
        )
        expect(ninth.page.locator("#read-result")).to_contain_text("200 000")
        with program.books() as books:
            books.resume(campaign)
        for tab in tabs:
            expect(tab.page.locator("#state .badge")).to_have_text("scheduled")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_keep_nobody_out(program: Program, visit: Visit, scheme: str) -> None:
    tag = "a-rather-long-tag-that-somebody-once-made-up-for-a-campaign"
    with campaign_of(program, 3, send_at=LATER, campaign_tag=tag) as campaign:
        visitor = visit("operator", size=PHONE, color_scheme=scheme)
        for path in (
            "/",
            "/?tag=nobody",
            f"/campaigns/{campaign}",
            f"/campaigns/{campaign}/do/rate",
        ):
            visitor.open(path)
            assert visitor.overflow() == 0
            assert visitor.barriers() == []


def test_a_page_says_that_it_is_not_live_while_the_database_is_away(
    browser: Browser, program: Program
) -> None:
    with ExitStack() as stack:
        url = program.environment["DISPATCHER_DATABASE_URL"]
        proxy = stack.enter_context(proxied(url))
        api = stack.enter_context(running_api(program.having(DISPATCHER_DATABASE_URL=proxy.url)))
        books = stack.enter_context(program.books())
        campaign = enqueued(books, 1, send_at=LATER)
        otto = stack.enter_context(somebody(browser, api, books, "otto"))
        rita = stack.enter_context(somebody(browser, api, books, "rita"))
        for visitor in (otto, rita):
            visitor.open(f"/campaigns/{campaign}")
            expect(visitor.page.locator("#live")).to_have_text("Live")

        proxy.close_door()
        live = otto.page.locator("#live")
        expect(live).to_contain_text("Not live: last seen")
        expect(live).to_contain_text("trying again. PostgreSQL at")
        assert otto.overflow() == 0
        other = otto.another_tab()
        other.open("/")
        expect(other.page.get_by_role("link", name="Try again")).to_be_visible()

        proxy.open_door()
        books.cancel(campaign)
        expect(live).to_have_text("Live")
        expect(otto.page.locator("#state .badge")).to_have_text("cancelled")
        books.user_remove("otto")
        expect(otto.page.get_by_label("Password")).to_be_visible()
        api.process.terminate()
        expect(rita.page.locator("#live")).to_contain_text("Not live: last seen")
        for visitor in (otto, rita):
            visitor.complaints.clear()  # the browser says, too, that nobody answers
