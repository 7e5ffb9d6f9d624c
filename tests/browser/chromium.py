"""The browser: Debian's Chromium, or whichever program CHROMIUM names."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def program() -> str | None:
    """Where the browser's program is, if it is anywhere."""
    return shutil.which(os.environ.get("CHROMIUM") or "chromium")


@contextmanager
def running() -> Iterator[Browser]:
    """The browser, without a window and without a word to its maker; a test fails without one."""
    found = program()
    if found is None:
        pytest.fail(_MISSING, pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_QUIET)
        try:
            yield browser
        finally:
            browser.close()


_MISSING = (
    "The tests in tests/browser need Debian's chromium: `apt install --no-install-recommends "
    "chromium`, as root; or name another one, as in `CHROMIUM=/opt/chrome/chrome make browser`."
)

if __name__ == "__main__" and program() is None:
    sys.exit(_MISSING)
