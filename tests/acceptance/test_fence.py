"""The verb `fence`: books that were put back."""

from tests.acceptance.program import Program
from tests.acceptance.refusals import check_refused


def put_back(program: Program) -> None:
    """As a dump that was restored looks."""
    with program.database() as connection:
        connection.exec_driver_sql("UPDATE fence SET place = 'elsewhere'")


def test_what_would_be_sent_is_shown_before_anything_is(program: Program) -> None:
    campaign = program.send(program.file("a.csv", "token\na\nb\n"), "--tag", "winback")
    check_refused(program.run("fence", "accept", "--yes"), 2, ("There is nothing to accept",))
    put_back(program)

    asked = program.run("fence", "accept")
    assert (asked.status, asked.stdout) == (2, "")
    assert "they were restored from a dump, or copied" in asked.stderr
    assert "1 campaign would go on, with 2 members who are unsent in them" in asked.stderr
    assert f"{campaign['id'][:8]}  running  2  winback" in asked.stderr
    assert "give --yes to go on from these books" in asked.stderr
    checks = program.run("doctor", "--json").document
    (told,) = (check for check in checks if check["name"] == "fence")
    assert told["result"] == "failed"

    accepted = program.ask("fence", "accept", "--yes")
    assert accepted["epoch"] == 2
    assert [each["id"] for each in accepted["campaigns"]] == [campaign["id"]]
    assert [act["verb"] for act in program.ask("log")][:2] == ["fence accept", "fence"]
    check_refused(program.run("fence", "accept", "--yes"), 2, ("There is nothing to accept",))
