"""The console's pages as a browser gets them, without its scripts."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import requests

from tests.acceptance.http_api import Api

PASSWORD = "correct horse battery staple"
_PART = {"HX-Request": "true", "HX-Request-Type": "partial"}
_OF_OURS = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}


class Browser:
    """A browser, as far as the server can tell: cookies, and where a request comes from.

    `options` are those of its requests, such as `verify`.
    """

    def __init__(self, place: str, **options: Any) -> None:
        self.place, self._options = place, options
        self.session = requests.Session()

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        """The answer to a request, which leads nowhere else."""
        more = {"timeout": 60, "allow_redirects": False, **self._options, **more}
        return self.session.request(method, f"{self.place}{path}", **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        """The answer to somebody who follows a link."""
        return self.ask("GET", path, **more)

    def part(self, path: str, form: Mapping[str, str] | None = None) -> requests.Response:
        """The answer to a script that asks for a part of the page, by a form where one is given."""
        method = "GET" if form is None else "POST"
        return self.ask(method, path, headers=_PART, data=form)

    def send(self, path: str, site: str = "same-origin", **fields: str) -> requests.Response:
        """The answer to a form with these fields, which a page of this site sends."""
        return self.ask("POST", path, data=fields, headers={"Sec-Fetch-Site": site})

    def sign_in(self, name: str, password: str = PASSWORD) -> requests.Response:
        """The answer to the form by which somebody signs in."""
        return self.send("/login", name=name, password=password, next="/session")


def signed_in(api: Api, role: str) -> Browser:
    """A browser on our pages for a new user of this role, who is named like it."""
    with api.program.books() as books:
        books.user_add(role, role, PASSWORD)
        session = books.sign_in(role, PASSWORD, "127.0.0.1").reveal()
    browser = Browser(api.url.removesuffix("/api/v1"))
    browser.session.cookies.set("dispatcher", session)
    browser.session.headers.update(_OF_OURS)
    return browser


def words(answer: requests.Response) -> str:
    """What the page says, without its marks."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", answer.text))).strip()
