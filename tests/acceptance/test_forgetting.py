"""Somebody who is forgotten is in no stored audience any more, and the books stay sound."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dispatcher import Dispatcher
from dispatcher.verbs import people
from tests.acceptance.program import APP, MESSAGE, Program
from tests.acceptance.refusals import Run, check_refused
from tests.sandbox_process import PushApi

ANNA, BORIS = {"userId": "anna"}, {"userId": "boris"}
WHO = "userId=anna"


def enqueued(books: Dispatcher, *rows: dict[str, str], **options: Any) -> str:
    order: dict[str, Any] = {"app_id": APP, "message": MESSAGE, "audience": rows, **options}
    return books.enqueue(**order)


def stored(program: Program, campaign: str) -> tuple[str, int, list[dict[str, str]]]:
    """The state of the campaign's first chunk, how many are withheld, and its members."""
    with program.database() as connection:
        row = connection.exec_driver_sql(
            "SELECT state, withheld, members FROM chunk WHERE campaign_id = %s AND sequence = 1",
            (campaign,),
        ).one()
    return row.state, row.withheld, json.loads(row.members)


def become(program: Program, campaign: str, columns: str) -> None:
    """Set columns of the campaign's chunks, and sum them up as a sweep would."""
    with program.database() as connection:
        connection.exec_driver_sql(
            f"UPDATE chunk SET {columns} WHERE campaign_id = %s", (campaign,)
        )


def sound(books: Dispatcher, campaign: str) -> bool:
    return books.verify(campaign).findings == ()


def test_from_what_is_unsent_somebody_is_withheld(program: Program) -> None:
    with program.books() as books:
        both, alone = enqueued(books, ANNA, BORIS), enqueued(books, ANNA)
        receipt = books.forget(WHO)

        assert [str(each.campaign) for each in receipt.left] == [both, alone]
        assert (receipt.apps, receipt.waiting) == ((APP,), ())
        assert stored(program, both) == ("pending", 1, [BORIS])
        assert stored(program, alone) == ("withheld", 1, [])
        shown = books.show(both).members
        assert (shown.withheld, shown.remaining, shown.total) == (1, 1, 2)
        assert books.show(alone).state == "completed"
        assert sound(books, both)
        assert sound(books, alone)
        assert books.find(WHO) == ()
        assert books.suppress_check(APP, [WHO]).listed == (WHO,)
        again = enqueued(books, ANNA, BORIS)
        assert books.show(again).input.suppressed == 1


def test_the_only_one_of_a_campaign_that_waits_for_its_time_is_forgotten(program: Program) -> None:
    with program.books() as books:
        later = datetime(2099, 1, 1, tzinfo=UTC)
        alone, both = (enqueued(books, *rows, send_at=later) for rows in ((ANNA,), (ANNA, BORIS)))
        assert len(books.forget(WHO).left) == 2
        assert books.show(alone).state == "completed"
        assert books.show(both).state == "scheduled"
        for campaign in (alone, both):
            assert sound(books, campaign)
            told = [event.what for event in books.explain(campaign).happened]
            assert any("or forgotten" in words for words in told)


def test_who_left_a_chunk_that_ended_so_leaves_it_as_it_is(program: Program) -> None:
    with program.books() as books:
        campaign = enqueued(books, ANNA)
        (found,) = books.find(WHO)
        assert people._leave(books._connections, people._sought(books._connections, WHO), found)
        assert people._leave(books._connections, people._sought(books._connections, WHO), found)
        assert stored(program, campaign) == ("withheld", 1, [])
        assert sound(books, campaign)


@pytest.mark.usefixtures("house_worker")
def test_what_was_sent_keeps_its_size_and_is_retried_without_them(
    house: Program, push_api: PushApi
) -> None:
    push_api.set_faults(next=[{"fault": "code_33"}])
    with house.books() as books:
        campaign = enqueued(books, BORIS, ANNA, {"userId": "carla"})
        house.until(books.show(campaign).as_json(), "completed")

        books.forget(WHO)

        assert stored(house, campaign) == ("rejected", 0, [BORIS, {}, {"userId": "carla"}])
        assert books.show(campaign).members.rejected == 3
        assert sound(books, campaign)
        failed = [failure.member for failure in books.failures(campaign)]  # type: ignore[union-attr]
        assert failed == [BORIS, {"userId": "carla"}]

        books.retry(campaign, "rejected")
        house.until(books.show(campaign).as_json(), "completed")
        members = books.show(campaign).members
        assert (members.withheld, members.delivered, members.total) == (1, 2, 3)
        assert sound(books, campaign)
        assert push_api.ledger()["members"] == 2
        books.suppress_remove(APP, [WHO])


