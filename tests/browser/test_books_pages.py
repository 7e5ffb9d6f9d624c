"""The pages beside the campaigns: people, accounts, workers, the log, webhooks."""

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from dispatcher.books import fleet
from tests.acceptance.program import APP, MESSAGE, Program
from tests.browser.conftest import Visit
from tests.browser.visitor import PHONE

PAGES = ("/people", "/accounts", "/workers", "/log", "/webhooks")


@pytest.fixture(scope="module", autouse=True)
def books(program: Program) -> None:
    """A campaign whose receiver is to be told, an account that rests, and two workers."""
    program = program.having(DISPATCHER_NOTIFY_ALLOW="127.0.0.0/8")
    with program.books() as books:
        books.enqueue(
            app_id=APP,
            message=MESSAGE,
            audience=[{"userId": name} for name in ("anna", "boris")],
            notify="http://127.0.0.1:9/hook",
        )
        books.pause("last")
    with program.database() as connection:
        fleet.seen(connection, "first@here", 8, 20.0)
        fleet.seen(connection, "second@here", 8, 20.0)
        fleet.tell_silence(connection, "second@here", "it listens to another queue")
        hold = "UPDATE account SET hold_until = now() + interval '1 d', hold_reason = :reason"
        connection.execute(text(hold), {"reason": "it asked to wait"})


@pytest.mark.parametrize("page", PAGES)
def test_each_page_is_open_to_everybody_at_any_size_and_in_the_dark(
    visit: Visit, page: str
) -> None:
    for role, options in (("admin", {}), ("viewer", {"size": PHONE, "color_scheme": "dark"})):
        visitor = visit(role, **options)
        assert visitor.open(page).status == 200
        assert visitor.barriers() == []
        assert visitor.overflow() == 0


def test_an_admin_lists_finds_and_forgets_somebody_by_typing_them_twice(
    visit: Visit, program: Program
) -> None:
    visitor = visit("admin")
    visitor.open("/people")
    page = visitor.page
    page.get_by_label("App").fill(APP)
    page.get_by_label("Identifiers, one a line").fill("anna")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_contain_text("userId=anna")
    visitor.forgive("422")
    page.get_by_label("Identifiers, one a line").fill("userId=carl\nuserId=dora")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("2 identifiers added")).to_be_visible()
    page.get_by_role("button", name="How many are on it").click()
    expect(page.get_by_text("2 identifiers stand on the list")).to_be_visible()

    page.get_by_label("Identifier, with its kind").fill("userId=anna")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("1 chunk holds them.")).to_be_visible()
    page.get_by_role("button", name="Forget …").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("They leave 1 stored chunk")
    assert visitor.barriers() == []
    dialog.get_by_role("textbox").fill("userId=boris")
    dialog.get_by_role("button", name="Forget them for good").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing was forgotten")
    visitor.forgive("422")
    dialog.get_by_role("textbox").fill("userId=anna")
    dialog.get_by_role("button", name="Forget them for good").click()
    expect(dialog.get_by_role("heading", name="Forgotten")).to_be_visible()
    assert "anna" not in page.url
    with program.books() as books:
        assert books.find("userId=anna") == ()
        assert books.log(limit=1)[0].via == "console"


def test_a_hold_is_lifted_and_a_webhook_delivered_once_the_page_has_asked(
    visit: Visit, program: Program
) -> None:
    visitor = visit("operator")
    page = visitor.page
    visitor.open("/accounts")
    page.get_by_role("link", name="Let it go on").click()
    expect(page.get_by_role("dialog")).to_contain_text("it asked to wait")
    page.get_by_role("dialog").get_by_role("button", name="Let it go on").click()
    expect(page.get_by_text("The hold of account default is lifted")).to_be_visible()
    visitor.open("/workers")
    expect(page.locator("#live")).to_have_text("Live")
    with program.database() as connection:
        fleet.seen(connection, "third@here", 8, 20.0)
    expect(page.get_by_role("row", name="third@here")).to_be_visible()
    visitor.open("/webhooks")
    page.get_by_role("link", name="Deliver now: number 2").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("link", name="Deliver now: number 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Deliver it again").click()
    expect(page.get_by_role("status")).to_contain_text("Webhook 2 is due again")
    visitor.open("/log")
    expect(page.get_by_role("row", name="webhook redeliver")).to_contain_text("operator")
    page.get_by_label("Who").fill("nobody")
    expect(page.get_by_role("heading", name="Nothing like that was done")).to_be_visible()


def test_a_viewer_sees_no_identifier_and_no_button_and_may_call_nothing(visit: Visit) -> None:
    visitor = visit("viewer")
    page = visitor.page
    for path in PAGES:
        visitor.open(path)
        names = "|".join(("Add", "Remove", "Check", "Find", "Forget", "Let it go on", "Deliver"))
        assert page.locator("button, .button", has_text=re.compile(names)).count() == 0
    posts = ("/people/list", "/people/find", "/people/forget", "/people/forgotten")
    for path in (*posts, "/accounts/default/resume", "/webhooks/last/1/redeliver"):
        answer = page.request.post(f"{visitor.url}{path}", headers={"Origin": visitor.url})
        assert answer.status == 403, path
        assert "this takes an " in answer.text()
