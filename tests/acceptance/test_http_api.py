"""The HTTP API: campaigns by way of it, and what it says to whoever asks wrongly."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import text
from starlette.exceptions import HTTPException

from console.keys import alone
from console.orders import AUDIENCES, Order
from console.uploads import Uploads
from dispatcher import Dispatcher
from dispatcher.verbs.options import Options
from tests.acceptance.conftest import NewProgram
from tests.acceptance.http_api import Api, running_api
from tests.acceptance.program import APP, MESSAGE, Program, Worker
from tests.proxy import proxied
from tests.sandbox_process import PushApi

ANNA = {"userId": "anna"}
ORDER = {"app_id": APP, "message": MESSAGE, "members": [ANNA]}
KEY = {"Idempotency-Key": "winback"}


@pytest.fixture(scope="module")
def api(own_books: Program) -> Iterator[Api]:
    """An API on books of which nothing is ever sent, for whoever may do everything."""
    with running_api(own_books) as api:
        yield api.having("admin")


@pytest.fixture(scope="module")
def house_at(house: Program) -> Iterator[Api]:
    """The API of the house, whose campaigns go out."""
    with running_api(house) as api:
        yield api.having("operator")


def said(answer: Any) -> tuple[int, str]:
    """The status and the sentence of a problem."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    document = answer.json()
    assert (document["status"], bool(document["title"])) == (answer.status_code, True)
    assert document["type"].startswith("urn:dispatcher:")
    return answer.status_code, document["detail"]


def test_an_upload_becomes_a_campaign_that_goes_out_and_is_asked_about(
    house: Program, house_at: Api, house_worker: Worker, push_api: PushApi
) -> None:
    rows = b"userId\n" + b"".join(b"reader-%d\n" % number for number in range(2_500))
    uploaded = house_at.ask("PUT", "/uploads/members.csv", data=rows)
    order = {"app_id": APP, "message": MESSAGE, "upload": uploaded.json()["upload"], "rate": 50}
    made, again, other = (
        house_at.ask("POST", "/campaigns", each, headers=KEY) for each in (order, order, ORDER)
    )
    campaign = made.json()
    done = house.until(campaign, "completed")
    path = f"/campaigns/{campaign['id']}"
    shown = house_at.ask("GET", path)

    assert (uploaded.status_code, made.status_code, again.status_code) == (201, 201, 200)
    assert made.headers["Location"] == f"/api/v1{path}"
    assert again.json()["id"] == campaign["id"]
    assert said(other)[0] == 422
    assert "The key 'winback' already stands for campaign" in said(other)[1]
    assert shown.json() == done == house.ask("show", campaign["id"])
    assert (done["members"]["total"], done["members"]["delivered"]) == (2_500, 2_500)
    assert house_at.ask("GET", f"{path}/message").json() == MESSAGE
    assert json.loads(house.run("message", campaign["id"]).stdout) == MESSAGE
    for verb in ("explain", "throughput", "verify", "log"):
        assert house_at.ask("GET", f"{path}/{verb}").json() == house.ask(verb, campaign["id"])
    chunks = house_at.ask("GET", f"{path}/chunks?state=delivered&limit=2")
    assert chunks.json() == house.ask("chunks", campaign["id"], "--limit", "2")
    assert [each["members"] for each in chunks.json()] == [1_000, 1_000]
    assert chunks.headers["Link"].endswith('first=3>; rel="next"')
    for verb in ("chunks", "chunks/3/attempts", "throughput"):
        assert keys_of(house_at.ask("GET", f"{path}/{verb}").json()) == keys_of(
            example(house_at, verb)
        )
    made = house_at.ask("GET", f"{path}/chunks/3/attempts").json()
    assert made == house.ask("attempts", campaign["id"], "3")
    assert [each["outcome"] for each in made] == ["accepted"]
    failed = house_at.ask("GET", f"{path}/failures").json()
    assert failed == house.ask("failures", campaign["id"])
    (act,) = [act for act in house_at.ask("GET", f"{path}/log").json() if act["verb"] == "send"]
    assert (act["actor"], act["via"]) == ("operator", "api")
    assert not [*(Path(house.environment["DISPATCHER_HOME"]) / "uploads").rglob("members.csv")]
    assert (push_api.ledger()["requests"], push_api.ledger()["twice"]) == (3, 0)


