"""What a browser sees of a page that it was never at: its first paint, and what it loads for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.browser import chromium

is_there = chromium.program() is not None
"""Whether this machine has a browser."""

_SEEN = """
() => {
  const [painted] = performance.getEntriesByName("first-contentful-paint");
  const loaded = [...performance.getEntriesByType("navigation"),
                  ...performance.getEntriesByType("resource")];
  return painted && [painted.startTime, loaded.reduce((sum, one) => sum + one.transferSize, 0)];
}
"""


@dataclass(frozen=True, slots=True)
class Sight:
    """Milliseconds until the first content was painted, and bytes that came for the whole page."""

    painted: float
    transferred: int


@contextmanager
def looking(url: str, session: str) -> Iterator[Callable[[str], Sight]]:
    """Looks at a page of the console at `url`, as somebody who has signed in, with nothing kept."""
    with chromium.running() as browser:
        cookie: Any = {"name": "dispatcher", "value": session, "url": url}

        def look(path: str) -> Sight:
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            try:
                context.add_cookies([cookie])
                page = context.new_page()
                page.goto(f"{url}{path}", wait_until="load")
                seen = page.wait_for_function(_SEEN).json_value()
                return Sight(*seen)
            finally:
                context.close()

        yield look
