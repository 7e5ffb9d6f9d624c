"""Webhooks on the wire: signed, in order, to checked addresses, and nobody waits for who hangs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from dispatcher.books import outbox, transitions
from dispatcher.books.session import transaction
from dispatcher.receivers import read_networks
from dispatcher.settings import Secret
from tests.certificates import Certificate
from tests.integration.builders import Books, OneCampaign
from tests.waiting import eventually
from tests.webhook_receiver import SECRET, WebhookReceiver, receiving
from tests.workers.scripted_server import Peer, Script, ScriptedServer, http, replying
from tests.workers.scripts import hang_after_request, over_tls
from workers.notifying import GIVE_UP_AFTER, Notifier, pause_after
from workers.receiver import NotTold, Receivers

Serve = Callable[[Script], ScriptedServer]
HERE = read_networks("127.0.0.0/8,::1/128")
OK = http(b"")


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def notifier(engine: Engine) -> Iterator[Callable[..., Notifier]]:
    """Starts what delivers webhooks."""
    with ExitStack() as stack:

        def start(timeout: float = 5.0) -> Notifier:
            notifier = Notifier(engine, receivers(timeout=timeout))
            notifier.start()
            stack.callback(notifier.stop)
            return notifier

        yield start


def receivers(timeout: float = 5.0, allowed: str = "127.0.0.0/8,::1/128") -> Receivers:
    return Receivers([Secret(SECRET)], read_networks(allowed), timeout=timeout)


def campaign(engine: Engine, url: str) -> OneCampaign:
    """One that has an event."""
    campaign = Books(engine).campaign(2, notify_url=url)
    campaign.do(transitions.pause)
    return campaign


def listed(engine: Engine) -> tuple[outbox.Webhook, ...]:
    with transaction(engine) as connection:
        return outbox.read(connection, None, None)


def test_a_receiver_that_was_down_is_told_everything_in_order(
    engine: Engine, receiver: WebhookReceiver, notifier: Callable[..., Notifier]
) -> None:
    receiver.down()
    told = campaign(engine, receiver.url)
    notifier()
    eventually(lambda: listed(engine)[-1].attempts > 1, within=30)
    told.do(transitions.resume)
    told.do(transitions.cancel)
    assert receiver.events == []
    assert "refused" in str(listed(engine)[-1].error)

    receiver.up()

    eventually(lambda: len(receiver.events) >= 3, within=60)
    kinds = ["campaign.paused", "campaign.resumed", "campaign.cancelled"]
    assert receiver.told == list(enumerate(kinds, start=1))
    assert receiver.ids == [one.id for one in reversed(listed(engine))]
    assert len(set(receiver.ids)) == 3
    assert receiver.events[2]["data"]["members"]["cancelled"] == 20
    eventually(lambda: all(one.delivered_at for one in listed(engine)))


def test_a_receiver_that_says_no_is_asked_again_and_one_that_is_gone_is_not(
    engine: Engine, receiver: WebhookReceiver, notifier: Callable[..., Notifier]
) -> None:
    receiver.status = 307
    campaign(engine, receiver.url)
    notifier()
    eventually(lambda: listed(engine)[0].attempts > 1, within=30)
    assert listed(engine)[0].http_status == 307
    assert receiver.events == []
    receiver.status = 410
    eventually(lambda: listed(engine)[0].given_up_at, within=30)
    assert listed(engine)[0].http_status == 410
    assert receiver.refused == listed(engine)[0].attempts


def test_a_receiver_that_hangs_delays_no_other_and_a_campaign_least(
    engine: Engine, serve: Serve, receiver: WebhookReceiver, notifier: Callable[..., Notifier]
) -> None:
    hanging = serve(hang_after_request)
    for _ in range(10):
        campaign(engine, hanging.url)
    notifier(timeout=600)
    eventually(lambda: hanging.received)
    other = campaign(engine, receiver.url)
    eventually(lambda: receiver.told == [(1, "campaign.paused")])
    other.do(transitions.resume)
    assert other.claim() is not None
    assert len(hanging.peers) == 1


REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'this row is refused'; END $$
"""