def test_a_campaign_is_steered(house: Program, house_at: Api) -> None:
    order = {**ORDER, "send_at": "2190-01-01T10:00+01:00", "campaign_tag": "steered"}
    campaign = house_at.ask("POST", "/campaigns", order).json()
    path = f"/campaigns/{campaign['id']}"

    def do(method: str, verb: str = "", document: object = None) -> Any:
        answer = house_at.ask(method, path + verb, document)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert campaign["send_at"] == "2190-01-01T09:00:00+00:00"
    assert do("POST", "/pause")["state"] == "paused"
    assert do("POST", "/resume")["state"] == "scheduled"
    orders = {"rate": 7, "window": "mon-sun 00:00-24:00 UTC", "finish_by": "2190-01-02T10:00Z"}
    told = do("PATCH", "", orders)
    assert (told["rate"], told["window"]) == (7, ["mon-sun 00:00-24:00 UTC"])
    assert told["finish_by"] == "2190-01-02T10:00:00+00:00"
    taken_back = do("PATCH", "", {"window": None, "finish_by": None})
    assert (taken_back["rate"], taken_back["window"], taken_back["finish_by"]) == (7, [], None)
    half = house_at.ask("PATCH", path, {"rate": 9, "finish_by": "1990-01-01T10:00Z"})
    assert said(half)[0] == 422
    assert do("GET")["rate"] == 7
    assert do("POST", "/cancel")["state"] == "cancelled"
    refused = house_at.ask("POST", f"{path}/resume")
    assert said(refused)[0] == 409
    assert house.run("resume", campaign["id"]).stderr == f"dispatcher: {said(refused)[1]}\n"
    assert said(house_at.ask("POST", f"{path}/retry", {"only": "expired"}))[0] == 409
    listed = house_at.ask("GET", "/campaigns?tag=steered&limit=1")
    assert [each["id"] for each in listed.json()] == [campaign["id"]]


def example(api: Api, verb: str) -> object:
    """What the description shows as the answer to a question about a campaign."""
    place = f"/api/v1/campaigns/{{campaign}}/{verb.replace('3', '{chunk}')}"
    answer = api.ask("GET", "/openapi.json").json()["paths"][place]["get"]["responses"]["200"]
    shown: object = answer["content"]["application/json"]["example"]
    return shown


def keys_of(document: object) -> object:
    """A document's keys, of a list those of its first element."""
    if isinstance(document, dict):
        return {key: keys_of(value) for key, value in document.items()}
    return [keys_of(document[0])] if isinstance(document, list) else None


def test_every_route_wants_a_token_and_what_changes_or_names_somebody_more_than_a_viewer_s(
    api: Api,
) -> None:
    routes = api.ask("GET", "/openapi.json").json()["paths"]
    viewer, stranger = api.having("viewer"), Api(api.url, api.program, api.process, "dsp_wrong")
    nobody = Api(api.url, api.program, api.process)
    opened = set()
    for path, methods in routes.items():
        place = path.removeprefix("/api/v1").format(
            campaign="last", name="a.csv", upload="0", chunk="1"
        )
        for method in methods:
            asked = [each.ask(method, place, {}) for each in (nobody, stranger)]
            if asked[0].status_code == 200:
                opened.add(place)
                continue
            for answer in asked:
                assert said(answer)[0] == 401, (method, place)
                assert answer.headers["WWW-Authenticate"] == "Bearer"
            if method != "get" or place.endswith(("/failures", "/columns")):
                assert said(viewer.ask(method, place, {}))[0] == 403, (method, place)
    operator = api.having("operator")
    assert said(operator.ask("POST", "/forget", {"identifier": "userId=anna"}))[0] == 403
    assert opened == {"/healthz", "/readyz"}


