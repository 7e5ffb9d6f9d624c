"""The commands of docker-compose.yml at work on this machine, each with its own secrets alone."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from dispatcher.embedded import temporary_home
from dispatcher.embedded.account import default_account
from dispatcher.embedded.binaries import Search, find_postgresql, find_valkey
from dispatcher.embedded.directories import copies_directory
from tests.on_ports import HOST, free_port, running_on_ports
from tests.packaging import compose
from tests.packaging.conftest import SmallCampaign
from tests.packaging.image import ROOT, Image
from tests.packaging.programs import run, run_json, running
from tests.packaging.test_compose import make_secrets
from tests.sandbox_process import running_push_api
from tests.waiting import eventually


@dataclass(frozen=True, slots=True)
class Stack:
    """Servers as the file sets them up, and its services' commands for this machine."""

    directory: Path
    image: Image
    services: dict[str, Any]

    @property
    def secrets(self) -> Path:
        """In the place of /run/secrets."""
        return self.directory / "secrets"

    def here(self, words: str) -> str:
        """Words of the file, for this machine."""
        return words.replace("/run/secrets", str(self.secrets))

    def environment(self, name: str, **replaced: str) -> dict[str, str]:
        """The service's own environment, and nothing else."""
        own = compose.environment(self.services[name]) | {
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            "DISPATCHER_HOME": str(self.directory / name),
        }
        told = {variable: self.here(value) for variable, value in own.items()}
        return self.image.environment(told | replaced)

    def command(self, name: str) -> list[str]:
        """The service's command."""
        return [self.here(word) for word in self.services[name]["command"]]


@pytest.fixture(scope="module")
def stack(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The file's servers: made by its scripts and commands, with its secrets."""
    directory = tmp_path_factory.mktemp("stack")
    assert make_secrets(directory, "sandbox-token").returncode == 0
    stack = Stack(directory, image, compose.services({}))
    with ExitStack() as servers:
        home = servers.enter_context(temporary_home())
        urls = servers.enter_context(running_on_ports(home, durable=False))
        postgresql = make_url(urls.database_url)
        broker = free_port()
        for secret in stack.secrets.iterdir():
            words = secret.read_text(encoding="utf-8")
            words = words.replace("@postgres:5432/dispatcher", f"@{HOST}:{postgresql.port}/stack")
            secret.write_text(words.replace("@valkey:6379", f"@{HOST}:{broker}"), encoding="utf-8")
        search = Search(default_account(), copies_directory)
        _make_users(stack, find_postgresql(search), postgresql)
        # The file's own command, on a port that is free here.
        shell, option, script = stack.command("valkey")
        script = script.replace("requirepass", f"port {broker}\nrequirepass")
        programs = {"PATH": f"{find_valkey(search).parent}:/usr/bin:/bin"}
        valkey = servers.enter_context(running([shell, option, script], programs, directory))
        eventually(lambda: valkey.has_said("Ready to accept connections"), within=20)
        yield stack


def _make_users(stack: Stack, programs: Path, superuser: Any) -> None:
    login = {
        "PGHOST": HOST,
        "PGPORT": str(superuser.port),
        "PGUSER": superuser.username,
        "PGPASSWORD": superuser.password,
        "SECRETS": str(stack.secrets),
        "PATH": f"{programs}:/usr/bin:/bin",
    }
    assert run(["sh", str(ROOT / "deploy" / "users.sh")], login, stack.directory) == ""


@pytest.fixture(scope="module")
def migrated(stack: Stack) -> Stack:
    """The same, once `migrate` has run."""
    said = run(stack.command("migrate"), stack.environment("migrate"), stack.directory)
    assert "is now at" in said
    assert "dispatcher_worker" in said
    return stack


def test_migrate_may_run_again(migrated: Stack) -> None:
    again = run(migrated.command("migrate"), migrated.environment("migrate"), migrated.directory)
    assert "up to date" in again


def test_the_broker_wants_its_password_and_evicts_nothing(stack: Stack) -> None:
    url = (stack.secrets / "broker_url").read_text(encoding="utf-8").strip()
    with redis.Redis.from_url(url, decode_responses=True) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("maxmemory") == {"maxmemory": str(256 * 2**20)}
        assert client.config_get("save") == {"save": ""}
    with (
        redis.Redis.from_url(url.replace(":" + url.split(":")[2].split("@")[0], "")) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_each_program_logs_in_as_itself_and_is_nobody_s_superuser(migrated: Stack) -> None:
    found = {}
    for name in ("owner", "producer", "worker", "reader"):
        url = (migrated.secrets / f"{name}_database_url").read_text(encoding="utf-8").strip()
        engine = create_engine(url.replace("://", "+psycopg2://"))
        with engine.connect() as connection:
            who = text("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user")
            found[name] = tuple(connection.execute(who).one())
        engine.dispose()
    assert found == {name: (name, False) for name in ("owner", "producer", "worker", "reader")}


def test_a_campaign_is_handed_over_and_sent(migrated: Stack, campaign: SmallCampaign) -> None:
    worker = migrated.services["worker"]
    entrypoint = migrated.services["producer"]["entrypoint"]
    with running_push_api() as push_api:
        here = migrated.environment(
            "worker", DISPATCHER_PUSH_API_URL=push_api.url, HOSTNAME=socket.gethostname()
        )
        with running(migrated.command("worker"), here, campaign.directory) as program:
            eventually(lambda: program.has_said(" ready."), within=60)
            run(compose.health_check(worker), here, campaign.directory)
            send = [*entrypoint, "send", *campaign.arguments, "--watch", "--json"]
            shown = run_json(send, migrated.environment("producer"), campaign.directory)
            grace = compose.seconds(worker["stop_grace_period"])
            assert program.end(within=grace) == 0
        assert shown["members"]["delivered"] == campaign.members
        assert push_api.ledger()["devices"] == push_api.ledger()["pushes"] == campaign.members


def test_flower_answers_on_its_port_without_a_database(stack: Stack, tmp_path: Path) -> None:
    port = free_port()
    here = stack.environment("flower", FLOWER_PORT=str(port), FLOWER_ADDRESS=HOST)
    with running(stack.command("flower"), here, tmp_path) as program:
        eventually(lambda: program.answers(f"http://{HOST}:{port}/workers"), within=60)
        run(compose.health_check(stack.services["flower"]), here, tmp_path)


def test_the_console_answers_once_it_has_a_user(migrated: Stack, tmp_path: Path) -> None:
    port = free_port()
    command = [word.replace("8080", str(port)) for word in migrated.command("console")]
    here = migrated.environment("console")
    entrypoint = migrated.services["producer"]["entrypoint"]
    add = [*entrypoint, "console", "user", "add", "anna", "--role", "admin"]
    run(add, migrated.environment("producer"), tmp_path)
    with running(command, here, tmp_path) as program:
        eventually(lambda: program.answers(f"http://{HOST}:{port}/login"), within=60)
        check = compose.health_check(migrated.services["console"])
        run([word.replace("8080", str(port)) for word in check], here, tmp_path)
