"""The console's pages as a browser gets them, without its scripts."""

import re
from collections.abc import Iterator

import pytest
import requests

from tests.acceptance.http_api import Api, running_api
from tests.acceptance.program import APP, MESSAGE, Program

PAGE = {"Accept": "text/html"}
HOSTILE = "<script>alert('\"1\"')</script>"


@pytest.fixture(scope="module")
def console(own_books: Program) -> Iterator[Api]:
    """A console on books of which nothing is ever sent."""
    with running_api(own_books) as api:
        yield Api(api.url.removesuffix("/api/v1"), api.program, api.process)


@pytest.fixture(scope="module")
def viewer(console: Api) -> Api:
    return console.having("viewer")


def looked_at(api: Api, path: str) -> requests.Response:
    """The answer to a browser that asks for a page."""
    return api.ask("GET", path, headers=PAGE)


def test_a_page_and_all_that_it_loads_are_small_and_come_from_here(
    own_books: Program, viewer: Api
) -> None:
    with own_books.books() as books:
        books.enqueue(
            app_id=APP, message=MESSAGE, audience=[{"userId": "anna"}], campaign_tag=HOSTILE
        )
    found = looked_at(viewer, "/")
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
        asset = viewer.ask("GET", address)
        assert asset.status_code == 200
        assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert asset.headers["X-Content-Type-Options"] == "nosniff"
        sizes.append(int(asset.headers["Content-Length"]))
    assert sum(sizes) < 100_000, sizes


def test_what_is_wrong_is_a_page_for_people_and_a_problem_for_programs(viewer: Api) -> None:
    for path in ("/nowhere", "/static/of-before/console.css", "/static/../app.py"):
        page, problem = looked_at(viewer, path), viewer.ask("GET", path)
        assert (page.status_code, problem.status_code) == (404, 404)
        assert "There is no page at this address." in page.text
        assert page.headers["Content-Type"].startswith("text/html")
        assert problem.headers["Content-Type"] == "application/problem+json"