def test_what_is_not_about_campaigns_is_asked_and_changed(new_program: NewProgram) -> None:
    program = new_program()
    anna = {"app_id": APP, "identifiers": ["userId=anna"]}
    with running_api(program) as api:
        admin = api.having("admin")

        def ask(method: str, path: str, document: object = None) -> Any:
            answer = admin.ask(method, path, document)
            assert answer.status_code in (200, 201), answer.text
            return answer.json()

        uploaded = admin.ask("PUT", "/uploads/a.csv", data=b"user_id,tz\nanna,UTC\n").json()
        columns = ask("GET", f"/uploads/{uploaded['upload']}/columns")
        assert [each["identifier"] for each in columns] == ["userId", None]
        assert ask("POST", "/messages/check", {"message": MESSAGE})["platforms"] == ["ios"]
        found = ask("POST", "/dry-runs", {**ORDER, "members": [ANNA, ANNA]})
        assert (found["members"], found["input"]["duplicates"]) == ({"total": 1}, 1)
        made = ask("POST", "/campaigns", ORDER)
        assert [each["name"] for each in ask("GET", "/accounts")] == ["default"]
        assert ask("POST", "/accounts/default/resume")["hold_until"] is None
        assert said(admin.ask("POST", "/accounts/nobody/resume"))[0] == 404
        assert said(admin.ask("POST", "/campaigns/last/canary", {}))[0] == 409
        assert ask("GET", "/campaigns/last/webhooks") == ask("GET", "/webhooks") == []
        nothing = admin.ask("POST", "/campaigns/last/webhooks/redeliver", {"sequence": 1})
        assert said(nothing)[0] == 422
        listed = admin.ask("PUT", "/uploads/list.csv", data=b"userId\ncarl\ndora\n").json()
        imported = ask("POST", "/suppress/import", {"app_id": "B", "upload": listed["upload"]})
        assert (imported["app_id"], imported["added"]) == ("B", 2)
        wrong = admin.ask("POST", "/suppress/import", {"app_id": "B", "upload": "0" * 32})
        assert "upload: there is none with this id" in said(wrong)[1]
        assert ask("POST", "/suppress/add", anna)["added"] == 1
        assert ask("POST", "/suppress/check", anna)["listed"] == ["userId=anna"]
        assert ask("GET", f"/suppress/count?app_id={APP}") == {"app_id": APP, "count": 1}
        assert ask("POST", "/suppress/remove", anna)["removed"] == 1
        (chunk,) = ask("POST", "/find", {"identifier": "userId=anna"})
        assert chunk["campaign"] == made["id"]
        assert len(ask("POST", "/forget", {"identifier": "userId=anna"})["left"]) == 1
        assert ask("POST", "/find", {"identifier": "userId=anna"}) == []
        assert ask("GET", "/workers") == []
        newest = ask("GET", "/log?actor=admin&limit=1")
        assert ask("GET", f"/log?before={newest[0]['id']}")[0]["id"] < newest[0]["id"]
        assert {act["via"] for act in ask("GET", "/log") if act["actor"] == "admin"} == {"api"}


NOT_ASKED_FOR = {
    *("acting_as", "authenticate", "check_schema", "token_add", "token_remove", "tokens"),
    *("sign_in", "sign_in_first", "sign_out", "session_of", "sessions"),
    *("user_add", "user_password", "user_remove", "user_role", "users"),
}
"""What the program itself does with them, what browsers do, and what is done where it runs."""
ON_THE_MACHINE = {"purge", "purgeable", "fenced", "fence_accept", "suppress_import", "redeliver"}
ADJUSTED = {"rate", "window", "finish_by"}
CALLED_OTHERWISE = {"failure_lines": "failures", "list": "list_campaigns", "live": "events"}


def test_every_verb_was_decided_about(api: Api) -> None:
    verbs = {name for name in vars(Dispatcher) if not name.startswith("_")}
    paths = api.ask("GET", "/openapi.json").json()["paths"].values()
    operations = {of["summary"].lower().replace(" ", "_") for path in paths for of in path.values()}
    asked = verbs - NOT_ASKED_FOR - ON_THE_MACHINE - ADJUSTED
    assert {CALLED_OTHERWISE.get(name, name) for name in asked} <= operations


def test_the_description_names_every_state_that_chunks_are_listed_by(api: Api) -> None:
    route = api.ask("GET", "/openapi.json").json()["paths"]["/api/v1/campaigns/{campaign}/chunks"]
    (state,) = [each for each in route["get"]["parameters"] if each["name"] == "state"]
    wrong = said(api.ask("GET", "/campaigns/0/chunks?state=sent"))[1]
    assert wrong == (
        f"'sent' is no state of a chunk; known are {', '.join(state['schema']['enum'])}."
    )


def test_a_body_has_every_option_that_reads_and_writes_nothing_of_this_machine() -> None:
    here = {"audience", "audience_sql", "audience_db", "rejects", "key"}
    there = {"app_id", "message", *AUDIENCES}
    assert Order.model_fields.keys() - there == Options.__annotations__.keys() - here


