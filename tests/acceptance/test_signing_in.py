"""The console's door: who is let in, how they come and go, and what strangers' pages get done."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from console.pages.all import ROUTERS
from tests.acceptance.browsers import PASSWORD, Browser
from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import Program
from tests.certificates import authority

COOKIE = "dispatcher"


@contextmanager
def running(program: Program, *options: str) -> Iterator[tuple[str, list[str]]]:
    """The address of `dispatcher console` on a free port, and what it printed."""
    process = program.start("dispatcher", "console", "--port", "0", *options)
    with process:
        try:
            assert process.stderr is not None
            told = [process.stderr.readline()]
            found = re.search(r"HTTP API at (https?://\S+?)/api/v1", told[0])
            assert found, told[0] + process.stderr.read()
            if "--behind-proxy" not in options and not users_of(program):
                told += [process.stderr.readline(), process.stderr.readline()]
            yield found[1], told
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=30)
    finally:
        process.kill()


def users_of(program: Program) -> int:
    with program.books() as books:
        return len(books.users())


@pytest.fixture(scope="module")
def program(own_books: Program) -> Program:
    with own_books.books() as books:
        books.user_add("anna", "admin", PASSWORD)
        books.user_add("victor", "viewer", PASSWORD)
    return own_books


@pytest.fixture(scope="module")
def place(program: Program) -> Iterator[str]:
    with running(program) as (place, _):
        yield place


@pytest.fixture
def browser(place: str) -> Browser:
    return Browser(place)


def test_a_user_comes_in_from_where_they_wanted_to_go_and_out_again(
    browser: Browser, program: Program
) -> None:
    stranger = browser.get("/session?x=1")
    assert (stranger.status_code, stranger.headers["Location"]) == (
        303,
        "/login?next=%2Fsession%3Fx%3D1",
    )
    by_script = browser.get(
        "/session", headers={"HX-Request": "true", "HX-Current-URL": f"{browser.place}/a?b"}
    )
    assert (by_script.status_code, by_script.headers["HX-Redirect"]) == (
        401,
        "/login?next=%2Fa%3Fb",
    )
    far = f"/?tag={'x' * 3_000}"
    assert browser.get(far).headers["Location"] == "/login"
    form = browser.get(f"/login?next={far}")
    assert (form.status_code, 'name="next" value="/"' in form.text) == (200, True)
    form = browser.get("/login?next=/session?x=1")
    assert 'name="next" value="/session?x=1"' in form.text

    wrong = browser.sign_in("anna", "wrong")
    assert (wrong.status_code, "The name or the password is wrong." in wrong.text) == (403, True)
    assert 'value="anna"' in wrong.text
    came = browser.sign_in("anna")
    assert (came.status_code, came.headers["Location"]) == (303, "/session")
    cookie = came.headers["Set-Cookie"]
    assert re.match(
        rf"{COOKIE}=dss_[\w-]{{43}}; HttpOnly; Max-Age=43200; Path=/; SameSite=lax, "
        rf"{COOKIE}-browser=[\w-]{{43}}; HttpOnly; Max-Age=2592000; Path=/; SameSite=strict$",
        cookie,
    )
    assert browser.get("/login").headers["Location"] == "/"
    assert "You may do everything." in browser.get("/session").text

    other = Browser(browser.place)
    other.sign_in("anna")
    assert "since" in other.get("/session").text
    assert browser.send("/logout").headers["Location"] == "/login"
    assert browser.get("/session").status_code == 303
    assert other.get("/session").status_code == 200
    other.send("/logout", everywhere="yes")
    assert other.get("/session").status_code == 303
    told = [(act["actor"], act["via"], act["verb"]) for act in program.ask("log", "--limit", "4")]
    assert told == [
        *[("anna", "console", "console sign out")] * 2,
        *[("anna", "console", "console sign in")] * 2,
    ]


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "OWN"}, False),
        ({"Origin": "OWN"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
def test_what_a_stranger_s_page_asks_for_is_not_done(
    browser: Browser, headers: dict[str, str], passes: bool
) -> None:
    browser.sign_in("anna")
    said = {name: value.replace("OWN", browser.place) for name, value in headers.items()}
    ended = browser.ask("POST", "/logout", headers=said)
    assert ended.status_code == (303 if passes else 403)
    assert (browser.get("/session").status_code == 200) == (not passes)
    came = Browser(browser.place).ask(
        "POST", "/login", headers=said, data={"name": "anna", "password": PASSWORD}
    )
    assert came.status_code == (303 if passes else 403)
    assert ("Set-Cookie" in came.headers) == passes


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "[::", ""]
)
def test_another_host_s_name_is_not_answered(browser: Browser, host: str) -> None:
    answer = browser.get("/login", headers={"Host": host})
    assert answer.status_code in (400, 421)
    assert browser.get("/healthz", headers={"Host": "10.0.0.7:8080"}).status_code == 200
    assert browser.get("/login", headers={"Host": "localhost:1"}).status_code == 200


FOR_ANYBODY = {"/login", "/static/x/x", "/healthz", "/readyz"}
FOR_ANY_USER = {"/logout"}
WITH_MEMBERS = "/failures.x"
"""What ends so names people, and is no viewer's even to look at."""


