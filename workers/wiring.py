"""What a worker process needs, built once: engine, HTTP, limiter, relay."""

import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from celery import Celery
from sqlalchemy import Engine

from dispatcher import tracing
from dispatcher.books.roles import check_right_to_send
from dispatcher.books.schema import check_schema
from dispatcher.books.session import make_engine, transaction
from dispatcher.errors import DatabaseUnavailable
from dispatcher.lifecycle import usable_window
from dispatcher.outside import keepers
from dispatcher.publishing import Bell
from dispatcher.redis_client import connect_redis
from dispatcher.settings import Settings, is_exposed
from workers.campaign_cache import CampaignCache
from workers.consumer import PatientConsumer
from workers.courier import Courier
from workers.fencing import Fencing
from workers.group_commit import GroupCommit
from workers.guard import Guard
from workers.hearing import Hearing
from workers.meter import serving_meter
from workers.notifying import Notifier
from workers.pools import Slots
from workers.push_api import PushApi
from workers.rate_limit import RateLimit
from workers.receiver import Receivers
from workers.relay import Relay
from workers.withholding import Withholding

_MOST_CONNECTIONS = 16
_MOST_KEPT = 24_000_000
"""Characters of members on the wire, of all slots."""
_REDIS_TIMEOUT = 2.0
_GAUGE_TIMEOUT = 0.5
"""A round of publishing waits no longer: what has no rate is to go on."""

log = logging.getLogger("dispatcher.worker")


@dataclass
class Process:
    """One worker process. `closing` is a plain bool, as a signal handler sets it."""

    courier: Courier
    relay: Relay
    notifier: Notifier | None = None
    closing: bool = False
    _pool: Slots | None = None
    _guard: Guard | None = None
    _hearing: Hearing | None = None

    def go_round(self) -> None:
        """Begin to publish, to sweep, and to deliver webhooks."""
        self.relay.start()
        if self.notifier is not None:
            self.notifier.start()

    def stand_still(self) -> None:
        """End that, with the present round."""
        if self.notifier is not None:
            self.notifier.stop()
        self.relay.stop()

    def listen(self, pool: Slots, guard: Guard, hearing: Hearing) -> None:
        """Use these slots, and look from now on whether the worker goes on and hears."""
        self._pool, self._guard, self._hearing = pool, guard, hearing
        guard.start()
        hearing.start()

    def heard(self) -> None:
        """A message was taken off the queue."""
        if self._hearing is not None:
            self._hearing.heard()

    def nobody_waits(self) -> bool:
        """Whether a slot may go on with its campaign, as no message waits for it."""
        return self._hearing is None or self._hearing.nobody_waits()

    def enlist(self, work: Callable[[], None]) -> bool:
        """Have an idle slot do this; False where there is none."""
        return self._pool is not None and self._pool.enlist(work)

    @property
    def at_work(self) -> int:
        """How many slots have something to do, those of messages that wait included."""
        return 0 if self._pool is None else self._pool.limit - self._pool.free()

    def rest(self) -> None:
        """What is waited for now is not the broker's to answer for."""
        if self._guard is not None:
            self._guard.rest()

    def close(self) -> None:
        """Begin nothing more, and let nothing hold the end up; a signal handler calls this."""
        self.closing = True
        if self._guard is not None and self._hearing is not None:
            self._guard.hurry()
            self._hearing.stop()


_current: Process | None = None


def begin(settings: Settings, app: Celery, nodename: str, slots: int) -> Process:
    """Build this process's one Process, which `current` gives from then on.

    Waits for the database where it is away, and says so. `nodename` is Celery's name of the worker,
    `slots` how many requests it makes at once. Raises SettingError, SchemaMismatch, and
    ServiceError where the database's role may not do what a worker does.
    """
    global _current
    _current = _build(settings, app, nodename, slots)
    return _current


def current() -> Process:
    """This process's wiring; RuntimeError outside of a worker."""
    if _current is None:
        raise RuntimeError("tasks run in a worker only: celery -A workers worker")
    return _current