@pytest.mark.parametrize(
    ("method", "path", "document", "status", "words"),
    [
        ("POST", "/campaigns", [], 422, "The body is no object of JSON"),
        ("POST", "/campaigns", {"app_id": APP}, 422, "message is missing."),
        ("POST", "/campaigns", {**ORDER, "app_id": 5}, 422, "app_id: input should be a valid str"),
        ("POST", "/campaigns", {**ORDER, "rate": "5"}, 422, "rate: input should be a valid number"),
        ("POST", "/campaigns", {**ORDER, "rate": 0}, 422, "rate is 0: give between 0.001 and"),
        ("POST", "/campaigns", {**ORDER, "rates": 5}, 422, "There is no rates: /api/v1/openapi"),
        ("POST", "/campaigns", {**ORDER, "rejects": "/etc/x"}, 422, "There is no rejects"),
        ("POST", "/campaigns", {**ORDER, "members": "/etc/passwd"}, 422, "members: input should"),
        (
            "POST",
            "/campaigns",
            {**ORDER, "members": None},
            422,
            "the body: say whom it is for by `members`",
        ),
        ("POST", "/campaigns", {**ORDER, "members": []}, 422, "The audience"),
        ("POST", "/campaigns", {**ORDER, "members": [ANNA] * 1_001}, 422, "members: it has 1,001"),
        ("POST", "/campaigns", {**ORDER, "members": [{"user": 1}]}, 422, "The audience"),
        ("POST", "/campaigns", {**ORDER, "upload": "0" * 32}, 422, "say whom it is for"),
        ("POST", "/campaigns", {**ORDER, "message": {}}, 422, "The message"),
        ("POST", "/campaigns", {**ORDER, "send_at": "soon"}, 422, "send_at: give it as 2026-"),
        ("POST", "/campaigns", {**ORDER, "send_at": 5}, 422, "send_at: give it as 2026-"),
        ("POST", "/campaigns", {**ORDER, "canary": True}, 422, "canary: give a number, or a text"),
        ("POST", "/campaigns", {**ORDER, "window": [5]}, 422, "window: give a text, or several."),
        ("POST", "/campaigns", {**ORDER, "window": "noon"}, 422, "'noon'"),
        ("PATCH", "/campaigns/0", {}, 422, "Nothing is to be changed"),
        ("PATCH", "/campaigns/0", {"rate": 5}, 404, "No campaign has the id 0"),
        ("POST", "/campaigns/last/pause", None, 404, "There is no campaign yet."),
        ("POST", "/campaigns/0/retry", {"only": "all"}, 422, "'all' is none of"),
        ("GET", "/campaigns/x", None, 404, "'x' is no campaign's id"),
        ("GET", "/campaigns/0/log?limit=0", None, 422, "limit: input should be greater than"),
        ("GET", "/campaigns?limit=many", None, 422, "limit: input should be a valid integer"),
        ("GET", "/campaigns?state=lost", None, 422, "'lost' is no state of a campaign"),
        ("GET", "/campaigns?tag=%00", None, 422, "tag must be one line"),
        ("GET", "/campaigns?stat=running", None, 422, "There is no stat"),
        ("GET", "/webhooks?foo=1", None, 422, "There is no foo"),
        ("GET", "/campaigns/0/webhooks?foo=1", None, 422, "There is no foo"),
        ("GET", "/log?foo=1", None, 422, "There is no foo"),
        ("GET", "/suppress/count?app_id=A&foo=1", None, 422, "There is no foo"),
        ("GET", "/suppress/count", None, 422, "app_id is missing."),
        ("GET", "/campaigns/0/log?foo=1", None, 422, "There is no foo"),
        ("PUT", "/uploads/.hidden", None, 422, "The name is none of a file"),
        ("PUT", "/uploads/..%2Fx.csv", None, 404, "There is nothing at this address"),
        ("PUT", "/uploads/a.csv", None, 422, "The body is empty: send the file as it is"),
        ("GET", "/nothing", None, 404, "There is nothing at this address"),
        ("DELETE", "/campaigns/0", None, 405, "This method does nothing here"),
    ],
)
def test_whoever_asks_wrongly_is_told_and_nothing_changes(
    api: Api, method: str, path: str, document: object, status: int, words: str
) -> None:
    found, detail = said(api.ask(method, path, document))
    assert (found, words in detail) == (status, True), detail
    assert api.ask("GET", "/campaigns").json() == []


def test_what_is_no_json_or_too_long_is_told(api: Api) -> None:
    broken = api.ask("POST", "/campaigns", data=b"{", headers={"Content-Type": "application/json"})
    long = api.ask("POST", "/campaigns", data=iter([b" " * 1_000_000] * 3))
    assert said(broken)[0] == 400
    assert said(broken)[1].startswith("The body is not JSON: ")
    assert said(long)[0] == 413
    assert "upload the members as a file" in said(long)[1]


