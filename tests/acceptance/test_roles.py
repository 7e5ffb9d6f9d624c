"""Each program under a user of its own, who may do what that program does and no more."""

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url

from tests.acceptance.audiences import csv_of, tokens
from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import Program
from tests.sandbox_process import running_push_api

ROLES = ("dispatcher_producer", "dispatcher_worker", "dispatcher_reader")


class Household:
    """The owner's program, and the same for a user of each role."""

    def __init__(self, owner: Program) -> None:
        self.owner = owner
        self.users: list[str] = []
        self.producer, self.worker, self.reader = (self._user(role) for role in ROLES)

    def close(self) -> None:
        """The users and the roles are gone."""
        with self.owner.database() as database:
            for name in (*self.users, *ROLES):
                database.exec_driver_sql(f"DROP OWNED BY {name}; DROP ROLE {name}")

    def _user(self, role: str) -> Program:
        name = f"user_{uuid.uuid4().hex}"
        with self.owner.database() as database:
            database.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
            database.exec_driver_sql(f"GRANT {role} TO {name}")
        self.users.append(name)
        url = make_url(self.owner.environment["DISPATCHER_DATABASE_URL"])
        own = url.set(drivername="postgresql", username=name, password="secret")
        return self.owner.having(DISPATCHER_DATABASE_URL=own.render_as_string(False))


@pytest.fixture
def household(new_program: NewProgram) -> Iterator[Household]:
    with running_push_api() as push_api:
        owner = new_program(DISPATCHER_PUSH_API_URL=push_api.url)
        made = owner.run("migrate", "--roles")
        assert made.status == 0, made
        assert all(role in made.stdout for role in ROLES)
        household = Household(owner)
        try:
            yield household
        finally:
            household.close()


def test_a_campaign_from_its_handing_over_to_its_forgetting(household: Household) -> None:
    producer, reader = household.producer, household.reader
    with household.worker.worker():
        campaign = producer.send(csv_of(producer, "members.csv", tokens("roles", 3_000)))
        assert reader.until(campaign, "completed")["members"]["delivered"] == 3_000
        # These servers are not durable, so that it ends with 1.
        found = household.worker.run("doctor", "--json").document
        checks = {check["name"]: check for check in found}
    assert checks["rights"]["result"] == "ok", checks
    assert checks["campaigns"]["result"] == "ok", checks
    assert reader.ask("verify", "last")["sound"]
    assert "members" in reader.run("explain", "last").stdout
    assert producer.run("failures", "last").status == 0
    purged = producer.run("purge", "--older-than", "0", "--yes")
    assert purged.status == 0, purged


@pytest.mark.parametrize(
    ("who", "command"),
    [
        ("reader", ("send",)),
        ("worker", ("send",)),
        ("reader", ("pause", "last")),
        ("reader", ("failures", "last")),
        ("reader", ("purge", "--older-than", "0", "--yes")),
        ("worker", ("rate", "last", "5")),
        ("reader", ("migrate", "--roles")),
    ],
)
def test_what_a_role_may_not_is_refused_in_a_sentence(
    household: Household, who: str, command: tuple[str, ...]
) -> None:
    audience = csv_of(household.producer, "members.csv", tokens("refused", 10))
    household.producer.send(audience)
    program: Program = getattr(household, who)
    arguments = program.send_command(audience) if command == ("send",) else command

    ran = program.run(*arguments)

    assert ran.status == 1, ran
    assert len(ran.stderr.strip().splitlines()) == 1
    assert "dispatcher_producer" in ran.stderr or "`dispatcher migrate --roles` as" in ran.stderr


def test_doctor_tells_whoever_is_no_worker_only_what_he_can_know(household: Household) -> None:
    producer = household.producer
    producer.send(csv_of(producer, "members.csv", tokens("checked", 10)))
    for program in (producer, household.reader):
        found = program.run("doctor", "--json").document
        checks = {check["name"]: check for check in found}
        assert checks["database"]["result"] == "ok"
        assert checks["rights"]["result"] == "warning"
        assert "GRANT dispatcher_worker" in checks["rights"]["words"]
        assert not any("permission denied" in check["words"] for check in found)


@pytest.mark.parametrize("who", ["producer", "reader"])
def test_a_worker_does_not_start_without_its_role(household: Household, who: str) -> None:
    program: Program = getattr(household, who)

    ran = program.run("worker")

    assert ran.status == 1, ran
    (sentence,) = ran.stderr.strip().splitlines()
    assert "GRANT dispatcher_worker TO user_" in sentence
    assert "EXECUTE on exchange_chunks" in sentence


def test_roles_are_told_as_json_too(household: Household) -> None:
    document = household.owner.ask("migrate", "--roles")
    assert document["roles"] == list(ROLES)
    assert "roles" not in household.owner.ask("migrate")