def heard() -> None:
    """This process's worker took a message off the queue; nothing where there is no worker."""
    if _current is not None:
        _current.heard()


def hearing_of(process: Process, consumer: PatientConsumer) -> Hearing:
    """What looks whether this process's worker hears of what is to be sent."""
    courier = process.courier
    return Hearing(
        courier.engine,
        Bell(consumer.app),
        consumer,
        worker=courier.worker,
        free=consumer.pool.free,
    )


def _build(settings: Settings, app: Celery, nodename: str, slots: int) -> Process:
    settings.require_any_token()
    settings.require_place_for_rates()
    if is_exposed(settings.push_api_url):
        log.warning(
            "DISPATCHER_PUSH_API_URL is plain http:// to another host: whoever is on the way reads "
            "the token and the members. Use https://."
        )
    meter, tracer = serving_meter(settings), tracing.tracer(log.warning)
    connections = min(slots, _MOST_CONNECTIONS) + 3
    engine = make_engine(settings.require_database_url(), connections=connections)
    fencing = Fencing(engine, list(keepers(settings)), outgrown=_stop)
    begin_with_database(engine, fencing)
    worker = f"{nodename}/{os.getpid()}"
    window = usable_window(settings.pack_id_window, settings.request_timeout)
    process: Process
    courier = Courier(
        settings=settings,
        engine=engine,
        campaigns=CampaignCache(engine),
        group_commit=GroupCommit(
            engine,
            worker=worker,
            lease=settings.lease,
            window=window,
            patience=settings.time_to_begin,
            beat=lambda: fencing.beat,
        ),
        push_api=PushApi(settings.push_api_url, timeout=settings.request_timeout, slots=slots),
        rate_limit=_rate_limit(settings),
        withholding=Withholding(engine),
        worker=worker,
        closing=lambda: process.closing,
        wake_relay=lambda: process.relay.wake(),
        nobody_waits=lambda: process.nobody_waits(),
        enlist=lambda work: process.enlist(work),
        longest_kept=_MOST_KEPT // slots,
        meter=meter,
        tracer=tracer,
    )
    relay = Relay(
        engine,
        app,
        life=make_engine(settings.require_database_url(), connections=1),
        worker=worker,
        slots=slots,
        window=window,
        account_rate=settings.rate,
        gauge=_rate_limit(settings, _GAUGE_TIMEOUT),
        keep_audience=settings.keep_audience,
        fencing=fencing,
        tracer=tracer,
    )
    process = Process(courier, relay, _notifier(settings, engine))
    return process


def _stop() -> None:
    """What SIGTERM does: begin nothing more, and let what is on the wire come back."""
    os.kill(os.getpid(), signal.SIGTERM)


def _notifier(settings: Settings, engine: Engine) -> Notifier | None:
    """What delivers webhooks, where this worker can sign them."""
    if not settings.notify_secrets:
        return None
    return Notifier(engine, Receivers(settings.notify_secrets, settings.notify_allow))


def begin_with_database(engine: Engine, fencing: Fencing) -> None:
    """Return once the database has answered all that a worker begins with; else wait for it.

    Raises SchemaMismatch, and ServiceError where its role may not do what a worker does.
    """
    pause = 0.5
    while True:
        try:
            check_schema(engine)
            with transaction(engine) as connection:
                check_right_to_send(connection)
            fencing.check(leads=True)
        except DatabaseUnavailable as error:
            log.warning("%s Waiting for it.", error)
        else:
            break
        time.sleep(pause)
        pause = min(2 * pause, 10.0)
    if pause > 0.5:
        log.warning("the database answers")


def _rate_limit(settings: Settings, timeout: float = _REDIS_TIMEOUT) -> RateLimit:
    """The limiter; its Redis has little time, as a late place is no place."""
    url = settings.redis_url
    redis = None if url is None else connect_redis(url, timeout=timeout)
    return RateLimit(redis, settings.queue)
