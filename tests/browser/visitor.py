"""Somebody who looks at the console: a browser window, and what the browser complains of."""

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect

WIDE, PHONE = (1280, 900), (390, 844)
_PATIENCE = 20_000
_SERIOUS = ("serious", "critical")


@dataclass(frozen=True)
class Visitor:
    """A window of its own, with its own cookies."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    """Errors of scripts, of the policy and of loading; and whatever was asked of another host."""

    def open(self, path: str) -> Response:
        """Go to this page of the console; the answer that it came with."""
        answer = self.page.goto(f"{self.url}{path}")
        assert answer is not None
        return answer

    def another_tab(self) -> "Visitor":
        """The same person's next tab."""
        return _watched(self.page.context.new_page(), self.url, self.complaints)

    def forgive(self, words: str) -> None:
        """Take back what the browser said of this: it is what the test is about."""
        forgiven = [complaint for complaint in self.complaints if words in complaint]
        assert forgiven, f"nobody complained of {words!r}: {self.complaints}"
        self.complaints[:] = [other for other in self.complaints if other not in forgiven]

    def barriers(self) -> list[str]:
        """What axe finds here that keeps somebody out: nothing, on a page as it should be."""
        self.page.evaluate(_axe())
        found: dict[str, Any] = self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            f"{violation['id']} at {node['target']}: {node['failureSummary']}"
            for violation in found["violations"]
            if violation["impact"] in _SERIOUS
            for node in violation["nodes"]
        ]

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        wider: int = self.page.evaluate(script)
        return max(0, wider)


@contextmanager
def visiting(
    browser: Browser,
    url: str,
    *,
    size: tuple[int, int] = WIDE,
    cookies: Sequence[Any] = (),
    **options: Any,
) -> Iterator[Visitor]:
    """A visitor of the console at `url`; the test fails where the browser had to complain.

    `options` are those of a Playwright context, such as `color_scheme` and `storage_state`.
    """
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(_PATIENCE)
    expect.set_options(timeout=_PATIENCE)
    context.add_cookies(cookies)
    try:
        visitor = _watched(context.new_page(), url, [])
        yield visitor
        assert not visitor.complaints, visitor.complaints
    finally:
        context.close()


def _watched(page: Page, url: str, complaints: list[str]) -> Visitor:
    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def asked(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            complaints.append(f"asked of another host: {request.url}")

    page.on("console", said)
    page.on("request", asked)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return Visitor(page, url, complaints)


def _axe() -> str:
    package = importlib.util.find_spec("axe_playwright_python")
    assert package is not None
    assert package.origin is not None
    return (Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8")
