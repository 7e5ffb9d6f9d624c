"""What a run costs: CPU and memory of processes, of all below them too."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import redis

_POLL = 0.1


def cpu_of(process: psutil.Process) -> float:
    """Seconds of CPU of a process, of those below it, and of those that they have outlived."""
    return sum(_of_family(process, lambda one: sum(one.cpu_times()[:4])))


def largest(process: psutil.Process) -> float:
    """Bytes of memory that the largest process of a family holds now."""
    return max(_of_family(process, lambda one: one.memory_info().rss), default=0)


def _of_family(
    process: psutil.Process, figure: Callable[[psutil.Process], float]
) -> Iterator[float]:
    """The figure of each that lives; one that ends meanwhile is missing."""
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            yield figure(one)


def memory_of(broker: "redis.Redis") -> int:
    """Bytes that the broker's data and buffers take."""
    return int(broker.info("memory")["used_memory"])


def wait_until(
    condition: Callable[[], bool],
    *,
    within: float,
    what: str,
    meanwhile: Callable[[], object] = lambda: None,
    poll: float = _POLL,
) -> None:
    """Return when the condition holds; TimeoutError, which names it, after `within` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within:g} seconds")
        meanwhile()
        time.sleep(poll)