def test_a_chunk_of_those_who_were_forgotten_is_not_sent_again(program: Program) -> None:
    with program.books() as books:
        campaign = enqueued(books, ANNA)
        become(
            program,
            campaign,
            "state = 'expired', settled_at = now(), published_at = NULL",
        )
        books.forget(WHO)
        assert stored(program, campaign) == ("expired", 0, [{}])
        books.retry(campaign, "expired")
        assert stored(program, campaign) == ("withheld", 1, [])
        assert books.show(campaign).members.withheld == 1


def test_what_may_be_with_the_vendor_is_kept_and_said(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "_PATIENCE", 0.0)
    with program.books() as books:
        campaign = enqueued(books, ANNA, BORIS)
        become(
            program,
            campaign,
            "attempt = 1, claimed_at = now(), claimed_by = 'w', in_doubt_since = now()",
        )
        receipt = books.forget(WHO)
        assert [str(each.campaign) for each in receipt.waiting] == [campaign]
        assert receipt.left == ()
        assert stored(program, campaign) == ("pending", 0, [ANNA, BORIS])
        become(program, campaign, "in_doubt_since = NULL")
        assert books.forget(WHO).waiting == ()
        assert stored(program, campaign) == ("pending", 1, [BORIS])


def texts_of(program: Program) -> str:
    """Every word of the books."""
    with program.database() as connection:
        tables = connection.exec_driver_sql(
            "SELECT relname FROM pg_stat_user_tables WHERE relname <> 'alembic_version'"
        ).scalars()
        return "\n".join(
            each
            for table in [*tables]
            for each in connection.exec_driver_sql(f"SELECT t::text FROM {table} AS t").scalars()
        )


def test_no_text_quotes_who_was_forgotten(program: Program) -> None:
    """The vendor's words hold nobody from the start; these are as they were before that."""
    words = "Invalid value for field userId. Received value: {}. Expected: somebody"
    with program.books() as books:
        quoted, other = enqueued(books, BORIS), enqueued(books, BORIS)
        with program.database() as connection:
            for campaign, name in ((quoted, "ANNA"), (other, "hanno")):
                said = words.format(name)
                become(
                    program,
                    campaign,
                    "state = 'rejected', settled_at = now(), published_at = NULL, attempt = 1,"
                    " claimed_at = now(), claimed_by = 'w',"
                    f" http_status = 400, code = 30, error = '{said}'",
                )
                reason = f"The Push API refused it: {said} (HTTP 400, code 30)."
                details = json.dumps([[0, f"no {name}"]])
                body = json.dumps({"data": {"reason": reason}})
                for statement in (
                    "INSERT INTO attempt (campaign_id, sequence, attempt, round, worker,"
                    " started_at, outcome, chunk_state, http_status, code, error, error_details)"
                    " VALUES (%(id)s, 1, 1, 1, 'w', now(), 'campaign_wrong', 'rejected', 400, 30,"
                    f" '{said}', '{details}')",
                    f"UPDATE campaign SET reason = '{reason}' WHERE id = %(id)s",
                    "INSERT INTO webhook (campaign_id, sequence, type, body)"
                    f" VALUES (%(id)s, 1, 'campaign.paused', '{body}')",
                ):
                    connection.exec_driver_sql(statement, {"id": campaign})

        books.forget(WHO)

        told = texts_of(program)
        assert "anna" not in told.lower()
        assert told.count("hanno") == 5
        assert (books.show(quoted).reason or "").endswith("refused it (HTTP 400, code 30).")
        (act,) = (each for each in books.log(quoted) if each.verb == "forget")
        assert act.after == {"texts": 5}


def test_a_receipt_says_where_and_when_and_what_remains(program: Program) -> None:
    with program.books() as books:
        campaign = enqueued(books, ANNA, BORIS)
    asked = program.run("forget", WHO)
    assert (asked.status, asked.stdout) == (2, "")
    assert "give --yes to forget them" in asked.stderr
    assert len(program.ask("find", WHO)) == 1

    receipt = program.ask("forget", WHO, "--yes")
    page = program.run("forget", WHO, "--yes").stdout

    assert list(receipt) == ["at", "apps", "left", "waiting", "remains"]
    assert receipt["left"][0]["campaign"] == campaign
    assert "Backups of PostgreSQL" in receipt["remains"][0]
    assert "write-ahead log" in receipt["remains"][1]
    assert f"On the standing list of: {APP}." in page
    assert program.ask("find", WHO) == []


def test_who_cannot_be_anybody_is_not_forgotten(run: Run) -> None:
    check_refused(run("forget", "anna", "--yes"), 2, ("does not say of which kind it is",))