def test_head_is_answered_as_get_without_a_body(browser: Browser) -> None:
    browser.sign_in("victor")
    same = ("Content-Type", "Content-Length", "Cache-Control", "Content-Security-Policy")
    for place in ("/session", "/people", "/healthz", "/nowhere", "/logout", "/api/v1/campaigns"):
        head, found = browser.ask("HEAD", place), browser.get(place)
        told = [[answer.headers.get(name) for name in same] for answer in (head, found)]
        assert (head.status_code, head.content, told[0]) == (found.status_code, b"", told[1]), place
    stream = browser.ask("HEAD", "/live")
    assert (stream.status_code, stream.headers["Content-Type"][:17]) == (200, "text/event-stream")
    assert browser.get("/session").status_code == 200


def pages() -> list[tuple[str, str]]:
    """Each method and place of the pages, whoever wrote them."""
    found = [
        (method, re.sub(r"\{[^}]*\}", "x", route.path))
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    ]
    assert len(found) > 10
    return [each for each in found if each[1] not in FOR_ANYBODY]


def test_every_page_wants_a_session_a_role_and_a_page_of_ours(browser: Browser) -> None:
    viewer, admin = Browser(browser.place), Browser(browser.place)
    viewer.sign_in("victor")
    admin.sign_in("anna")
    for method, place in pages():
        ours, strange = ({"Sec-Fetch-Site": site} for site in ("same-origin", "cross-site"))
        asked = browser.ask(method, place, headers=ours)
        assert (asked.status_code, asked.headers["Location"][:6]) == (303, "/login"), place
        if method != "GET":
            forged = admin.ask(method, place, headers=strange)
            assert (forged.status_code, "page of another site" in forged.text) == (403, True), place
        if (method != "GET" and place not in FOR_ANY_USER) or place.endswith(WITH_MEMBERS):
            refused = viewer.ask(method, place, headers=ours)
            assert refused.status_code == 403, (method, place)
            assert "victor is a viewer, and this takes an" in refused.text


def test_whoever_guesses_is_told_how_long_to_wait(browser: Browser, program: Program) -> None:
    with program.books() as books:
        books.user_add("guessed", "viewer", PASSWORD)
    for _ in range(5):
        assert browser.sign_in("guessed", "wrong").status_code == 403
    refused = browser.sign_in("guessed")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 15
    assert "Too many attempts to sign in: try again in 1" in refused.text
    assert browser.sign_in("victor").status_code == 303


def test_others_attempts_do_not_hold_up_whoever_has_signed_in_with_the_browser(
    browser: Browser, program: Program
) -> None:
    with program.books() as books:
        books.user_add("known", "viewer", PASSWORD)
    assert browser.sign_in("known").status_code == 303
    browser.send("/logout")
    other = Browser(browser.place)
    assert {other.sign_in("known", "wrong").status_code for _ in range(6)} == {403, 429}
    assert browser.sign_in("known").status_code == 303


def test_a_user_who_is_removed_sees_nothing_more_from_that_moment(
    browser: Browser, program: Program
) -> None:
    with program.books() as books:
        books.user_add("gone", "operator", PASSWORD)
    browser.sign_in("gone")
    assert browser.get("/").status_code == 200
    stream = browser.get("/live", stream=True).iter_lines()
    assert next(stream)
    with program.books() as books:
        books.user_remove("gone")
    assert b"event: problem" not in [*stream]
    assert browser.get("/").status_code == 303
    assert browser.send("/logout").status_code == 303


