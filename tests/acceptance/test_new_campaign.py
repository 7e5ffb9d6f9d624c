"""The page of a new campaign, by the requests that its forms make."""

import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openpyxl
import pytest
import requests

from console.keys import alone
from tests.acceptance.browsers import Browser, signed_in, words
from tests.acceptance.http_api import Api, running_api
from tests.acceptance.program import APP, Program

JSON = {"Accept": "application/json"}
HOSTILE = "<script>alert('\"1\"')</script>"
TEXT = '{"ios": {"payload": {"text": "Hello"}}}'
FORM = {"app_id": APP, "message": TEXT, "when": "now", "zone": "UTC", "key": "console-1"}
ROWS = b"customer,lang\n anna,en\nboris,de\nboris,de\nNULL,en\n"
CHOSEN = {"mapping": '{"customer": "userId", "lang": "-"}'}


@pytest.fixture(scope="module")
def api(own_books: Program) -> Iterator[Api]:
    """A console on books of which nothing is ever sent."""
    with running_api(own_books) as api:
        yield api


@pytest.fixture(scope="module")
def operator(api: Api) -> Browser:
    return signed_in(api, "operator")


def page(of: Browser, path: str, **form: str) -> requests.Response:
    """What a script gets that sends the page's form there."""
    return of.part(f"/campaigns/new{path}", form)


def told(of: Browser, path: str, **form: str) -> str:
    """The words of the fragment that answers this form."""
    answer = page(of, path, **{**FORM, **form})
    assert answer.status_code == 200, answer.text
    return words(answer)


def uploaded(of: Browser, name: str, content: bytes) -> str:
    answer = of.ask("PUT", f"/campaigns/new/uploads/{name}", data=content, headers=JSON)
    assert answer.status_code == 201, answer.text
    upload: str = answer.json()["upload"]
    return upload


def digest_in(answer: requests.Response) -> str:
    assert "digest" in answer.text, words(answer)
    digest: str = re.findall(r'name="digest" value="([0-9a-f]+)"', answer.text)[0]
    return digest


def test_a_campaign_is_made_of_a_file_whose_columns_are_chosen(
    own_books: Program, operator: Browser
) -> None:
    upload = uploaded(operator, "members.csv", ROWS)
    columns = page(operator, "/columns", **FORM, upload=upload)
    assert "2 columns have a name that says nothing" in words(columns)
    assert "Perhaps which variant they get?" in words(columns)
    form = {**FORM, **CHOSEN, "upload": upload, "rate": "20", "campaign_tag": "winback"}

    read = told(operator, "/audience", **form)
    refused = told(operator, "/check", **form)
    checked = page(operator, "/check", **form, skip_invalid="on")

    assert "Rows read 4 Members 2 Invalid 1 cannot be sent to Repeated 1" in read
    assert "Known by userId (2)." in read
    assert "1 cell counts as absent: NULL (1)." in read
    assert "1 value is trimmed of blanks: userId (1)." in read
    assert "line 5 has no identifier" in read
    assert "has 1 invalid row, so nothing is sent" in refused
    assert "Send to 2 members of sandbox-app?" in words(checked)
    assert "Left out: 1 row that cannot be sent to." in words(checked)
    form |= {"skip_invalid": "on", "digest": digest_in(checked)}
    changed = page(operator, "/send", **{**form, "rate": "30"})
    made, again = (page(operator, "/send", **form) for _ in range(2))
    assert (changed.status_code, "was changed since" in changed.text) == (409, True)
    assert made.headers["HX-Redirect"] == again.headers["HX-Redirect"]
    used = told(operator, "/check", upload=uploaded(operator, "others.csv", b"userId\ncarl\n"))
    assert "already stands for campaign" in used
    assert "Discard the draft" in used
    (campaign,) = own_books.ask("list", "--limit", "1")
    assert made.headers["HX-Redirect"] == f"/campaigns/{campaign['id']}"
    assert (campaign["members"]["total"], campaign["rate"]) == (2, 20)
    (act,) = [act for act in own_books.ask("log", campaign["id"]) if act["verb"] == "send"]
    assert (act["actor"], act["via"]) == ("operator", "console")