def test_what_cannot_be_written_of_one_receiver_delays_no_other(
    engine: Engine, receiver: WebhookReceiver, notifier: Callable[..., Notifier]
) -> None:
    refused = campaign(engine, receiver.url)
    refused.books.run(REFUSE)
    refused.books.run(
        "CREATE TRIGGER refused BEFORE UPDATE OF delivered_at ON webhook FOR EACH ROW"
        f" WHEN (OLD.campaign_id = '{refused.id}' AND NEW.delivered_at IS NOT NULL)"
        " EXECUTE FUNCTION refuse()"
    )
    notifier()
    eventually(lambda: receiver.told)
    with receiving() as another:
        campaign(engine, another.url)
        eventually(lambda: listed(engine)[0].delivered_at)
    assert listed(engine)[1].delivered_at is None

    refused.books.run("DROP TRIGGER refused ON webhook")

    eventually(lambda: listed(engine)[1].delivered_at)
    assert len(receiver.told) == 1


def drip_head(peer: Peer) -> None:
    peer.read_request()
    peer.drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000)


def endless_body(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 999999999\r\n\r\n")
    peer.hang()


@pytest.mark.parametrize("script", [hang_after_request, drip_head])
def test_a_reply_that_does_not_come_to_an_end_is_cut_off(serve: Serve, script: Script) -> None:
    with pytest.raises(NotTold, match=r"no reply within 0\.4 s"):
        receivers(timeout=0.4).tell(serve(script).url, "msg_1", "{}")


def test_only_the_status_of_a_reply_is_read(serve: Serve) -> None:
    assert receivers().tell(serve(endless_body).url, "msg_1", "{}") == 202


def test_what_is_no_http_is_told_without_its_bytes(serve: Serve) -> None:
    with pytest.raises(NotTold, match="the reply cannot be read") as told:
        receivers().tell(serve(replying(b"anna anna\r\n\r\n")).url, "msg_1", "{}")
    assert "anna" not in str(told.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433"])
def test_an_address_inside_is_not_reached_by_any_name(serve: Serve, host: str) -> None:
    server = serve(replying(OK))
    url = server.url.replace("127.0.0.1", host)
    with pytest.raises(NotTold, match="no address of the Internet"):
        receivers(allowed="10.0.0.0/8").tell(url, "msg_1", "{}")
    assert server.peers == []


def test_a_name_that_leads_elsewhere_by_now_is_reached_where_it_may_be_alone(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(replying(OK))
    answers = [("169.254.169.254", server.port), ("127.0.0.1", server.port)]
    monkeypatch.setattr("workers.receiver.addresses", lambda *_: list(answers))
    url = f"http://rebound.example:{server.port}/hook"
    assert receivers().tell(url, "msg_1", "{}") == 200
    assert f"Host: rebound.example:{server.port}".encode() in server.received


def test_a_proxy_of_the_environment_is_not_used(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", serve(hang_after_request).url)
    assert receivers().tell(serve(replying(OK)).url, "msg_1", "{}") == 200


def test_tls_verifies_the_receiver_s_name(
    serve: Serve, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(over_tls(certificate.context(), replying(OK)))
    url = server.url.replace("http://", "https://")
    with pytest.raises(NotTold, match="its certificate is not trusted"):
        receivers().tell(url, "msg_1", "{}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.path))
    assert receivers().tell(url, "msg_1", "{}") == 200
    with pytest.raises(NotTold, match="its certificate is not trusted"):
        receivers().tell(url.replace("127.0.0.1", "localhost"), "msg_1", "{}")


@given(st.lists(st.floats(0, 1), min_size=60, max_size=60))
def test_pauses_grow_to_an_hour_and_it_is_given_up_after_a_day(chances: list[float]) -> None:
    tried = timedelta(0)
    pauses: list[timedelta] = []
    while (pause := pause_after(tried, chances[len(pauses)])) is not None:
        pauses.append(pause)
        tried += pause
    assert timedelta(seconds=0.75) <= pauses[0] <= timedelta(seconds=1.25)
    assert max(pauses) <= timedelta(hours=1.25)
    assert GIVE_UP_AFTER <= tried <= GIVE_UP_AFTER + timedelta(hours=1.25)
    assert len(pauses) >= 24
