"""A new campaign, as a person makes one at a browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import FileChooser, Page, expect

from tests.acceptance.program import APP, Program, Worker
from tests.browser.conftest import Visit
from tests.browser.visitor import PHONE, Visitor
from tests.waiting import eventually

ROWS = "customer;lang\nanna;en\nboris;de\n;en\n" + "".join(f"user-{n};en\n" for n in range(60))
WORKBOOK = b"PK\x03\x04 [Content_Types].xml"

Author = Callable[..., Visitor]


@pytest.fixture
def author(visit: Visit) -> Author:
    """Opens the page in a window of an operator's."""

    def open_page(**options: object) -> Visitor:
        visitor = visit("operator", **options)
        visitor.open("/campaigns/new")
        return visitor

    return open_page


def upload(page: Page, name: str, content: bytes | str) -> None:
    body = content.encode() if isinstance(content, str) else content
    page.locator("#file").set_input_files({"name": name, "mimeType": "", "buffer": body})


def write(page: Page, title: str = "We miss you") -> None:
    """An app and a message for iOS alone."""
    page.fill("#app_id", APP)
    page.uncheck("#platform-android")
    expect(page.locator("#m-0-android-1")).to_have_count(0)
    page.fill("#m-0-ios-1", title)
    page.fill("#m-0-ios-2", "Your garden has grown.")
    expect(page.locator(".note-title")).to_have_text(title)


def choose(page: Page, **columns: str) -> None:
    for name, role in columns.items():
        page.locator(f"[data-column='{name}']").select_option(role)


def test_a_campaign_is_written_checked_sent_and_completes(
    author: Author, program: Program, worker: Worker
) -> None:
    visitor = author()
    page = visitor.page
    write(page)
    upload(page, "members.csv", WORKBOOK)
    expect(page.locator("#columns")).to_contain_text("it is an Excel workbook, not CSV")
    upload(page, "members.csv", ROWS)
    expect(page.locator("#columns")).to_contain_text("2 columns have a name that says nothing")
    page.click("#read")
    expect(page.locator("#read-result")).to_contain_text("has the column 'customer'")
    choose(page, customer="userId", lang="-")
    page.click("#read")
    expect(page.locator("#read-result")).to_contain_text("line 4")
    page.fill("#rate", "fast")
    page.click("#check")
    expect(page.locator("#checked")).to_contain_text("The rate 'fast' is no number")
    page.click("#checked a >> text=The rate 'fast' is no number")
    expect(page.locator("#rate")).to_be_focused()
    expect(page.locator("#rate")).to_have_attribute("aria-invalid", "true")
    assert visitor.barriers() == []
    page.fill("#rate", "50")
    page.check("#skip_invalid")
    page.click("#check")
    expect(page.locator("#outcome")).to_be_focused()
    expect(page.locator("#rate")).not_to_have_attribute("aria-invalid", "true")
    page.fill("#campaign_tag", "from-the-console")
    expect(page.locator("#stale")).to_be_visible()
    page.click("#check")
    page.click("#ask")
    expect(page.locator("dialog")).to_contain_text(f"members of {APP}?")
    assert visitor.barriers() == []
    page.locator("dialog").get_by_role("button", name=re.compile("^Send to 62")).click()
    page.wait_for_url(re.compile(r"/campaigns/[0-9a-f-]{36}$"))

    expect(page.locator("#state .badge")).to_have_text("completed")
    expect(page.locator("#books .figures dd").first).to_contain_text("62")
    done = program.ask("show", "last")
    assert (done["campaign_tag"], done["members"]["delivered"]) == ("from-the-console", 62)
    visitor.open("/campaigns/new")
    expect(page.locator("#app_id")).to_have_value("")


