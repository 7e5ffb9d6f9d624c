"""The slots of a worker: which are idle, and who takes what."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.waiting import eventually
from workers.pools import Slots


def _told(*_: object) -> None:
    """Celery's callback of a task that is accepted, or ends."""


@pytest.fixture
def slots() -> Iterator[Any]:
    pool = Slots(limit=2)
    pool.start()
    yield pool
    pool.stop()


def test_idle_slots_are_counted_and_below_zero_what_waits_for_one(slots: Any) -> None:
    go_on = threading.Event()
    for at_work in range(1, 5):
        slots.on_apply(go_on.wait, (), {}, _told, _told)
        assert slots.free() == 2 - at_work
    go_on.set()
    eventually(lambda: slots.free() == 2)


def test_the_threads_of_a_pool_start_with_it(slots: Any) -> None:
    assert slots.info["threads"] == 2
    assert slots.free() == 2


@pytest.mark.parametrize("there_are", [0, 1, 33])
def test_where_threads_are_few_a_pool_starts_those_that_it_comes_to_need(
    monkeypatch: pytest.MonkeyPatch, there_are: int
) -> None:
    def start(thread: threading.Thread) -> None:
        if len(started) == there_are:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        really(thread)

    started: list[threading.Thread] = []
    really, done = threading.Thread.start, threading.Event()
    pool: Any = Slots(limit=4)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        pool.start()
    for thread in started:
        thread.join(20)
    assert (pool.info["threads"], pool.free()) == (0, 4)
    assert pool.enlist(done.set)
    assert done.wait(20)
    pool.stop()


def test_what_fails_leaves_its_slot_idle(slots: Any) -> None:
    def fail() -> None:
        raise ValueError("what nobody foresaw")

    assert slots.enlist(fail)
    eventually(lambda: slots.free() == 2)


def test_an_idle_slot_alone_is_enlisted(slots: Any) -> None:
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def work() -> None:
        begun.release()
        go_on.wait()

    assert [slots.enlist(work) for _ in range(4)] == [True, True, False, False]
    assert all(begun.acquire(timeout=20) for _ in range(2))
    assert slots.free() == 0
    go_on.set()
    eventually(lambda: slots.free() == 2)


def test_nobody_is_enlisted_once_the_pool_has_ended() -> None:
    pool: Any = Slots(limit=2)
    pool.start()
    pool.stop()
    assert not pool.enlist(lambda: None)
    assert pool.free() == 2
