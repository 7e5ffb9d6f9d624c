"""Signing in, as somebody at a browser does it; and what becomes of a page once they may not."""

import pytest
from playwright.sync_api import expect

from tests.acceptance.program import Program
from tests.browser.conftest import Visit
from tests.browser.visitor import PHONE

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module", autouse=True)
def vera(program: Program) -> None:
    """A viewer who knows her password."""
    with program.books() as books:
        books.user_add("vera", "viewer", PASSWORD)


@pytest.mark.parametrize("options", [{}, {"size": PHONE, "color_scheme": "dark"}])
def test_a_person_comes_in_by_password_to_where_they_wanted_to_go_and_out_again(
    visit: Visit, options: dict[str, object]
) -> None:
    visitor = visit(**options)
    page = visitor.page
    visitor.open("/workers")
    assert "/login" in page.url
    assert visitor.barriers() == []
    assert visitor.overflow() == 0
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill("a wrong password of hers")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    assert visitor.barriers() == []
    visitor.forgive("403")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Workers", exact=True)).to_be_visible()
    assert page.url == f"{visitor.url}/workers"
    expect(page.get_by_role("banner")).to_contain_text("vera")
    page.get_by_role("banner").get_by_role("link", name="vera").click()
    assert visitor.barriers() == []
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_label("Password")).to_be_visible()
    visitor.open("/workers")
    assert "/login" in page.url


def test_a_page_of_somebody_who_is_removed_asks_who_they_are(
    visit: Visit, program: Program
) -> None:
    visitor = visit("operator")
    visitor.open("/")
    page = visitor.page
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    with program.books() as books:
        books.user_remove("operator")
    expect(page.get_by_label("Password")).to_be_visible(timeout=60_000)
    visitor.forgive("EventSource")