def test_a_reload_keeps_the_draft_but_nobody_s_name(author: Author) -> None:
    visitor = author()
    page = visitor.page
    write(page)
    upload(page, "members.csv", "")
    expect(page.locator("#upload-wrong")).to_have_text("This file is empty: choose another one.")
    page.route("**/campaigns/new/check", lambda route: route.abort())
    page.click("#check")
    expect(page.locator("#checked")).to_contain_text("The server cannot be reached")
    visitor.forgive("Failed to")
    page.click("#add-variant")
    page.fill("#variant-1", "de")
    page.keyboard.press("Tab")
    expect(page.locator("[data-variant=de]")).to_be_visible()
    page.fill("#m-1-ios-1", "Du fehlst uns")
    upload(page, "members.csv", ROWS)
    choose(page, customer="userId", lang="variant")
    page.fill("#test_to", "userId=anna")
    page.get_by_label("at a time", exact=True).check()
    page.fill("#send_at", "2190-01-01T10:00")
    page.fill("#m-1-ios-2", "Dein Garten ist gewachsen.")
    page.reload()

    expect(page.locator("#m-1-ios-1")).to_have_value("Du fehlst uns")
    expect(page.locator("#m-1-ios-2")).to_have_value("Dein Garten ist gewachsen.")
    expect(page.locator("[data-column=lang]")).to_have_value("variant")
    expect(page.locator("#read-result")).to_contain_text("Members")
    expect(page.locator("#send_at")).to_have_value("2190-01-01T10:00")
    expect(page.locator("#test_to")).to_have_value("")
    assert "anna" not in page.evaluate("JSON.stringify(localStorage)")
    page.click("#discard")
    expect(page.locator("#app_id")).to_have_value("")


def test_json_and_fields_are_two_views_of_one_message(author: Author) -> None:
    page = author().page
    page.click("summary >> text=The whole message as JSON")
    page.fill("#message", '{"uwp": {"toast": {"title": 5, "data": {"offer": 7}}}}')
    page.keyboard.press("Tab")
    expect(page.locator("#m-0-uwp-1")).to_have_value("5")
    expect(page.locator("#looks")).to_contain_text("uwp.toast.title must be a text, not a number.")
    expect(page.locator("#m-0-uwp-1")).to_have_attribute("aria-invalid", "true")
    page.fill("#m-0-uwp-1", "Hello")
    expect(page.locator(".note-title")).to_have_text("Hello")
    expect(page.locator("#m-0-uwp-1")).not_to_have_attribute("aria-invalid", "true")
    assert '"offer": 7' in page.input_value("#message")


def test_a_campaign_is_sent_by_keyboard_alone_on_a_dark_phone(
    author: Author, program: Program
) -> None:
    visitor = author(size=PHONE, color_scheme="dark")
    page = visitor.page
    keys = page.keyboard
    choosers: list[FileChooser] = []
    # From here on, as the browser takes its time to know that somebody wants to hear of it.
    page.on("filechooser", lambda chooser: choosers.append(chooser))

    def heard() -> bool:
        page.wait_for_timeout(20)  # while it waits, Playwright hears what the browser says
        return bool(choosers)

    def tab_to(selector: str) -> None:
        for _ in range(90):
            if page.locator(f"{selector}:focus").count():
                return
            keys.press("Tab")
        raise AssertionError(f"no Tab leads to {selector}")

    tab_to("#app_id")
    keys.type(APP)
    tab_to("#platform-android")
    keys.press("Space")
    expect(page.locator("#m-0-android-1")).to_have_count(0)
    expect(page.locator("#platform-android")).to_be_focused()
    tab_to("#m-0-ios-2")
    keys.type("Hello")
    tab_to("#file")
    keys.press("Enter")
    eventually(heard, within=60)
    body = b"userId\nanna\n"
    choosers[0].set_files({"name": "one.csv", "mimeType": "", "buffer": body})
    expect(page.locator("#read-result")).to_contain_text("Members")
    tab_to("#check")
    keys.press("Enter")
    expect(page.locator("#outcome")).to_be_focused()
    assert visitor.overflow() <= 0
    assert visitor.barriers() == []
    tab_to("#ask")
    keys.press("Enter")
    expect(page.locator("dialog [data-closes]")).to_be_focused()
    keys.press("Escape")
    expect(page.locator("#ask")).to_be_focused()
    keys.press("Enter")
    keys.press("Tab")
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/campaigns/[0-9a-f-]{36}$"))
    assert program.ask("show", "last")["members"]["total"] == 1
