"""docker-compose.yml: what it promises of how its services run."""

import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dispatcher.settings import Settings, read_settings
from tests.packaging import compose
from tests.packaging.image import ROOT, stages

OURS = ("migrate", "worker", "producer", "console", "flower", "metrics")
THEIRS = ("postgres", "valkey", "prometheus", "grafana")
PASSING = ("migrate", "producer")
OPEN = ("DISPATCHER_PUSH_API_URL", "DISPATCHER_FLOWER_URL")
"""Addresses that lead to nothing secret."""
SECRETS = {
    "postgres": {
        "postgres_password",
        "owner_database_url",
        "producer_database_url",
        "worker_database_url",
        "reader_database_url",
    },
    "valkey": {"valkey_password"},
    "migrate": {"owner_database_url"},
    "worker": {"worker_database_url", "broker_url", "user_token", "notify_secret"},
    "producer": {"producer_database_url", "broker_url"},
    "console": {"producer_database_url", "broker_url"},
    "flower": {"broker_url"},
    "metrics": {"reader_database_url"},
    "grafana": {"grafana_password"},
}
NETWORKS = {
    "postgres": {"database"},
    "valkey": {"broker"},
    "migrate": {"database"},
    "worker": {"database", "broker", "vendor", "scraping"},
    "producer": {"database", "broker"},
    "console": {"database", "broker", "console"},
    "flower": {"broker", "monitoring"},
    "metrics": {"database", "scraping"},
    "prometheus": {"scraping", "monitoring"},
    "grafana": {"monitoring"},
}


@pytest.fixture
def services() -> dict[str, Any]:
    """The services, with nothing set."""
    return compose.services({})


def test_it_starts_these_services(services: dict[str, Any]) -> None:
    assert set(services) == {*THEIRS, *OURS}
    assert services["postgres"]["image"] == "postgres:18"
    assert services["valkey"]["image"] == "valkey/valkey:9"
    profiles = {
        name: service["profiles"] for name, service in services.items() if "profiles" in service
    }
    assert profiles == {
        "producer": ["commands"],
        "console": ["console"],
        **{name: ["monitoring"] for name in ("metrics", "prometheus", "grafana")},
    }


@pytest.mark.parametrize("name", SECRETS)
def test_each_gets_the_secrets_that_it_needs_and_no_other(
    services: dict[str, Any], name: str
) -> None:
    assert set(services[name]["secrets"]) == SECRETS[name]
    told = set(re.findall(r"/run/secrets/(\w+)", str(services[name])))
    assert told <= SECRETS[name]


def test_secrets_are_files_and_nothing_secret_stands_in_the_file_itself(
    services: dict[str, Any],
) -> None:
    sources = compose.document({})["secrets"]
    assert sources == {name: {"file": f"secrets/{name}"} for name in set().union(*SECRETS.values())}
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            assert "://" not in str(value), name
            secret = re.search(r"PASSWORD|TOKEN|_URL", name) and name not in OPEN
            assert not secret or (name.endswith("_FILE") and value.startswith("/run/secrets/"))


@pytest.mark.parametrize("name", NETWORKS)
def test_each_reaches_those_that_it_needs_and_nobody_else(
    services: dict[str, Any], name: str
) -> None:
    assert set(services[name]["networks"]) == NETWORKS[name]


def test_no_way_leads_out_from_the_servers() -> None:
    networks = compose.document({})["networks"]
    assert {name: bool(it and it["internal"]) for name, it in networks.items()} == {
        "database": True,
        "broker": True,
        "scraping": True,
        "vendor": False,
        "console": False,
        "monitoring": False,
    }


