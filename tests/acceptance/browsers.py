"""The console's pages as a browser gets them, without its scripts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any

import requests

from tests.acceptance.http_api import Api

PASSWORD = "correct horse battery staple"
_PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass(frozen=True)
class Browser:
    """A browser in which somebody has signed in, as far as the server can tell."""

    place: str
    cookies: dict[str, str]

    def get(self, path: str, **headers: str) -> requests.Response:
        """The answer to somebody who follows a link."""
        return self.ask("GET", path, headers=headers)

    def part(self, path: str, form: Mapping[str, str] | None = None) -> requests.Response:
        """The answer to a script that asks for a part of the page, by a form where one is given."""
        method = "GET" if form is None else "POST"
        return self.ask(method, path, headers=_PART, data=form)

    def send(self, path: str, **fields: str) -> requests.Response:
        """The answer to a form of the page, which is sent with these fields."""
        return self.ask("POST", path, data=fields)

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """The answer to a request of a page of ours."""
        return requests.request(
            method,
            f"{self.place}{path}",
            cookies=self.cookies,
            headers={"Accept": "text/html", "Sec-Fetch-Site": "same-origin", **(headers or {})},
            allow_redirects=False,
            timeout=60,
            **more,
        )


def signed_in(api: Api, role: str) -> Browser:
    """A browser for a new user of this role, who is named like it."""
    with api.program.books() as books:
        books.user_add(role, role, PASSWORD)
        session = books.sign_in(role, PASSWORD, "127.0.0.1").reveal()
    return Browser(api.url.removesuffix("/api/v1"), {"dispatcher": session})


def words(answer: requests.Response) -> str:
    """What the page says, without its marks."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", answer.text))).strip()