@pytest.mark.parametrize(
    ("method", "headers", "data"),
    [
        ("GET", {"Cookie": f"{COOKIE}=\xff\xfe; {COOKIE}=;;=;"}, None),
        ("GET", {"Cookie": f"{COOKIE}={'x' * 5_000}"}, None),
        ("GET", {"Cookie": f'{COOKIE}="\\000\\377"'}, None),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, b"name=%00%ff&password=%ED%A0%80"),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, b"name=\xff\xfe"),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, b"&".join([b"a=b"] * 1_000)),
        (
            "POST",
            {"Sec-Fetch-Site": "same-origin"},
            b"name=anna%00&password=x&next=%0d%0aSet-Cookie",
        ),
        ("POST", {"Origin": "http://[::bad"}, b""),
        ("POST", {"Sec-Fetch-Site": "same-origin", "Content-Type": "multipart/form-data"}, b"--x"),
    ],
)
def test_nonsense_is_refused_in_words(
    browser: Browser, method: str, headers: dict[str, str], data: bytes | None
) -> None:
    for path in ("/login", "/session", "/logout"):
        answer = browser.ask(method, path, headers=headers, data=data)
        assert answer.status_code in (200, 303, 400, 403, 405, 415), (path, answer.text)
        assert "should not have happened" not in answer.text


def test_whoever_starts_it_has_a_key_until_there_are_users(new_program: NewProgram) -> None:
    program = new_program()
    with running(program) as (place, told):
        found = re.search(r"http://127\.0\.0\.1:\d+(/login\?key=\S+)", told[1])
        assert found, told
        first, second, third = (Browser(place) for _ in range(3))
        assert first.get("/login?key=wrong").status_code == 403
        assert "dispatcher console user add NAME" in first.get("/login").text
        for browser in (first, second):
            assert browser.get(found[1]).headers["Location"] == "/"
            assert "You may do everything." in browser.get("/session").text
        added = program.run("console", "user", "add", "anna", "--role", "admin")
        assert first.get("/session").status_code == 303
        assert third.get(found[1]).status_code == 403
        assert third.sign_in("anna", added.stdout.split()[-1]).status_code == 303
        program.run("console", "user", "remove", "anna")
        assert first.get("/session").status_code == 303
        assert "start the program again" in third.get(found[1]).text
    acts = program.ask("log")
    assert {act["via"] for act in acts if act["verb"] == "console sign in"} == {"console"}


def test_nobody_else_reaches_it_without_users_or_with_a_certificate_that_is_none(
    empty_books: Program,
) -> None:
    for options, words in (
        (("--behind-proxy",), "others would reach the console, and it has no users yet"),
        (("--tls-cert", "a.pem", "--tls-key", "b.pem"), "b.pem cannot be used: No such file"),
    ):
        ended = empty_books.run("console", "--port", "0", *options)
        assert (ended.status, ended.stdout) == (2, "")
        assert words in ended.stderr


def test_by_tls_the_cookie_is_for_tls_alone(program: Program, tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    certificate = trusted.issue()
    options = ("--tls-cert", str(certificate.path), "--tls-key", str(certificate.key))
    with running(program, *options) as (place, _):
        browser = Browser(place, verify=str(trusted.path))
        came = browser.sign_in("anna")
        assert came.headers["Set-Cookie"].startswith("__Host-dispatcher=")
        assert "; Secure" in came.headers["Set-Cookie"]
        assert came.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert browser.get("/session").status_code == 200


def test_behind_a_proxy_its_word_counts_and_nobody_else_s(program: Program) -> None:
    url = ("--public-url", "https://push.example.com")
    with running(program, "--behind-proxy", *url) as (place, told):
        assert told[0].startswith("The console is at https://push.example.com/, ")
        proxy = {"Host": "push.example.com", "X-Forwarded-Proto": "https"}
        browser = Browser(place)
        came = browser.ask(
            "POST",
            "/login",
            headers={**proxy, "Origin": "https://push.example.com"},
            data={"name": "anna", "password": PASSWORD},
        )
        assert came.headers["Set-Cookie"].startswith("__Host-dispatcher=")
        assert browser.get("/login", headers={"Host": "127.0.0.1"}).status_code == 421
