"""`rediss://` and `amqps://`: who cannot prove to be the server gets nothing, and no password."""

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from dispatcher.checkup import Check, examine
from dispatcher.errors import BrokerUnavailable
from dispatcher.publishing import Bell, producer
from dispatcher.settings import read_settings
from tests.certificates import Authority, authority, self_signed
from tests.sandbox_process import PushApi
from tests.tls_road import TlsRoad, tls_before
from tests.waiting import eventually
from tests.workers.books import make_campaign, rows
from tests.workers.worker_process import running_worker

TRUST = "ssl_ca_certs={}"


@pytest.fixture
def road(broker_url: str, certificate_authority: Authority) -> Iterator[TlsRoad]:
    """TLS before the broker, with a certificate for localhost."""
    with tls_before(broker_url, certificate_authority.issue("DNS:localhost")) as road:
        yield road


def checks(environment: dict[str, str]) -> dict[str, Check]:
    """What doctor says of the broker and, where there is one, of the Redis."""
    settings = read_settings(environment)
    servers = ("broker", "redis") if settings.redis_url else ("broker",)
    return {check.name: check for check in examine(settings) if check.name in servers}


def test_with_the_right_authority_everything_works(
    environment: dict[str, str],
    road: TlsRoad,
    certificate_authority: Authority,
    vendor: PushApi,
    engine: Engine,
    tmp_path: Path,
) -> None:
    trusting = environment | {
        "DISPATCHER_BROKER_URL": road.url(
            "rediss", options=TRUST.format(certificate_authority.path)
        ),
        "DISPATCHER_PUSH_API_URL": vendor.url,
    }
    assert {check.result for check in checks(trusting).values()} == {"ok"}
    with closing(Bell(producer(read_settings(trusting)))) as bell:
        bell.look()
    with running_worker(trusting, tmp_path) as worker:
        campaign_id = make_campaign(engine, 3, published=False, rate=50.0)
        state = "SELECT state FROM campaign WHERE id = :id"
        eventually(lambda: rows(engine, state, id=campaign_id)[0].state == "completed", within=30)
        assert "insecure" not in worker.log
    assert b"dispatcher:rate:" in road.heard


@pytest.mark.parametrize("scheme", ["rediss", "amqps"])
@pytest.mark.parametrize("wrong", ["authority", "nobody", "host", "system"])
def test_who_is_not_the_server_is_refused_in_a_sentence_before_the_password_leaves(
    environment: dict[str, str],
    broker_url: str,
    certificate_authority: Authority,
    tmp_path: Path,
    scheme: str,
    wrong: str,
) -> None:
    certificate, trust = {
        "authority": (certificate_authority.issue(), authority(tmp_path / "other").path),
        "nobody": (self_signed(tmp_path), certificate_authority.path),
        "host": (certificate_authority.issue("DNS:elsewhere"), certificate_authority.path),
        "system": (certificate_authority.issue(), None),
    }[wrong]
    with tls_before(broker_url, certificate) as road:
        url = road.url(scheme, options=TRUST.format(trust) if trust else "")
        settings = read_settings(environment | {"DISPATCHER_BROKER_URL": url})
        with (
            closing(Bell(producer(settings))) as bell,
            pytest.raises(BrokerUnavailable, match=r"certificate.*ssl_ca_certs") as refused,
        ):
            bell.look()
        assert "\n" not in str(refused.value)
        found = checks(environment | {"DISPATCHER_BROKER_URL": url}).values()
        assert {check.result for check in found} == {"failed"}
        assert all("ssl_ca_certs" in check.words for check in found)
        assert road.heard == b""


def test_a_worker_sends_no_password_to_who_is_not_the_server(
    environment: dict[str, str], broker_url: str, tmp_path: Path
) -> None:
    with tls_before(broker_url, self_signed(tmp_path)) as road:
        url = road.url("rediss", "127.0.0.1")
        trusting = environment | {"DISPATCHER_BROKER_URL": url}
        with running_worker(trusting, tmp_path, ready=None) as worker:
            worker.says("certificate verify failed")
            worker.says("Trying again")
            assert "Traceback" not in worker.log
        assert road.heard == b""


def test_a_server_that_is_not_verified_is_told_by_doctor(
    environment: dict[str, str], road: TlsRoad
) -> None:
    careless = {"DISPATCHER_BROKER_URL": road.url("rediss", options="ssl_cert_reqs=none")}
    found = checks(environment | careless)
    assert {check.result for check in found.values()} == {"warning"}
    assert all("ssl_cert_reqs" in check.words for check in found.values())


def test_send_says_in_a_sentence_that_the_certificate_is_not_trusted(
    environment: dict[str, str], road: TlsRoad, tmp_path: Path
) -> None:
    (tmp_path / "message.json").write_text('{"ios": {"payload": {"text": "Hello"}}}')
    (tmp_path / "audience.csv").write_text("token\n" + "a" * 64 + "\n")
    sent = subprocess.run(
        ["dispatcher", "send", "message.json", "--app-id", "a", "--audience", "audience.csv"],
        cwd=tmp_path,
        env=environment | {"DISPATCHER_BROKER_URL": road.url("rediss")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert sent.returncode == 0
    assert "ssl_ca_certs" in sent.stderr
    assert "Traceback" not in sent.stderr
    assert road.heard == b""


def test_doctor_knows_the_push_api_by_its_authority(
    environment: dict[str, str],
    vendor: PushApi,
    certificate_authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tls_before(vendor.url, certificate_authority.issue()) as road:
        url = f"https://localhost:{road.port}/api/v1/push/send"
        settings = read_settings(environment | {"DISPATCHER_PUSH_API_URL": url})
        found = [c for c in itertools.islice(examine(settings), 3) if c.name == "push api"]
        assert [check.result for check in found] == ["failed"]
        assert "REQUESTS_CA_BUNDLE" in found[0].words
        assert road.heard == b""
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate_authority.path))
        found = [c for c in itertools.islice(examine(settings), 3) if c.name == "push api"]
        assert [check.result for check in found] == ["ok"]
