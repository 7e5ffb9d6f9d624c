"""docker-compose.yml: what it promises, and its commands at work on this machine."""

import socket
from pathlib import Path
from typing import Any

import pytest

from dispatcher.settings import Settings, read_settings
from tests.packaging import compose
from tests.packaging.conftest import SmallCampaign
from tests.packaging.image import Image
from tests.packaging.programs import run, run_json, running
from tests.sandbox_process import running_push_api
from tests.waiting import eventually

SHELL = {"DISPATCHER_USER_TOKEN": "sandbox-token"}
OURS = ("migrate", "worker", "flower")


@pytest.fixture
def services() -> dict[str, Any]:
    """The services, with nothing set but the token."""
    return compose.services(SHELL)


def test_it_starts_these_services(services: dict[str, Any]) -> None:
    assert set(services) == {"postgres", "valkey", *OURS}
    assert services["postgres"]["image"] == "postgres:18"
    assert services["valkey"]["image"] == "valkey/valkey:9"


def test_a_missing_token_is_told_in_a_sentence() -> None:
    with pytest.raises(compose.MissingVariable, match=r"DISPATCHER_USER_TOKEN: put .* \.env"):
        compose.services({})


def test_only_the_worker_gets_the_token(services: dict[str, Any]) -> None:
    holders = {name for name in services if "sandbox-token" in str(services[name])}
    assert holders == {"worker"}


def test_everything_that_stays_is_watched_and_started_again(services: dict[str, Any]) -> None:
    lasting = {name: services[name] for name in services if name != "migrate"}
    assert all("healthcheck" in service for service in lasting.values())
    assert {service["restart"] for service in lasting.values()} == {"unless-stopped"}
    assert "restart" not in services["migrate"]


def test_the_worker_waits_for_servers_and_schema(services: dict[str, Any]) -> None:
    assert services["worker"]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "valkey": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_there_can_be_many_workers(services: dict[str, Any]) -> None:
    assert not {"container_name", "ports", "hostname"} & set(services["worker"])


def test_nothing_is_open_to_the_network(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"flower": ["127.0.0.1:5555:5555"]}


def test_a_worker_has_time_to_end_its_requests(services: dict[str, Any], tmp_path: Path) -> None:
    grace = compose.seconds(services["worker"]["stop_grace_period"])
    lease = Settings(home=tmp_path).lease.total_seconds()
    assert grace >= lease + 10


def test_the_books_outlive_their_container(services: dict[str, Any]) -> None:
    assert services["postgres"]["volumes"] == ["books:/var/lib/postgresql"]
    assert "books" in compose.document(SHELL)["volumes"]


def test_nothing_is_evicted_from_the_broker(services: dict[str, Any]) -> None:
    command = services["valkey"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_our_programs_share_an_image_that_is_never_pulled(services: dict[str, Any]) -> None:
    for name in OURS:
        assert services[name]["build"] == "."
        assert services[name]["image"] == "push-campaign-dispatcher"
        assert services[name]["pull_policy"] == "build"


def test_the_settings_of_the_shell_reach_the_worker() -> None:
    shell = SHELL | {
        "DISPATCHER_PUSH_API_URL": "http://push.example/send",
        "DISPATCHER_RATE": "20",
        "DISPATCHER_REQUEST_TIMEOUT": "10",
        "DISPATCHER_PACK_ID_WINDOW": "300",
        "DISPATCHER_PREPARE_MEMORY": "1GB",
        "DISPATCHER_KEEP_AUDIENCE": "7",
        "DISPATCHER_LOG": "json",
    }
    seen = compose.environment(compose.services(shell)["worker"])
    assert {name: seen[name] for name in shell} == shell


def test_what_the_shell_leaves_out_keeps_its_default(services: dict[str, Any]) -> None:
    settings = read_settings(compose.environment(services["worker"]))
    ours = Settings(home=settings.home)
    assert settings.push_api_url == ours.push_api_url
    assert settings.request_timeout == ours.request_timeout
    assert settings.rate is None


def _on_this_machine(
    service: dict[str, Any], image: Image, environment: dict[str, str], **replaced: str
) -> dict[str, str]:
    """The service's own environment, with this machine's servers in place of the containers'."""
    own = {name: environment[name] for name in ("HOME", "LANG", "DISPATCHER_HOME")}
    urls = {
        name: environment[name] for name in ("DISPATCHER_DATABASE_URL", "DISPATCHER_BROKER_URL")
    }
    return image.environment(own | compose.environment(service) | urls | replaced)


def test_migrate_makes_the_schema_and_may_run_again(
    services: dict[str, Any],
    image: Image,
    environment: dict[str, str],
    empty_database_url: str,
    tmp_path: Path,
) -> None:
    migrate = services["migrate"]
    here = _on_this_machine(migrate, image, environment, DISPATCHER_DATABASE_URL=empty_database_url)
    assert "is now at" in run(migrate["command"], here, tmp_path)
    assert "up to date" in run(migrate["command"], here, tmp_path)


def test_the_worker_sends_a_campaign_and_ends_when_asked(
    services: dict[str, Any], image: Image, environment: dict[str, str], campaign: SmallCampaign
) -> None:
    worker = services["worker"]
    with running_push_api() as push_api:
        here = _on_this_machine(
            worker,
            image,
            environment,
            DISPATCHER_PUSH_API_URL=push_api.url,
            HOSTNAME=socket.gethostname(),
        )
        with running(worker["command"], here, campaign.directory) as program:
            eventually(lambda: program.has_said(" ready."), within=60)
            run(compose.health_check(worker), here, campaign.directory)
            send = ["dispatcher", "send", *campaign.arguments, "--watch", "--json"]
            shown = run_json(send, here, campaign.directory)
            grace = compose.seconds(worker["stop_grace_period"])
            assert program.end(within=grace) == 0
        assert shown["members"]["delivered"] == campaign.members
        assert push_api.ledger()["devices"] == push_api.ledger()["pushes"] == campaign.members


def test_flower_answers_on_its_port(
    services: dict[str, Any], image: Image, environment: dict[str, str], tmp_path: Path
) -> None:
    flower = services["flower"]
    port = _free_port()
    here = _on_this_machine(
        flower, image, environment, FLOWER_PORT=str(port), FLOWER_ADDRESS="127.0.0.1"
    )
    with running(flower["command"], here, tmp_path) as program:
        eventually(lambda: program.answers(f"http://127.0.0.1:{port}/workers"), within=60)
        run(compose.health_check(flower), here, tmp_path)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