def test_what_programs_are_told_is_said_to_people_in_words_of_theirs(
    own_books: Program, operator: Browser
) -> None:
    upload = uploaded(operator, "members.csv", b"userId\nanna\n")
    form = {**FORM, "upload": upload, "key": "console-twice"}
    form["digest"] = digest_in(page(operator, "/check", **form))
    with alone(Path(own_books.environment["DISPATCHER_HOME"]), form["key"]):
        twice = page(operator, "/send", **form)
    large = page(operator, "/send", **{**form, "test_to": "userId=anna\n" * 200_000})
    assert (twice.status_code, "is being made already" in words(twice)) == (409, True)
    assert (large.status_code, "too much for a form" in words(large)) == (413, True)
    assert "Idempotency" not in twice.text
    assert page(operator, "/send", **form).headers["HX-Redirect"]


@pytest.mark.parametrize(
    ("form", "field", "sentence"),
    [
        ({"app_id": ""}, "app_id", "Give the vendor's id of the app."),
        ({"upload": ""}, "upload", "Upload a file of the members whom it is for."),
        ({"upload": "0" * 32}, "upload", "there is none with this id (any more)"),
        ({"message": "{"}, "message", "The message is not JSON"),
        ({"rate": "fast"}, "rate", "The rate 'fast' is no number"),
        ({"rate": "0"}, "rate", "rate is 0: give between 0.001 and"),
        ({"canary": "1%"}, "canary", "A canary (--canary) has to keep a bound"),
        ({"window": "noon"}, "window", "'noon'"),
        ({"mapping": '{"customer": "userId"}'}, "mapping", "has the column 'lang'"),
        ({"finish_by": "1990-01-01T10:00"}, "finish_by", "the earliest time is"),
        ({"max_error_rate": "most"}, "max_error_rate", "max_error_rate"),
        ({"exclude": "0000"}, "exclude", "No campaign has the id 0000"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field(
    operator: Browser, form: dict[str, str], field: str, sentence: str
) -> None:
    upload = uploaded(operator, "members.csv", ROWS)
    draft = {"upload": upload, "skip_invalid": "on", "key": "console-2"}
    whole = {**FORM, **CHOSEN, **draft, **form}
    answer = page(operator, "/check", **whole)
    assert (answer.status_code, sentence in words(answer)) == (200, True), words(answer)
    assert f'data-field="{field}"' in answer.text


def test_a_message_is_shown_as_it_looks_or_its_wrong_place_is_named(operator: Browser) -> None:
    hostile = json.dumps({"uwp": {"toast": {"title": HOSTILE, "text": "Hi"}}})
    shown = page(operator, "/message", message=hostile)
    wrong = page(operator, "/message", message='{"ios": {"payload": {"text": 5}}}')
    assert HOSTILE in words(shown)
    assert HOSTILE not in shown.text
    assert 'data-at="ios.payload.text"' in wrong.text
    assert "ios.payload.text must be a text, not a number." in words(wrong)
    several = '{"variants": {"a.b": {"ios": {"payload": {"title": "One"}}}}}'
    fields = page(operator, "/editor", message=several)
    assert 'data-place="variants.a.b.ios.payload.title"' in fields.text
    assert page(operator, "/editor", message="{").status_code == 204


def test_a_large_message_and_a_wide_file_are_shown_in_part(operator: Browser) -> None:
    text = json.loads(TEXT)
    several = {"variants": {f"v{number}": text for number in range(100)}, "default": "v0"}
    large = {"variants": {f"v{number}": text for number in range(5_000)}}
    fields = page(operator, "/editor", message=json.dumps(large))
    shown = page(operator, "/message", message=json.dumps(several))
    assert "4 980 more variants: the whole message as JSON has them." in words(fields)
    assert "80 more variants" in words(shown)
    wide = ",".join(["userId", *(f"c{number}" for number in range(200))])
    rows = f"{wide}\nanna{',x' * 200}\n".encode()
    columns = page(operator, "/columns", **FORM, upload=uploaded(operator, "wide.csv", rows))
    assert "200 columns have a name that says nothing" in words(columns)
    assert "151 more columns, some of them without a choice: Show the next" in words(columns)
    for answer in (fields, shown, columns):
        assert len(answer.content) < 100_000


def test_a_file_that_is_none_is_named_for_what_it_is(operator: Browser) -> None:
    workbook = io.BytesIO()
    openpyxl.Workbook().save(workbook)
    upload = uploaded(operator, "members.csv", workbook.getvalue())
    found = told(operator, "/columns", upload=upload)
    assert "members.csv cannot be read: it is an Excel workbook, not CSV" in found
    empty = operator.ask("PUT", "/campaigns/new/uploads/a.csv", headers=JSON)
    assert (empty.status_code, "The body is empty" in empty.json()["detail"]) == (422, True)


def test_a_test_goes_to_a_few_and_is_looked_after(operator: Browser) -> None:
    nobody = told(operator, "/test", test_to="\n")
    unclear = page(operator, "/test", **FORM, test_to="userId=anna\ncarl")
    sent = page(operator, "/test", **FORM, test_to="userId=anna\nuserId=boris")
    assert "Say to whom" in nobody
    assert "Line 2 names nobody" in words(unclear)
    assert "carl" not in unclear.text
    assert "The test to 2 members" in words(sent)
    (again,) = re.findall(r'hx-get="/campaigns/new(/tests/[^?"]+)', sent.text)
    late = operator.part(f"/campaigns/new{again}?since=99")
    assert "No worker has taken it yet" in words(late)
    assert "hx-get" not in late.text


def test_a_test_that_is_asked_for_twice_is_sent_once_until_it_has_ended(
    own_books: Program, operator: Browser
) -> None:
    def asked(**form: str) -> tuple[str, str]:
        sent = page(operator, "/test", **FORM, test_to="userId=carl", **form).text
        (made,) = re.findall(r'href="/campaigns/([0-9a-f-]{36})"', sent)
        (before,) = re.findall(r'name="test_before" value="([^"]*)"', sent)
        return made, before

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: asked(test_before="0"), range(2))
    assert first == second == asked(test_before="0")
    assert asked(test_before="0", campaign_tag="other")[0] != first[0]
    with own_books.books() as books:
        books.cancel(first[0])
    _, ended = asked(test_before="0")
    assert ended == first[0]
    assert asked(test_before=ended)[0] != first[0]


def test_a_viewer_neither_sees_nor_calls_any_of_it(api: Api) -> None:
    viewer = signed_in(api, "viewer")
    paths = ("/editor", "/message", "/columns", "/audience", "/check", "/send", "/test")
    asked = [page(viewer, path, **FORM) for path in paths]
    asked += [viewer.part(f"/campaigns/new{path}") for path in ("", "/progress", "/tests/last")]
    asked.append(viewer.ask("PUT", "/campaigns/new/uploads/a.csv", data=b"userId\n"))
    assert {answer.status_code for answer in asked} == {403}
    assert "/campaigns/new" not in viewer.get("/").text


def test_a_form_of_another_site_makes_nothing(operator: Browser) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    forged = operator.ask("POST", "/campaigns/new/send", data=FORM, headers=headers)
    put = operator.ask("PUT", "/campaigns/new/uploads/a.csv", data=b"userId\n", headers=headers)
    assert (forged.status_code, put.status_code) == (403, 403)


def test_the_page_with_all_its_scripts_is_small_and_wants_somebody_signed_in(
    operator: Browser,
) -> None:
    packed = {"Accept-Encoding": "gzip"}
    found = operator.get("/campaigns/new", headers=packed)
    assert found.status_code == 200
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]* src=)", found.text)
    loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', found.text)
    (script,) = [address for address in loaded if address.endswith("/new.js")]
    imported = re.findall(r'from "\./([a-z]+\.js)"', operator.get(script).text)
    assert len(imported) == 3
    loaded += [script.replace("new.js", name) for name in imported]
    answers = [found, *(operator.get(address, headers=packed) for address in loaded)]
    assert sum(int(answer.headers["Content-Length"]) for answer in answers) < 100_000
    stranger = Browser(operator.place).get("/campaigns/new")
    assert stranger.status_code == 303
    assert stranger.headers["Location"] == "/login?next=%2Fcampaigns%2Fnew"
