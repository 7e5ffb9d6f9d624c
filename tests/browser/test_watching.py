"""What these tests would notice: the browser's complaints, and what keeps somebody out."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from tests.browser.visitor import Visitor, visiting

NOWHERE = "http://127.0.0.1:9"
POLICY = {"Content-Security-Policy": "default-src 'none'; img-src *"}


def look(browser: Browser, body: str, **answer: Any) -> Visitor:
    """A visitor of a page with this body, whose complaints they keep for the test."""

    def give(route: Route) -> None:
        if route.request.url == f"{NOWHERE}/":
            page = f"<html lang=en><title>A page</title><main><h1>It</h1>{body}</main></html>"
            route.fulfill(body=page, content_type="text/html", **answer)
        else:
            route.abort()

    with visiting(browser, NOWHERE) as visitor:
        visitor.page.route("**/*", give)
        visitor.open("/")
        found = Visitor(visitor.page, NOWHERE, list(visitor.complaints))
        visitor.complaints.clear()
    return found


@pytest.mark.parametrize(
    ("body", "headers", "complaint"),
    [
        ("<script>document.title = 'other'</script>", POLICY, "Content Security Policy"),
        ("<p style='color: red'>Red</p>", POLICY, "Content Security Policy"),
        ("<script>nobody.knows()</script>", {}, "nobody is not defined"),
        ("<img src='http://127.0.0.1:10/logo.png' alt=''>", {}, "another host"),
    ],
)
def test_what_the_browser_complains_of_is_noticed(
    browser: Browser, body: str, headers: dict[str, str], complaint: str
) -> None:
    assert complaint in "\n".join(look(browser, body, headers=headers).complaints)


def test_what_keeps_somebody_out_is_noticed(browser: Browser) -> None:
    with visiting(browser, NOWHERE) as visitor:
        visitor.page.set_content("<title>A page</title><input><p style='color: #ccc'>Pale</p>")
        found = " ".join(visitor.barriers())
    assert all(rule in found for rule in ("label", "color-contrast", "html-has-lang"))
