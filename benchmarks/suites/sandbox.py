"""How many requests of 60 KB a second the sandbox takes on one core, with its ledger on.

Every request has 1000 members, all different devices. The sandbox is pinned to one core; four
connections keep it busy from the others.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import orjson
import psutil

from benchmarks.bench import Bench
from benchmarks.findings import Findings, Table
from benchmarks.meters import cpu_of
from benchmarks.programs import HOST, environment, free_port, program, wait_for_port
from benchmarks.sinks import PATH

CONNECTIONS = 4
MEMBERS = 1000
# Takes the request's number in each identifier and in the pack_id, so that no device repeats.
MARK = "########"

AUDIENCES = {
    "token": {"token": f"{MARK}-{{n:04}}-fcm-registration-token-abcdefgh"},
    "idfa": {"idfa": f"{MARK}-{{n:04}}-48D3-9C1B-5E0F3A7B2C14-abcdefgh"},
    "userId and idfv": {"userId": f"{MARK}-{{n:04}}", "idfv": f"{MARK}-{{n:04}}-9C1B"},
}
OPTIONS: dict[str, list[str]] = {
    "": [],
    "2 % unreachable, 1 % not found": ["--unreachable", "0.02", "--not-found", "0.01"],
}


@dataclass(frozen=True, slots=True)
class Run:
    """One kind of audience; CPU is the sandbox's in milliseconds a request."""

    audience: str
    kilobytes: float
    rate: float
    cpu: float
    bytes_a_device: float


def run(bench: Bench) -> Findings:
    """Each kind of audience, with and without devices that fail."""
    runs = []
    for trouble, options in OPTIONS.items():
        for name, identifiers in AUDIENCES.items():
            label = f"{name}, {trouble}" if trouble else name
            runs.append(_measure(bench, label, identifiers, options))
            bench.say(f"sandbox: {label}: {runs[-1].rate:,.0f} requests/s")
    columns = ("", "KB a request", "requests/s", "CPU ms a request", "bytes a device")
    rows = tuple((r.audience, r.kilobytes, r.rate, r.cpu, r.bytes_a_device) for r in runs)
    return Findings(
        "sandbox",
        tables=[Table("The sandbox on one core, with its ledger", columns, rows)],
        runs=[asdict(run) for run in runs],
    )


def _measure(bench: Bench, label: str, identifiers: dict[str, str], options: Sequence[str]) -> Run:
    requests = bench.size.sandbox_requests
    body = _template(identifiers)
    with _sandbox(bench.stage.directory, options) as (process, port):
        numbers = count()
        threads = [
            threading.Thread(target=_post, args=(port, body, numbers, requests))
            for _ in range(CONNECTIONS)
        ]
        before, memory, began = cpu_of(process), process.memory_info().rss, time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - began
        return Run(
            audience=label,
            kilobytes=len(body) / 1000,
            rate=requests / seconds,
            cpu=1000 * (cpu_of(process) - before) / requests,
            bytes_a_device=(process.memory_info().rss - memory) / (requests * MEMBERS),
        )


def _template(identifiers: dict[str, str]) -> bytes:
    """The body of every request, but for its number."""
    body = {
        "user_token": "sandbox-token",
        "app_id": "sandbox-app",
        "pack_id": f"bench-{MARK}",
        "audience": [
            {name: value.format(n=n) for name, value in identifiers.items()} for n in range(MEMBERS)
        ],
        "ios": {"payload": {"text": "Hello"}},
    }
    return orjson.dumps(body)


@contextmanager
def _sandbox(directory: Path, options: Sequence[str]) -> Iterator[tuple[psutil.Process, int]]:
    """A sandbox on the first core, and its port; this process keeps to the others."""
    port = free_port()
    with program(
        ["sandbox", "--port", str(port), *options],
        environment=environment(),
        directory=directory,
        name=f"sandbox-{port}",
    ) as running:
        wait_for_port(running, port)
        if not hasattr(os, "sched_setaffinity"):
            yield running.process, port
            return
        every = os.sched_getaffinity(0)
        first, *others = sorted(every)
        os.sched_setaffinity(running.process.pid, {first})
        os.sched_setaffinity(0, others or every)
        try:
            yield running.process, port
        finally:
            os.sched_setaffinity(0, every)


def _post(port: int, body: bytes, numbers: Iterator[int], last: int) -> None:
    """Post on one connection until the numbers are used up; every reply must be an acceptance."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection((HOST, port)) as connection:
        while (number := next(numbers)) < last:
            connection.sendall(head + body.replace(MARK.encode(), b"%08d" % number))
            reply = connection.recv(65536)
            while b"}" not in reply[-1:]:
                reply += connection.recv(65536)
            assert reply.startswith(b"HTTP/1.1 200"), reply
