"""The console's pages as a browser gets them, without its scripts."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import requests
from fastapi.routing import APIRoute

from console.api import open_router, router
from console.others import others
from console.pages.all import ROUTERS
from tests.acceptance.browsers import PASSWORD, Browser, signed_in, words
from tests.acceptance.http_api import Api, running_api
from tests.acceptance.program import APP, MESSAGE, Program

PACKED = {"Accept-Encoding": "gzip"}
HOSTILE = "<script>alert('\"1\"')</script>"
EVERY_ROUTER = (router, others, open_router, *ROUTERS)
ROLES = ("viewer", "operator", "admin")
STEERING = {"pause", "rate", "window", "finish-by", "cancel"}


@pytest.fixture(scope="module")
def api(own_books: Program) -> Iterator[Api]:
    """A console on books of which nothing is ever sent."""
    with running_api(own_books) as api:
        yield api


@pytest.fixture(scope="module")
def browsers(api: Api) -> dict[str, Browser]:
    """A browser for somebody of each role."""
    return {role: signed_in(api, role) for role in ROLES}


@pytest.fixture(scope="module")
def operator(browsers: dict[str, Browser]) -> Browser:
    return browsers["operator"]


def enqueued(program: Program, **options: Any) -> str:
    """The id of a new campaign for three members."""
    rows = [{"userId": f"reader-{number}"} for number in range(3)]
    with program.books() as books:
        return books.enqueue(app_id=APP, message=MESSAGE, audience=rows, **options)


class _Verbs(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "action") and value and "/do/" in value:
                self.found.add(value.rpartition("/")[2])


def buttons(page: requests.Response) -> set[str]:
    """The verbs that a page has buttons for."""
    parser = _Verbs()
    parser.feed(page.text)
    return parser.found


def test_a_page_and_all_that_it_loads_are_small_and_come_from_here(
    own_books: Program, operator: Browser
) -> None:
    hostile = enqueued(own_books, campaign_tag=HOSTILE, key=HOSTILE)
    for path in ("/", f"/campaigns/{hostile}", f"/campaigns/{hostile}/do/cancel"):
        found = operator.get(path, headers=PACKED)
        assert (found.status_code, found.headers["Cache-Control"]) == (200, "no-store")
        assert "&lt;script&gt;alert(" in found.text
        assert HOSTILE not in found.text
        policy = found.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]* src=)", found.text)
        loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', found.text)
        assert len(loaded) >= 4
        sizes = [int(found.headers["Content-Length"])]
        for address in loaded:
            asset = operator.get(address, headers=PACKED)
            assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert asset.headers["X-Content-Type-Options"] == "nosniff"
            sizes.append(int(asset.headers["Content-Length"]))
        assert sum(sizes) < 100_000, sizes


def test_what_is_wrong_is_a_page_for_people_and_a_problem_for_programs(operator: Browser) -> None:
    for path in ("/nowhere", "/static/of-before/console.css", "/static/%2e%2e/app.py"):
        page, problem = operator.get(path), operator.get(path, headers={"Accept": "*/*"})
        assert (page.status_code, problem.status_code) == (404, 404)
        assert "There is no page at this address." in page.text
        assert page.headers["Content-Type"].startswith("text/html")
        assert problem.headers["Content-Type"] == "application/problem+json"
    unknown = operator.get("/campaigns/ffffffff")
    assert unknown.status_code == 404
    assert "No campaign has the id ffffffff" in unknown.text


STREAMS = {"/api/v1/events", "/live", "/accounts/live", "/workers/live"}


def texts_of_requests() -> Iterator[tuple[str, str]]:
    """A method and an address for each text that a path or a query may hold, with a NUL there."""
    for route in (route for routes in EVERY_ROUTER for route in routes.routes):
        if not isinstance(route, APIRoute) or route.path in STREAMS:
            continue
        (method,) = (route.methods or set()) - {"HEAD"}
        place = re.sub(r"\{[^}]*\}", "%00", route.path)
        if place != route.path:
            yield method, place
        fields = route.dependant.query_params
        names = {name for each in fields for name in names_of(each)}
        for name in sorted(names):
            yield method, f"{place}?{name}=%00"


def names_of(field: Any) -> list[str]:
    """The names in a query that a parameter has, which may be a model of several."""
    model = field.field_info.annotation
    return [*getattr(model, "model_fields", {field.alias: None})]


def test_no_text_of_an_address_is_a_surprise(api: Api, browsers: dict[str, Browser]) -> None:
    admin, program = browsers["admin"], api.having("admin")
    asked = set(texts_of_requests())
    assert {("POST", "/accounts/%00/resume"), ("GET", "/?tag=%00")} < asked
    for method, place in asked:
        is_api = place.startswith("/api/v1")
        found = (
            program.ask(method, place.removeprefix("/api/v1"), {})
            if is_api
            else admin.ask(method, place)
        )
        assert found.status_code < 500, (method, place, found.text)


def test_half_of_a_surrogate_pair_is_shown_as_a_question_mark(operator: Browser) -> None:
    message = '{"ios": {"payload": {"text": "\\ud800"}}}'
    shown = operator.part("/campaigns/new/editor", {"message": message})
    assert (shown.status_code, ">?</textarea>" in shown.text) == (200, True), shown.text


def test_campaigns_are_searched_and_come_in_pages(own_books: Program, operator: Browser) -> None:
    made = [enqueued(own_books, campaign_tag="searched") for _ in range(52)]

    def listed(path: str) -> list[str]:
        return re.findall(r'<tr class="goes[^"]*" id="c-([^"]+)"', operator.part(path).text)

    first = operator.part("/?tag=searched")
    older = re.findall(r'href="(/\?tag=searched&amp;before=[^"]+)"', first.text)[0]
    assert first.headers["HX-Replace-Url"] == "/?tag=searched"
    assert "<html" not in first.text
    assert listed("/?tag=searched") == made[:1:-1]
    assert listed(older.replace("&amp;", "&")) == made[1::-1]
    assert listed(f"/?id={made[7]}") == [made[7]]
    assert listed(f"/?tag=searched&app={APP}&state=paused") == []
    assert "No campaign is like that" in operator.get("/?app=nowhere").text
    assert "&#39;flying&#39; is no state of a campaign" in operator.get("/?state=flying").text
    assert "No campaign has the id ffff" in operator.get("/?id=ffff").text
    assert operator.get("/?before=nothing").status_code == 200


def test_who_only_looks_sees_no_button_and_can_press_none(
    own_books: Program, browsers: dict[str, Browser]
) -> None:
    campaign = enqueued(own_books)
    page = f"/campaigns/{campaign}"
    for role, browser in browsers.items():
        seen = browser.get(page)
        assert seen.status_code == 200
        assert buttons(seen) == (set() if role == "viewer" else STEERING)
        assert ("failures.csv" in seen.text) == (role != "viewer")
        assert ("/campaigns/new" in browser.get("/").text) == (role != "viewer")
    viewer = browsers["viewer"]
    for verb in STEERING:
        assert viewer.get(f"{page}/do/{verb}").status_code == 403
        assert viewer.send(f"{page}/do/{verb}").status_code == 403
    assert viewer.get(f"{page}/failures.csv").status_code == 403
    stranger = Browser(viewer.place)
    for path in ("/", page, f"{page}/timeline", f"{page}/verify", f"{page}/live", "/live"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/login")
    with own_books.books() as books:
        assert books.show(campaign).state == "running"


def test_buttons_ask_first_and_then_do_what_they_said(
    own_books: Program, operator: Browser
) -> None:
    campaign = enqueued(own_books)
    page = f"/campaigns/{campaign}"
    asked = operator.part(f"{page}/do/pause").text
    assert "3 members will wait until it is resumed." in asked
    assert "<html" not in asked
    done = operator.send(f"{page}/do/pause")
    assert (done.status_code, done.headers["Location"]) == (303, f"{page}?done=pause")
    paused = operator.get(done.headers["Location"])
    assert "It is paused by operator" in paused.text
    assert buttons(paused) == STEERING - {"pause"} | {"resume"}
    operator.send(f"{page}/do/resume")
    operator.send(f"{page}/do/rate", value="2.5")
    operator.send(f"{page}/do/window", value="mon-fri 09:00-17:00 UTC\r\n\r\nsat 10:00-12:00 UTC")
    operator.send(f"{page}/do/finish-by", value="2090-01-02T10:00", zone="Europe/Berlin")
    with own_books.books() as books:
        shown = books.show(campaign)
        assert (shown.state, shown.rate, len(shown.window)) == ("running", 2.5, 2)
        assert shown.finish_by is not None
        assert shown.finish_by.isoformat() == "2090-01-02T09:00:00+00:00"
        assert {act.via for act in books.log(campaign) if act.verb == "pause"} == {"console"}
    operator.send(f"{page}/do/cancel", value=campaign[:8])
    with own_books.books() as books:
        assert books.show(campaign).state == "cancelled"
    assert buttons(operator.get(page)) == set()


@pytest.mark.parametrize(
    ("verb", "fields", "sentence"),
    [
        ("cancel", {"value": "yes"}, "Nothing was cancelled: type"),
        ("cancel", {}, "Nothing was cancelled: type"),
        ("rate", {"value": "fast"}, "The rate &#39;fast&#39; is no number"),
        ("rate", {"value": "-1"}, "rate"),
        ("window", {"value": "mon 9-5"}, "mon 9-5"),
        ("finish-by", {"value": "soon"}, "&#39;soon&#39; is no time of a clock"),
        ("finish-by", {"value": "2090-01-02T10:00", "zone": "../etc"}, "There is no time zone"),
        (
            "finish-by",
            {"value": "2030-03-31T02:30", "zone": "Europe/Berlin"},
            "No clock in Europe/Berlin ever shows this time",
        ),
        ("finish-by", {"value": "1990-01-02T10:00"}, "1990"),
        ("accept", {}, "nothing"),
        ("accept", {"value": "lots"}, "lots"),
        ("retry", {"value": "all"}, "&#39;all&#39; is none of"),
    ],
)
def test_what_is_in_the_way_is_said_where_it_was_asked(
    own_books: Program, operator: Browser, verb: str, fields: dict[str, str], sentence: str
) -> None:
    campaign = enqueued(own_books)
    with own_books.books() as books:
        before = books.show(campaign).as_json()
        answer = operator.send(f"/campaigns/{campaign}/do/{verb}", **fields)
        after = books.show(campaign).as_json()
    assert answer.status_code == 422
    assert sentence.lower() in answer.text.lower()
    assert 'role="alert"' in answer.text
    assert (after["state"], after["rate"], after["window"]) == (
        before["state"],
        before["rate"],
        before["window"],
    )


def test_no_more_are_sent_to_again_than_the_dialog_said(
    own_books: Program, operator: Browser
) -> None:
    campaign = enqueued(own_books)
    page = f"/campaigns/{campaign}/do/retry"
    with own_books.database() as connection:
        for statement in (
            "UPDATE chunk SET state = 'rejected', settled_at = now(), published_at = NULL"
            " WHERE campaign_id = %s",
            "UPDATE campaign SET started_at = now(), members_remaining = 0, chunks_pending = 0,"
            " members_rejected = 3, chunks_rejected = 1 WHERE id = %s",
        ):
            connection.exec_driver_sql(statement, (campaign,))
    asked = operator.part(page).text
    assert 'name="shown_rejected" value="3"' in asked
    for fewer in ({"shown_rejected": "2"}, {"shown_rejected": "many"}, {}):
        refused = operator.send(page, value="rejected", **fewer)
        assert refused.status_code == 422
        assert "3 rejected members by now" in refused.text
        assert 'name="shown_rejected" value="3"' in refused.text
    with own_books.books() as books:
        assert books.show(campaign).members.rejected == 3
    assert operator.send(page, value="rejected", shown_rejected="3").status_code == 303


def test_parts_of_a_campaign_are_told_when_they_are_asked_for(
    own_books: Program, operator: Browser
) -> None:
    campaign = enqueued(own_books)
    page = f"/campaigns/{campaign}"
    assert "committed" in operator.part(f"{page}/timeline").text
    assert "The books are sound." in operator.part(f"{page}/verify").text
    for path in ("timeline", "verify"):
        assert "<html" in operator.get(f"{page}/{path}").text
    table = operator.get(f"{page}/failures.csv")
    assert table.headers["Content-Disposition"].startswith("attachment; filename=")
    assert table.text.startswith("chunk,state,precision,reason,")
    assert operator.get(f"{page}/failures.jsonl").text == ""
    assert operator.get(f"{page}/failures.exe").status_code in (404, 422)
    assert operator.get("/campaigns/last").headers["Location"].startswith("/campaigns/")
    assert operator.get(f"{page}/do/explode").status_code == 404


def test_chunks_come_in_pages_by_state_and_their_attempts_one_by_one(
    own_books: Program, browsers: dict[str, Browser]
) -> None:
    viewer = browsers["viewer"]
    with own_books.books() as books:
        rows = ({"userId": f"reader-{number}"} for number in range(51_001))
        campaign = books.enqueue(app_id=APP, message=MESSAGE, audience=rows)
    made = (
        "INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at, outcome,"
        " chunk_state, http_status, error) SELECT %s, 1, number, 1, 'first@here', now(),"
        " 'throttled', 'pending', 429, 'Slow down' FROM generate_series(1, 51) AS number",
        "UPDATE chunk SET attempt = 51, claimed_at = now(), claimed_by = 'first@here'"
        " WHERE campaign_id = %s AND sequence = 1",
    )
    with own_books.database() as connection:
        for statement in made:
            connection.exec_driver_sql(statement, (campaign,))
    page = f"/campaigns/{campaign}/chunks"

    first, last = viewer.get(page), viewer.get(f"{page}?first=51")
    assert first.text.count("<tbody") == 50
    assert last.text.count("<tbody") == 2
    assert f'href="{page}?first=51" rel="next"' in first.text
    assert "throttled by the vendor (HTTP 429, Slow down)" in words(first)
    assert f'href="{page}?state=pending&amp;first=51"' in viewer.part(f"{page}?state=pending").text
    assert "No chunk is like that" in words(viewer.get(f"{page}?state=rejected"))
    assert '<option value="in_doubt">in doubt</option>' in first.text
    assert "No chunk is like that" in words(viewer.get(f"{page}?state=in_doubt"))
    grouped = viewer.get(f"{page}?first=%2051\u202f")
    assert (grouped.text.count("<tbody"), 'value="51"' in grouped.text) == (2, True)
    opened = viewer.part(f"{page}/1")
    assert "<html" not in opened.text
    assert opened.text.count("first@here") == 50
    older = viewer.get(f"{page}/1?before=2")
    assert older.text.count("first@here") == 1
    assert f"{campaign}-1-1" in older.text
    assert "No attempt was made at it." in words(viewer.get(f"{page}/2"))
    assert "No older attempt." in words(viewer.get(f"{page}/1?before=1"))
    assert "reader-" not in first.text + opened.text
    for wrong, sentence in (
        ("?first=many", "'many' is no number of a chunk"),
        ("?first=0", "first is 0: give a whole number"),
        ("?state=sent", "'sent' is no state of a chunk"),
        ("/53", "The campaign has no chunk 53: it has 52 chunks"),
    ):
        assert sentence in words(viewer.get(page + wrong))


def test_a_page_that_is_looked_at_hears_what_changes(own_books: Program, operator: Browser) -> None:
    campaign = enqueued(own_books)
    with (
        operator.get(f"/campaigns/{campaign}/live", stream=True) as stream,
        own_books.books() as books,
    ):
        lines = stream.iter_lines(decode_unicode=True)
        assert any('<div id="state"' in line for line in lines)
        books.pause(campaign)
        assert any('class="badge paused"' in line for line in lines)
        books.cancel(campaign)
        assert any('class="badge cancelled"' in line for line in lines)
        books.user_password("operator", PASSWORD)
        assert list(lines)[-1:] in ([], [""])  # who is signed out hears nothing more
