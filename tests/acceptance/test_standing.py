"""Whoever opts out in the middle of a campaign gets nothing from what is still unsent."""

import pytest

from tests.acceptance.audiences import csv_of, reachable_tokens
from tests.acceptance.program import Program
from tests.sandbox_process import PushApi
from tests.waiting import eventually

APP = ("--app-id", "sandbox-app")


@pytest.mark.usefixtures("house_worker")
def test_who_opts_out_while_nine_tenths_are_unsent_gets_nothing(
    house: Program, push_api: PushApi
) -> None:
    tokens = reachable_tokens("opting", 40_000)
    gone = [*tokens[35_500:35_503], tokens[-1]]
    campaign = house.send(csv_of(house, "opting.csv", tokens), "--rate", "1")
    eventually(lambda: push_api.requests())

    added = house.ask("suppress", "add", *APP, *(f"token={each}" for each in gone))
    house.ask("rate", campaign["id"], "none")
    ended = house.until(campaign, "completed")

    assert (added["given"], added["added"]) == (4, 4)
    assert [push_api.pushes_of(each) for each in gone] == [0] * 4
    members, chunks = ended["members"], ended["chunks"]
    assert (members["delivered"], members["withheld"], members["total"]) == (39_996, 4, 40_000)
    assert (chunks["delivered"], chunks["total"]) == (40, 40)
    assert house.ask("verify", campaign["id"])["sound"]
    assert "4 members in 2 chunks were withheld" in house.run("explain", campaign["id"]).stdout

    again = house.send("opting.csv", "--at", "2099-01-01T00:00+00:00")
    assert (again["input"]["suppressed"], again["members"]["total"]) == (4, 39_996)
    house.ask("cancel", again["id"])
    house.ask("suppress", "remove", *APP, *(f"token={each}" for each in gone))


def test_whom_nobody_can_mean_is_told_by_its_place_and_changes_nothing(house: Program) -> None:
    house.file("gone.csv", "userId,devtodevId\nfrank,1\nfrank,x\n")
    for command, words in (
        (("add", "userId=frank", "frank"), "Identifier 2 does not say of which kind it is"),
        (("check", "devtodevId=frank"), "devtodevId must be a whole number"),
        (("import", "gone.csv"), "so nobody is put on the list: line 3 devtodevId must be"),
    ):
        ran = house.run("suppress", *command, "--app-id", "nobodys")
        assert (ran.status, ran.stdout) == (2, "")
        assert words in ran.stderr
        assert "frank" not in ran.stderr
        assert ran.stderr.count("\n") == 1
    assert house.ask("suppress", "count", "--app-id", "nobodys")["count"] == 0