def test_an_upload_is_refused_by_the_name_it_came_with(api: Api) -> None:
    upload = api.ask("PUT", "/uploads/people.csv", data=b"user\nanna\n").json()["upload"]
    order = {"app_id": APP, "message": MESSAGE, "upload": upload}
    status, detail = said(api.ask("POST", "/campaigns", order))
    assert status == 422
    assert "people.csv" in detail
    assert upload not in detail
    assert said(api.ask("POST", "/campaigns", {**order, "upload": "0" * 32}))[1].startswith(
        "upload:"
    )


def test_what_cannot_be_noted_or_locked_makes_no_other_campaign(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("no directory")
    with alone(nowhere, "key"):
        pass
    uploads = Uploads(tmp_path)
    (tmp_path / "uploads" / ("0" * 32)).mkdir(parents=True)
    (tmp_path / "uploads" / ("0" * 32) / "a.csv").touch()
    (tmp_path / "uploads" / f"{'0' * 32}.made").write_text('{"half')
    assert uploads.made_of("0" * 32, "request") is None
    with uploads.used("0" * 32), uploads.used("0" * 32):
        with pytest.raises(HTTPException) as told, uploads.used("0" * 32):
            pass
        assert (told.value.status_code, "already" in told.value.detail) == (503, True)
    (tmp_path / "uploads" / f"{'0' * 32}.made").unlink()
    (tmp_path / "uploads" / f"{'0' * 32}.made").mkdir()
    uploads.spend("0" * 32, "request", "campaign")
    with uploads.used("0" * 32) as file:
        assert file.name == "a.csv"


def test_an_upload_that_is_too_large_is_refused_before_it_comes(tmp_path: Path) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        yield b"userId\n"

    receiving = Uploads(tmp_path).receive("a.csv", nothing(), 10**12)
    with pytest.raises(HTTPException) as told:
        asyncio.run(receiving)
    assert (told.value.status_code, "at most 10 GB" in told.value.detail) == (413, True)
    assert list(tmp_path.iterdir()) == []


def test_a_campaign_that_is_being_made_by_the_key_is_not_waited_for(api: Api) -> None:
    home = Path(api.program.environment["DISPATCHER_HOME"])
    with alone(home, "busy"):
        answer = api.ask("POST", "/campaigns", ORDER, headers={"Idempotency-Key": "busy"})
    assert said(answer) == (
        409,
        "The campaign of this Idempotency-Key is still being made: ask again in a moment.",
    )
    assert answer.headers["Retry-After"]


def test_streams_share_one_reader_and_end_with_their_token_and_with_the_program(
    new_program: NewProgram,
) -> None:
    program = new_program()
    with running_api(program) as api:
        viewer, operator = api.having("viewer"), api.having("operator")
        streams = [operator.ask("GET", "/events", stream=True) for _ in range(11)]
        streams.append(viewer.ask("GET", "/events", stream=True))
        told = [stream.iter_lines() for stream in streams]
        assert [campaigns_of(lines) for lines in told] == [[]] * 12
        made = operator.ask("POST", "/campaigns", ORDER).json()
        for lines in told:
            assert [campaign["id"] for campaign in campaigns_of(lines)] == [made["id"]]
        with program.database() as database:
            ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            assert database.scalar(text(ours)) <= 5 + 1
        with program.books() as books:
            books.token_remove("viewer")
        assert b"event: problem" not in [*told[-1]]
        assert said(viewer.ask("GET", "/campaigns"))[0] == 401
    assert all(b"event: problem" not in [*lines] for lines in told[:-1])
    assert api.process.returncode in (0, 130)


def campaigns_of(lines: Iterator[bytes]) -> list[dict[str, Any]]:
    """What the next event of a stream tells."""
    for line in lines:
        if line.startswith(b"data: "):
            found: list[dict[str, Any]] = json.loads(line.removeprefix(b"data: "))
            return found
    raise AssertionError("the stream has ended")


def test_a_disk_that_fills_keeps_nothing_of_an_upload(new_program: NewProgram) -> None:
    program = new_program()
    limited = ("prlimit", "--fsize=3000000")
    with running_api(program, *limited) as api:
        operator = api.having("operator")
        full = operator.ask("PUT", "/uploads/a.csv", data=b"userId\n" + b"anna\n" * 1_000_000)
        fits = operator.ask("PUT", "/uploads/a.csv", data=b"userId\nanna\n")
        left = sorted((Path(program.environment["DISPATCHER_HOME"]) / "uploads").iterdir())
    assert said(full)[0] == 507
    assert said(full)[1].startswith("The disk of DISPATCHER_HOME has no room for a.csv: nothing")
    assert [path.name for path in left] == [fits.json()["upload"]]
    assert os.stat(left[0] / "a.csv").st_mode & 0o777 == 0o600


def test_a_token_is_printed_once_and_a_port_in_use_is_told(api: Api) -> None:
    program = api.program
    added = program.run("console", "token", "add", "shop", "--role", "viewer")
    shop = Api(api.url, program, api.process, added.stdout.split()[-1])
    assert shop.ask("GET", "/campaigns").status_code == 200
    assert "shop" in program.run("console", "token", "list").stdout
    assert program.run("console", "token", "remove", "shop").status == 0
    assert said(shop.ask("GET", "/campaigns"))[0] == 401
    wrong = program.run("console", "token", "add", "shop", "--role", "root")
    assert (wrong.status, wrong.stdout) == (2, "")

    port = api.url.split(":")[2].partition("/")[0]
    ended = program.run("console", "--port", port)
    assert ended.status == 2
    assert f"--port, --host: nobody can listen at 127.0.0.1:{port}: Address already" in ended.stderr


def test_while_the_database_is_away_it_lives_and_is_not_ready(new_program: NewProgram) -> None:
    program = new_program()
    with (
        proxied(program.environment["DISPATCHER_DATABASE_URL"]) as proxy,
        running_api(program.having(DISPATCHER_DATABASE_URL=proxy.url)) as api,
    ):
        database = proxy.url.rpartition("/")[2].partition("?")[0]
        proxy.close_door()
        alive, ready = api.ask("GET", "/healthz"), api.ask("GET", "/readyz")
        asked = Api(api.url, api.program, api.process, "dsp_any").ask("GET", "/campaigns")
        place = api.url.removesuffix("/api/v1")
        page = requests.get(f"{place}/login", headers={"Accept": "text/html"}, timeout=60)
    assert alive.json() == {"status": "ok"}
    assert said(ready)[0] == said(asked)[0] == page.status_code == 503
    for answer in (ready, asked, page):  # to nobody who is known: not even where the database is
        assert "cannot be used right now" in answer.text
        assert not re.search(f"127.0.0.1|PostgreSQL|{database}", answer.text)
        assert answer.headers["Retry-After"]


def test_it_does_not_start_on_books_that_cannot_be_worked_with(new_program: NewProgram) -> None:
    program = new_program()
    nowhere = "postgresql://dispatcher:secret-word@127.0.0.1:9/books"
    with program.database() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    for other, sentence in (
        (program, "run `dispatcher migrate`"),
        (program.having(DISPATCHER_DATABASE_URL=nowhere), "PostgreSQL at"),
    ):
        ended = other.run("console", "--port", "0")
        assert (ended.status, ended.stdout) == (1, "")
        assert sentence in ended.stderr
        assert not re.search("secret-word|key=", ended.stderr)


def test_the_page_tells_of_every_route_there_is(api: Api) -> None:
    page = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text(encoding="utf-8")
    routes = api.ask("GET", "/openapi.json").json()["paths"]
    verbs = {path.rpartition("/")[2] for path in routes if not path.endswith("}")}
    assert not [verb for verb in verbs if f"/{verb}" not in page]


def test_it_is_as_its_description_says_whatever_is_asked(new_program: NewProgram) -> None:
    program = new_program()
    with running_api(program) as running:
        api = running.having("admin")
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{api.url}/openapi.json"),
            *("--header", f"Authorization: Bearer {api.token}"),
            *("--phases", "examples,coverage,fuzzing", "--seed", "1", "--max-examples", "4"),
            # A stream does not end; a dry run has the body of a campaign, of which there are
            # hundreds to try.
            *("--exclude-path", "/api/v1/events", "--exclude-path", "/api/v1/dry-runs"),
            # What the description cannot say, a person is told in a sentence.
            *("--exclude-checks", "positive_data_acceptance"),
            *("--generation-database", "none", "--request-timeout", "30", "--no-color"),
        ]
        ran = subprocess.run(
            command, capture_output=True, text=True, cwd=program.directory, timeout=300, check=False
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
