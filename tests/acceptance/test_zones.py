"""A campaign at each member's own time."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatcher import OptionError
from tests.acceptance.audiences import reachable_tokens
from tests.acceptance.program import APP, MESSAGE, Program
from tests.acceptance.refusals import SEND, Run, check_refused
from tests.acceptance.test_workers import most_within
from tests.sandbox_process import PushApi
from tests.waiting import eventually

ZONES = [f"Etc/GMT{offset:+d}" for offset in range(-12, 12)]


def wall(hours: float) -> datetime:
    """What the clock of UTC shows so many hours from now."""
    return (datetime.now(UTC) + timedelta(hours=hours)).replace(tzinfo=None, microsecond=0)


def due(program: Program, campaign: str) -> list[tuple[datetime, str, int]]:
    """When each chunk is due, its state and size, the first one first."""
    with program.database() as connection:
        rows = connection.exec_driver_sql(
            "SELECT due_at, state, size FROM chunk WHERE campaign_id = %s ORDER BY due_at",
            (campaign,),
        )
        return [(row.due_at, row.state, row.size) for row in rows]


@pytest.mark.usefixtures("house_worker")
def test_each_zone_s_first_request_comes_at_its_time_and_the_rate_holds(
    house: Program, push_api: PushApi
) -> None:
    people = reachable_tokens("zones", 24 * 2)
    rows = [{"token": token, "zone": ZONES[at % 24]} for at, token in enumerate(people)]
    with house.books() as books:
        campaign = books.enqueue(
            app_id=APP, message=MESSAGE, audience=rows, zone_column="zone", send_at=wall(48), rate=5
        )
        # A clock on which an hour takes half a second.
        with house.database() as connection:
            (begins,) = connection.exec_driver_sql(
                "UPDATE campaign SET send_at = clock_timestamp() + interval '2 s' WHERE id = %s"
                " RETURNING send_at",
                (campaign,),
            ).one()
            connection.exec_driver_sql(
                "UPDATE chunk SET due_at = %s + (due_at - earliest) / 7200 FROM"
                " (SELECT min(due_at) AS earliest FROM chunk WHERE campaign_id = %s) AS first"
                " WHERE campaign_id = %s",
                (begins, campaign, campaign),
            )
        moments = [moment for moment, _, _ in due(house, campaign)]
        assert moments[-1] - moments[0] == timedelta(seconds=11.5)

        def waits() -> bool:
            held = books.show(campaign).held
            return held is not None and "not yet" in held.words and held.until in moments

        assert eventually(waits, within=20)
        assert house.until(books.show(campaign).as_json(), "completed")["members"]["total"] == 48

    sent = sorted(request["wall"] for request in push_api.requests())
    late = [at - moment.timestamp() for at, moment in zip(sent, moments, strict=True)]
    assert min(late) >= 0
    assert max(late) < 2
    assert most_within(sent, 1) <= 7
    assert push_api.ledger()["devices"] == 48


@pytest.mark.usefixtures("house_worker")
def test_each_member_s_own_window_is_kept(house: Program, push_api: PushApi) -> None:
    ahead, behind = reachable_tokens("ahead", 3), reachable_tokens("behind", 2)
    rows = [{"token": each, "zone": "Etc/GMT-6"} for each in ahead]
    rows += [{"token": each, "zone": "Etc/GMT+6"} for each in behind]
    audience = house.file("windows.jsonl", "\n".join(map(json.dumps, rows)))
    # Open from an hour ago on until in an hour ahead, when it is twelve hours less behind.
    window = f"mon-sun {wall(5):%H:%M}-{wall(7):%H:%M} local"

    campaign = house.send(audience, *ZONED, "--window", window)

    def waits() -> bool:
        shown = house.ask("show", campaign["id"])
        delivered: bool = shown["members"]["delivered"] == len(ahead)
        return delivered and (shown["held"] or {}).get("by") == "window"

    assert eventually(waits, within=30)
    assert house.ask("show", campaign["id"])["members"]["remaining"] == len(behind)
    page = house.run("show", campaign["id"]).stdout
    assert f"It is outside its members' windows: {window}" in page
    changed = house.ask("window", campaign["id"], "mon-sun 00:00-24:00 local")
    assert changed["window"] == ["mon-sun 00:00-24:00 local"]
    assert house.until(campaign, "completed")["members"]["delivered"] == len(rows)
    assert push_api.ledger()["twice"] == 0


def test_a_dry_run_tells_when_each_zone_s_window_opens(program: Program) -> None:
    audience = program.file("zoned.csv", "token,zone\na,Europe/Berlin\nb,Asia/Kolkata\n")
    command = program.send_command(
        audience, *ZONED, "--window", "thu 09:00-10:00 local", "--at", "2099-01-01T08:30+00:00"
    )
    assert [zone["at"] for zone in program.ask(*command, "--dry-run")["zones"]] == [
        "2099-01-01T08:30:00+00:00",
        "2099-01-08T03:30:00+00:00",
    ]


def test_members_whose_zones_are_unknown_have_no_windows_of_their_own(program: Program) -> None:
    campaign = program.send(program.file("good.csv", "token\na\n"))
    refused = program.run("window", campaign["id"], LOCAL)
    assert (refused.status, refused.stdout) == (2, "")
    assert "where it was sent with the column of their zones (--zone-column)" in refused.stderr


def test_who_is_late_gets_it_at_once_or_not_at_all(program: Program) -> None:
    rows = [
        {"token": "early", "zone": "Pacific/Kiritimati"},
        {"token": "late", "zone": "Etc/GMT+12"},
    ]
    order: dict[str, Any] = {
        "app_id": APP, "message": MESSAGE, "audience": rows, "zone_column": "zone"
    }  # fmt: skip
    with program.books() as books:
        sent = books.show(books.enqueue(**order, send_at=wall(0)))
        skipped = books.show(books.enqueue(**order, send_at=wall(0), if_late="skip"))
        both = [due(program, campaign.id) for campaign in (sent, skipped)]

        assert sent.state == "running"
        assert [state for _, state, _ in both[0]] == ["pending", "pending"]
        assert skipped.state == "scheduled"
        assert [state for _, state, _ in both[1]] == ["expired", "pending"]
        assert (skipped.members.expired, skipped.members.remaining) == (1, 1)
        assert skipped.send_at == both[1][1][0]
        assert books.verify(skipped.id).findings == ()


def test_a_key_s_campaign_is_found_again_though_its_time_has_passed(program: Program) -> None:
    order: dict[str, Any] = {
        "app_id": APP, "message": MESSAGE, "audience": [{"token": "a", "zone": "UTC"}],
        "key": "k", "zone_column": "zone", "if_late": "skip",
    }  # fmt: skip
    with program.books() as books:
        campaign = books.enqueue(**order, send_at=wall(2))
        assert books.enqueue(**order, send_at=wall(-2)) == campaign
        found = books.dry_run(**order, send_at=wall(-2))
        assert campaign in found.warnings[0]
        with pytest.raises(OptionError, match="passed in every member's zone"):
            books.enqueue(**{**order, "key": "another"}, send_at=wall(-2))


def test_so_it_is_where_all_members_have_one_time(program: Program) -> None:
    """A command that is repeated, as its answer was lost, has the times of the first one."""
    audience = program.file("a.csv", "token\na\n")
    soon, past = ((datetime.now(UTC) + timedelta(hours=it)).isoformat() for it in (1, -1))
    first = program.send(audience, "--key", "k", "--at", soon)

    for times in (("--at", past), ("--expires", past), ("--finish-by", past)):
        assert program.send(audience, "--key", "k", *times)["id"] == first["id"]
        refused = program.run(*program.send_command(audience, "--key", "another", *times))
        assert (refused.status, refused.stdout) == (2, "")
    with program.books() as books:
        assert len(books.list()) == 1


def test_a_time_that_has_just_passed_is_now(program: Program) -> None:
    with program.books() as books:
        just = datetime.now(UTC) - timedelta(seconds=5)
        campaign = books.enqueue(
            app_id=APP, message=MESSAGE, audience=[{"token": "a"}], send_at=just
        )
        assert books.show(campaign).state == "running"


def test_a_dry_run_tells_each_zone_s_time(program: Program) -> None:
    rows = "token,zone\na,Europe/Berlin\nb,Asia/Kolkata\nc,Europe/Berlin\n"
    audience = program.file("zoned.csv", rows)
    found = program.ask(
        *program.send_command(audience, "--zone-column", "zone", "--at", "2099-03-29T02:30"),
        "--dry-run",
    )
    assert found["requests"] == 2
    assert found["zones"] == [
        {"name": "Asia/Kolkata", "members": 1, "at": "2099-03-28T21:00:00+00:00"},
        {"name": "Europe/Berlin", "members": 2, "at": "2099-03-29T01:00:00+00:00"},
    ]


def test_a_test_needs_no_zones(program: Program) -> None:
    with program.books() as books:
        test = books.enqueue(
            app_id=APP,
            message=MESSAGE,
            zone_column="zone",
            send_at=wall(48),
            test_to=[{"token": "me"}],
        )
        assert books.show(test).state == "running"


ZONED = ("--zone-column", "zone")
LOCAL = "mon-fri 09:00-21:00 local"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ZONED, "the time is one on each member's own clock"),
        (("--tag", "zone"), "Or does it tell whose clock counts (--zone-column zone)?"),
        (("--window", LOCAL), "A `local` window is one on each member's own clock"),
        ((*ZONED, "--window", LOCAL, "--if-late", "skip"), "give it (send_at, --at) without"),
        (
            (
                *ZONED,
                "--window",
                LOCAL,
                "--at",
                "2099-01-01T10:00",
                "--finish-by",
                "2099-01-02T10:00Z",
            ),
            "finish_by (--finish-by) spreads a campaign evenly",
        ),
        (
            (
                *ZONED,
                "--window",
                "thu 09:00-10:00 local",
                "--at",
                "2099-01-01T10:00+00:00",
                "--expires",
                "2099-01-03T10:00Z",
            ),
            "In Europe/London the window opens at 2099-01-08T09:00+00:00, and the campaign expires",
        ),
        ((*ZONED, "--window", "mon-fri 21:00-09:00 here"), "has no time zone 'here'"),
        ((*ZONED, "--at", "2099-01-01T10:00Z"), "without an offset, as 2026-11-24T10:00"),
        (("--at", "2099-01-01T10:00"), "has no time zone"),
        ((*ZONED, "--at", "0001-01-01T00:00"), "send_at is in the year 1: give one from 1970"),
        (("--default-zone", "UTC"), "name the column of their zones"),
        (("--if-late", "skip"), "if_late (--if-late) is for members who have times of their own"),
        ((*ZONED, "--at", "2099-01-01T10:00", "--if-late", "later"), "is neither send nor skip"),
        (
            (*ZONED, "--at", "2099-01-01T10:00", "--default-zone", "europe/berlin"),
            "There is no time zone 'europe/berlin': write Europe/Berlin.",
        ),
        (
            (*ZONED, "--at", "2099-01-01T10:00", "--finish-by", "2099-01-02T10:00Z"),
            "finish_by (--finish-by) spreads a campaign evenly",
        ),
        (
            (*ZONED, "--at", "2099-01-01T10:00", "--expires", "2099-01-01T09:30Z"),
            "expires before it is 2099-01-01T10:00 in Europe/London",
        ),
        (
            (*ZONED, "--at", "2020-01-01T10:00", "--if-late", "skip"),
            "That time has passed in every member's zone",
        ),
        (("--zone-column", "clock", "--at", "2099-01-01T10:00"), "There is no column 'clock'"),
    ],
)
def test_times_that_contradict_each_other_are_refused(
    empty_books: Program, run: Run, options: tuple[str, ...], words: str
) -> None:
    empty_books.file("zoned.csv", "token,zone\na,Europe/London\n")
    audience = "zoned.csv" if "zone" in options else "good.csv"
    check_refused(run(*SEND[:-1], audience, *options), 2, (words,))


def test_a_person_reads_when_it_is_their_time(program: Program) -> None:
    audience = program.file("zoned.jsonl", json.dumps({"token": "a", "zone": "Asia/Kathmandu"}))
    command = program.send_command(audience, *ZONED, "--at", "2099-01-01T10:00", "--dry-run")
    ran = program.run(*command)
    assert "    Asia/Kathmandu  1  at 2099-01-01 04:15 UTC" in ran.stdout.splitlines()
