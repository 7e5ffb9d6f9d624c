"""monitoring/: what it asks for is served and documented; every alert is tested and explained."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from dispatcher.books.fleet import Strength
from dispatcher.books.monitoring import Doubt, Due, Figures
from dispatcher.books.outbox import Troubles
from dispatcher.metrics.exporter import metrics_of
from workers.meter import PrometheusMeter

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "monitoring"
_METRIC = re.compile(r"\bdispatcher_[a-z_]+")
_SUFFIX = re.compile(r"_(bucket|count|sum)$")


def served() -> set[str]:
    """Every metric of ours that a worker or the exporter serves."""
    nothing = timedelta(0)
    figures = Figures(
        campaigns={},
        chunks={},
        due=Due(0, nothing, nothing),
        doubt=Doubt(1, nothing),
        unresolved_members=0,
        held={},
        paused_themselves=0,
        account_holds={},
        webhooks=Troubles(0, 0, nothing, 0),
        fleet=Strength(0, 0, 0, False),
    )
    workers = PrometheusMeter(("default",)).metrics.collect()
    samples = {_SUFFIX.sub("", each.name) for metric in workers for each in metric.samples}
    ours = {name for name in samples if name.startswith("dispatcher_")}
    return ours | {metric.name for metric in metrics_of(figures)} | {"dispatcher_up"}


def alerts() -> list[dict[str, Any]]:
    """The alerts of the rules."""
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]


def named_in(text: str) -> set[str]:
    """The metrics of ours that it names."""
    return {_SUFFIX.sub("", name) for name in _METRIC.findall(text)}


def test_what_is_served_is_documented_with_its_type_and_its_sum_and_nothing_else() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(dispatcher_\w+)` \| (counter|gauge|histogram) \|", page, re.MULTILINE)
    assert {name for name, _ in rows} == served()


def test_rules_and_dashboard_ask_for_what_is_served() -> None:
    for path in ("alerts.yml", "alerts_test.yml", "grafana/dispatcher.json"):
        text = (MONITORING / path).read_text(encoding="utf-8")
        assert named_in(text) <= served(), path


def test_the_dashboard_s_panels_have_places_of_their_own() -> None:
    board = json.loads((MONITORING / "grafana" / "dispatcher.json").read_text(encoding="utf-8"))
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert x < 24
                assert (x, y) not in taken, panel["title"]
                taken.add((x, y))


def test_every_alert_is_tested_and_has_a_section_that_says_what_to_do() -> None:
    tested = (MONITORING / "alerts_test.yml").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.*)", page, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    for alert in alerts():
        assert f'alertname="{alert["alert"]}"' in tested
        assert alert["labels"]["severity"] in ("page", "ticket")
        document, _, anchor = alert["annotations"]["runbook"].partition("#")
        assert (document, anchor in anchors) == ("docs/operating.md", True), anchor
        assert f"`{alert['alert']}`" in page
