"""The ledger says how often each device was really reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.journal import LONGEST_JOURNAL, LONGEST_PAGE, Journal
from sandbox.ledger import Tally
from sandbox.registry import sort
from tests.sandbox.process import Sandbox, push

THOUSAND = [{"token": f"device-{n}"} for n in range(1000)]


def result(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.send(push(**changes)).json()["data"]["result"]
    return found


def test_the_ledger_counts_pushes_a_device(sandbox: Sandbox) -> None:
    sandbox.send(push(pack_id="ledger-1", audience=[{"token": "anna"}, {"token": "ben"}]))
    sandbox.send(push(pack_id="ledger-1"))
    sandbox.send(push(audience=[{"token": "anna"}, {"token": "carla"}, {"idfa": "x"}]))
    sandbox.send(push(audience=[{"token": "anna"}]))

    assert sandbox.ledger() == {
        "devices": 4,
        "pushes": 6,
        "twice": 1,
        "max": 3,
        "unreachable": 0,
        "members": 6,
        "not_found": 0,
        "requests": 4,
        "accepted": 3,
        "refused": {"32": 1},
        "faults": {},
    }
    assert sandbox.pushes({"token": "anna"}, {"token": "ben"}, {"idfa": "x"}) == [3, 1, 1]


def test_a_member_named_twice_in_one_audience_is_pushed_twice(sandbox: Sandbox) -> None:
    sandbox.send(push(audience=[{"token": "anna"}, {"token": "ben"}, {"token": "anna"}]))

    assert sandbox.pushes({"token": "anna"}, {"token": "ben"}) == [2, 1]


def test_a_device_is_its_token_whatever_else_is_known_of_it(sandbox: Sandbox) -> None:
    sandbox.send(push(audience=[{"token": "anna", "userId": "a"}]))
    sandbox.send(push(audience=[{"userId": "a", "token": "anna"}]))
    sandbox.send(push(audience=[{"userId": "a", "idfa": "b", "devtodevId": 7}]))

    assert sandbox.pushes({"token": "anna"}, {"userId": "a"}) == [2, 0]
    assert sandbox.pushes({"devtodevId": 7, "idfa": "b", "userId": "a"}) == [1]


def test_one_device_can_be_asked_for_in_the_query(sandbox: Sandbox) -> None:
    sandbox.send(push(audience=[{"token": "anna"}, {"devtodevId": 7, "idfa": "b"}]))

    assert sandbox.ask("GET", "ledger/devices?token=anna") == {"pushes": 1}
    assert sandbox.ask("GET", "ledger/devices?idfa=b&devtodevId=7") == {"pushes": 1}
    assert sandbox.ask("GET", "ledger/devices?token=nobody") == {"pushes": 0}


def test_a_reset_empties_the_books(sandbox: Sandbox) -> None:
    sandbox.send(push())
    sandbox.ask("DELETE", "ledger")

    assert sandbox.ledger()["requests"] == sandbox.ledger()["devices"] == 0
    assert sandbox.pushes({"token": "anna"}) == [0]
    assert sandbox.journal() == []


def test_the_same_devices_are_unreachable_in_every_run(
    start_sandbox: Callable[..., Sandbox],
) -> None:
    runs = []
    for sandbox in (start_sandbox("--unreachable", "0.05"), start_sandbox("--unreachable", "0.05")):
        found = result(sandbox, audience=THOUSAND)
        assert found["audience"] == 1000
        assert found["successful"] + found["erroneous"] == 1000
        assert 20 <= found["erroneous"] <= 80
        assert sandbox.ledger()["devices"] == found["successful"]
        assert sandbox.ledger()["unreachable"] == found["erroneous"]
        runs.append(found["error_details"])

    assert runs[0] == runs[1]
    assert sandbox.pushes(runs[1][0]["identifier"]) == [0]


def test_unreachable_devices_are_detailed_up_to_a_hundred(sandbox: Sandbox) -> None:
    sandbox.become(unreachable=1)
    found = result(sandbox, audience=THOUSAND)

    assert (found["audience"], found["successful"], found["erroneous"]) == (1000, 0, 1000)
    assert len(found["error_details"]) == 100
    assert found["error_details"][0] == {
        "platform": "ios",
        "identifier": {"token": "device-0"},
        "error": "BadDeviceToken",
    }


def test_a_detail_names_the_platform_that_knew_the_user(sandbox: Sandbox) -> None:
    sandbox.become(unreachable=1)
    messages = {"android": {"payload": {"text": "Hello"}}, "win": {"raw": {}}}
    audience = [{"androidId": "a"}, {"idfa": "b"}, {"userId": "c"}]
    details = result(sandbox, audience=audience, **messages)["error_details"]

    found = [(detail["platform"], detail["error"]) for detail in details]
    assert found == [
        ("android", "UNREGISTERED"),
        ("ios", "BadDeviceToken"),
        ("ios", "BadDeviceToken"),
    ]


def test_users_that_are_not_found_are_missing_from_the_audience(sandbox: Sandbox) -> None:
    sandbox.become(not_found=0.3, unreachable=0.1)
    found = result(sandbox, audience=[*THOUSAND[:-1], {"androidId": "not for ios"}])

    books = sandbox.ledger()
    assert found["audience"] + books["not_found"] == books["members"] == 1000
    assert 200 < books["not_found"] < 400
    assert sum(sandbox.pushes(*THOUSAND)) == found["successful"]


def test_nobody_found_is_code_33(sandbox: Sandbox) -> None:
    sandbox.become(not_found=1)

    assert sandbox.code(push()) == 33


@pytest.mark.parametrize("form", ["{}", "user-{:08}", "{:064x}", "fcm:{}:APA91b"])
def test_fractions_hold_for_tokens_of_any_form(form: str) -> None:
    devices = [form.format(n) for n in range(20_000)]
    fates = sort(devices, not_found=0.1, unreachable=0.02)

    assert fates.not_found == pytest.approx(2000, rel=0.15)
    assert len(fates.unreachable) == pytest.approx(400, rel=0.3)


def test_a_tally_counts_whatever_is_repeated() -> None:
    tally = Tally()
    for devices in (["a", "b"], [], ["c", "c", "c"], ["a", "d"]):
        tally.add(devices)

    assert [tally.count(device) for device in ("a", "b", "c", "d", "e")] == [2, 1, 3, 1, 0]
    assert (tally.devices, tally.total, tally.repeated, tally.most) == (4, 7, 2, 3)


def test_the_journal_tells_what_arrived_and_how_it_was_judged(sandbox: Sandbox) -> None:
    sandbox.send(push(pack_id="told", campaign_tag="x" * 500))
    sandbox.send(push(pack_id="told"))
    sandbox.next("code_33", "error_500_after")
    sandbox.send(push(pack_id="other"))
    sandbox.send(push(pack_id="another"))
    sandbox.send(b"no json")

    told = sandbox.journal()
    assert [
        (entry["pack_id"], entry["verdict"], entry["code"], entry["fault"], entry["numbers"])
        for entry in told
    ] == [
        ("told", "accepted", None, None, [1, 1, 0]),
        ("told", "refused", 32, None, None),
        ("other", "unprocessed", None, "code_33", None),
        ("another", "accepted", None, "error_500_after", [1, 1, 0]),
        (None, "refused", 3, None, None),
    ]
    assert told[0]["size"] > 500
    assert told[-1]["size"] == len(b"no json")
    times = [entry["monotonic"] for entry in told]
    assert times == sorted(times)
    assert all(entry["ended"] >= entry["monotonic"] for entry in told)
    assert sandbox.journal(since=told[-1]["n"]) == told[-1:]


def test_the_journal_is_read_on_from_where_it_ended() -> None:
    journal = Journal()
    for number in range(LONGEST_JOURNAL + 5):
        journal.add(
            monotonic=number,
            wall=number,
            pack_id=None,
            size=1,
            verdict="accepted",
            code=None,
            fault=None,
        )
    page = journal.page(since=3)
    assert (page["forgotten"], page["requests"][0]["n"]) == (2, 5)
    assert len(page["requests"]) == LONGEST_PAGE
    assert journal.page(page["next"])["requests"][0]["n"] == 5 + LONGEST_PAGE
    assert journal.page(journal.next) == {"requests": [], "next": journal.next, "forgotten": 0}


def test_the_ledger_remembers_what_a_device_got_last(sandbox: Sandbox) -> None:
    sandbox.send(push())
    sandbox.send(push(ios=None, android={"payload": {"title": "Hallo"}}))
    assert sandbox.messages({"token": "anna"}, {"token": "ben"}) == [
        {"android": {"payload": {"title": "Hallo"}}},
        None,
    ]
