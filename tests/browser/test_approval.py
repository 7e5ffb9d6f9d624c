"""A second person: what somebody orders above a bound waits until another one approves it."""

import re
from contextlib import ExitStack

from playwright.sync_api import Browser, Page, expect

from tests.acceptance.http_api import running_api
from tests.acceptance.program import APP, Program, Worker
from tests.browser.conftest import somebody

ROWS = b"userId\n" + b"".join(b"reader-%d\n" % number for number in range(11))


def test_what_one_person_orders_above_the_bound_is_begun_by_another(
    browser: Browser, program: Program, worker: Worker
) -> None:
    with ExitStack() as stack:
        strict = program.having(DISPATCHER_APPROVAL_MEMBERS="10")
        api = stack.enter_context(running_api(strict))
        books = stack.enter_context(strict.books())
        olga = stack.enter_context(somebody(browser, api, books, "olga"))
        paul = stack.enter_context(somebody(browser, api, books, "paul"))
        olga.open("/campaigns/new")
        order(olga.page)
        campaign = olga.page.url.removeprefix(olga.url)
        waits = "It waits for the approval of a second person"
        expect(olga.page.locator("#state")).to_contain_text(waits)
        expect(olga.page.locator("#state .badge")).to_have_text("paused")
        expect(olga.page.get_by_role("button", name="Resume")).to_have_count(0)
        assert olga.barriers() == []
        approve(olga.page)
        dialog = olga.page.get_by_role("dialog")
        expect(dialog.get_by_role("alert")).to_contain_text(
            "was ordered by olga: it takes a second person"
        )
        olga.forgive("422")

        paul.open("/")
        paul.page.get_by_role("row", name="to-everybody").get_by_role("link").click()
        paul.page.wait_for_url(f"**{campaign}")
        expect(paul.page.locator("#state")).to_contain_text(waits)
        approve(paul.page)
        expect(paul.page.locator("#state .badge")).to_have_text("completed")
        olga.page.keyboard.press("Escape")
        expect(olga.page.locator("#state .badge")).to_have_text("completed")
        expect(olga.page.locator("#timeline")).to_contain_text("approved by paul")


def order(page: Page) -> None:
    """Order a campaign for eleven members, by the page."""
    page.fill("#app_id", APP)
    page.uncheck("#platform-android")
    page.fill("#m-0-ios-2", "Hello")
    page.fill("#campaign_tag", "to-everybody")
    page.locator("#file").set_input_files({"name": "all.csv", "mimeType": "", "buffer": ROWS})
    expect(page.locator("#read-result")).to_contain_text("Members")
    page.click("#check")
    expect(page.locator("#outcome")).to_be_focused()
    page.click("#ask")
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("Nothing begins before a second person has approved it")
    dialog.get_by_role("button", name=re.compile("^Send to 11")).click()
    page.wait_for_url(re.compile(r"/campaigns/[0-9a-f-]{36}$"))


def approve(page: Page) -> None:
    page.get_by_role("button", name="Approve", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("11 members will be sent to")
    dialog.get_by_role("button", name="Approve", exact=True).click()
