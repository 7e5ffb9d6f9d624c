"""Pictures of the console for docs/images: `make screenshots`.

They show what `dispatcher demo --console` shows: who changes a page looks at them and commits them.
"""

import sys
from pathlib import Path

from playwright.sync_api import Browser, expect

from dispatcher import Campaign, Dispatcher
from dispatcher.embedded import demo, showcase
from tests.browser import chromium
from tests.browser.visitor import PHONE, WIDE, Visitor, visiting
from tests.waiting import eventually

IMAGES = Path(__file__).parents[2] / "docs" / "images"
_PATIENCE = 120


def main() -> None:
    """Make them all anew."""
    IMAGES.mkdir(exist_ok=True)
    with (
        demo.stage(faults=True) as stage,
        showcase.showing(stage, 0) as shown,
        chromium.running() as browser,
    ):
        dispatcher = Dispatcher(stage.settings)
        campaigns = eventually(lambda: _settled(dispatcher), within=_PATIENCE)
        session = dispatcher.sign_in("anna", shown.passwords["anna"].reveal(), "127.0.0.1")
        cookie = {"name": "dispatcher", "value": session.reveal(), "url": shown.address}
        for name, path, options in _pictures(campaigns):
            _take(browser, shown.address, cookie, name, path, options)


def _settled(dispatcher: Dispatcher) -> dict[str, Campaign] | None:
    """The campaigns by tag, once each is in the state in which it is worth looking at."""
    found = {str(campaign.campaign_tag): campaign for campaign in dispatcher.list()}
    over = found["winback"].state == "completed" and found["first-week"].state == "paused"
    return found if over and found["autumn"].members.delivered else None


def _pictures(
    campaigns: dict[str, Campaign] | None,
) -> list[tuple[str, str, dict[str, object]]]:
    """The name of each, the place that it shows, and how it is looked at."""
    assert campaigns is not None
    winback, running = campaigns["winback"].id, campaigns["autumn"].id
    canary = campaigns["first-week"].id
    return [
        ("list", "/", {}),
        ("campaign", f"/campaigns/{winback}", {"size": (1280, 1180)}),
        ("canary", f"/campaigns/{canary}", {"size": (1280, 1000)}),
        ("new-campaign", "/campaigns/new", {"size": (1280, 1000)}),
        ("dark", f"/campaigns/{running}", {"color_scheme": "dark", "size": (1280, 1000)}),
        ("phone", f"/campaigns/{running}", {"size": PHONE, "device_scale_factor": 2}),
    ]


def _take(
    browser: Browser,
    address: str,
    cookie: dict[str, str],
    name: str,
    path: str,
    options: dict[str, object],
) -> None:
    seen = {"timezone_id": "Europe/Berlin", "locale": "en-GB", "reduced_motion": "reduce"}
    known = {"size": WIDE, **seen, **options}
    with visiting(browser, address, cookies=[cookie], **known) as visitor:  # type: ignore[arg-type]
        answer = visitor.open(path)
        assert answer.ok, f"{path}: {answer.status}"
        if name == "new-campaign":
            _write(visitor)
        _settle(visitor)
        target = IMAGES / f"{name}.png"
        visitor.page.screenshot(path=target, caret="initial")
        print(f"{target.relative_to(IMAGES.parents[1])}", file=sys.stderr)


def _write(visitor: Visitor) -> None:
    """Fill in a message, and wait until the page shows it as a phone does."""
    page = visitor.page
    page.fill("#app_id", demo.APP_ID)
    page.fill("#campaign_tag", "winback")
    for platform in ("ios", "android"):
        page.fill(f"#m-0-{platform}-1", "We miss you")
        page.fill(f"#m-0-{platform}-2", "Your hero is waiting.")
    expect(page.locator(".note-title")).to_have_count(2)
    expect(page.locator(".note-title").last).to_have_text("We miss you")
    page.evaluate("document.activeElement.blur()")


def _settle(visitor: Visitor) -> None:
    """Wait until it is live and drawn, where it is a page that moves."""
    if visitor.page.locator("#live").count():
        visitor.page.wait_for_selector("#live[data-state=live]")
    visitor.page.evaluate("document.fonts.ready")
    visitor.page.wait_for_load_state("load")


if __name__ == "__main__":
    main()