@pytest.mark.parametrize("name", [*THEIRS, *OURS])
def test_each_is_confined(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"][-1] in "mg"
    assert 0 < service["pids_limit"] <= 512
    assert "/tmp" in service["tmpfs"]


def test_none_runs_as_root(services: dict[str, Any]) -> None:
    assert services["postgres"]["user"] == "postgres"
    users = {name: services[name]["user"] for name in ("valkey", "prometheus", "grafana")}
    assert users == {"valkey": "999:999", "prometheus": "65534:65534", "grafana": "472:472"}
    assert [step.words for step in stages()[-1] if step.name == "USER"] == ["dispatcher"]
    assert not any("user" in services[name] for name in OURS)


def test_what_is_written_while_it_runs_has_a_place(services: dict[str, Any]) -> None:
    (uid,) = re.findall(r"--uid (\d+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    home = f"/var/lib/dispatcher:uid={uid},gid={uid},mode=0700"
    assert all(
        home in services[name]["tmpfs"] for name in ("migrate", "worker", "flower", "metrics")
    )
    assert services["producer"]["volumes"] == ["scratch:/var/lib/dispatcher"]
    assert services["console"]["volumes"] == ["console:/var/lib/dispatcher"]
    assert "/run/postgresql" in services["postgres"]["tmpfs"]


def test_everything_that_stays_is_watched_and_started_again(services: dict[str, Any]) -> None:
    lasting = {name: services[name] for name in services if name not in PASSING}
    assert all("healthcheck" in service for service in lasting.values())
    assert {service["restart"] for service in lasting.values()} == {"unless-stopped"}
    assert not any("restart" in services[name] for name in PASSING)


def test_what_needs_servers_and_schema_waits_for_them(services: dict[str, Any]) -> None:
    for name in ("worker", "producer", "console"):
        assert services[name]["depends_on"] == {
            "postgres": {"condition": "service_healthy"},
            "valkey": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_there_can_be_many_workers(services: dict[str, Any]) -> None:
    assert not {"container_name", "ports", "hostname"} & set(services["worker"])


def test_nothing_is_open_to_the_network(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {
        "console": ["127.0.0.1:8080:8080"],
        "flower": ["127.0.0.1:5555:5555"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def test_prometheus_asks_where_workers_and_the_books_answer(services: dict[str, Any]) -> None:
    told = yaml.safe_load((ROOT / "monitoring" / "prometheus.yml").read_text(encoding="utf-8"))
    books, workers = (job for job in told["scrape_configs"])
    assert books["static_configs"] == [{"targets": ["metrics:9464"]}]
    (found,) = workers["dns_sd_configs"]
    place = services["worker"]["environment"]["DISPATCHER_METRICS_PORT"]
    assert (found["names"], f"0.0.0.0:{found['port']}") == (["worker"], place)
    assert services["metrics"]["command"] == ["dispatcher", "metrics", "--host", "0.0.0.0"]


def test_what_is_mounted_from_the_checkout_is_there(services: dict[str, Any]) -> None:
    mounted = [each for service in services.values() for each in service.get("volumes", [])]
    ours = [each.partition(":")[0] for each in mounted if each.startswith("./")]
    assert len(ours) == 6
    assert all((ROOT / path).is_file() for path in ours)


def test_a_worker_has_time_to_end_its_requests(services: dict[str, Any], tmp_path: Path) -> None:
    grace = compose.seconds(services["worker"]["stop_grace_period"])
    lease = Settings(home=tmp_path).lease.total_seconds()
    assert grace >= lease + 10


def test_the_books_outlive_their_container(services: dict[str, Any]) -> None:
    assert "books:/var/lib/postgresql" in services["postgres"]["volumes"]
    assert "books" in compose.document({})["volumes"]


def test_our_programs_share_an_image_that_is_never_pulled(services: dict[str, Any]) -> None:
    for name in OURS:
        assert services[name]["build"] == "."
        assert services[name]["image"] == "push-campaign-dispatcher"
        assert services[name]["pull_policy"] == "build"


def test_the_settings_of_the_shell_reach_the_worker() -> None:
    shell = {
        "DISPATCHER_QUEUE": "shop",
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
    told = compose.environment(services["worker"])
    settings = read_settings({name: told[name] for name in told if not name.endswith("_FILE")})
    ours = Settings(home=settings.home)
    assert settings.push_api_url == ours.push_api_url
    assert settings.request_timeout == ours.request_timeout
    assert settings.rate is None


def make_secrets(directory: Path, given: str) -> "subprocess.CompletedProcess[str]":
    """`deploy/secrets.sh`, in a copy of its place in the checkout."""
    (directory / "deploy").mkdir(exist_ok=True)
    script = directory / "deploy" / "secrets.sh"
    script.write_bytes((ROOT / "deploy" / "secrets.sh").read_bytes())
    return subprocess.run(
        ["sh", script], input=given, capture_output=True, text=True, check=False, cwd="/"
    )


def test_secrets_are_made_once_and_kept_from_others(tmp_path: Path) -> None:
    made = make_secrets(tmp_path, "the-token\n")
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    directory = tmp_path / "secrets"
    assert {path.name for path in directory.iterdir()} == set(compose.document({})["secrets"])
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o644}
    assert (directory / "user_token").read_text() == "the-token\n"
    first = {path.name: path.read_text() for path in directory.iterdir()}
    assert len(set(first.values())) == len(first)

    assert make_secrets(tmp_path, "another\n").returncode == 0
    assert {path.name: path.read_text() for path in directory.iterdir()} == first


def test_a_missing_token_is_told_in_a_sentence(tmp_path: Path) -> None:
    made = make_secrets(tmp_path, "")
    assert made.returncode == 2
    assert made.stderr == "No token: give the vendor's User API token.\n"
    assert make_secrets(tmp_path, "the-token").returncode == 0


def test_no_secret_gets_into_git_or_into_the_image() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "secrets/" in ignored
