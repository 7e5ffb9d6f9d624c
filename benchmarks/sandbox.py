"""How many requests of 60 KB a second the sandbox takes on one core, with its ledger on.

    python benchmarks/sandbox.py [--requests N]

Every request has 1000 members, all different devices. The sandbox is pinned to one core; four
connections keep it busy from the others. Prints a table: requests a second by the clock, CPU
time of a request in the sandbox, and the memory that its ledger took for a device.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from urllib.parse import urlsplit

import orjson
import psutil

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


def template(identifiers: dict[str, str]) -> bytes:
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
def sandbox(options: Sequence[str]) -> Iterator[tuple[psutil.Process, str]]:
    """A sandbox on the first core, and its URL; this process keeps to the others."""
    command = [sys.executable, "-m", "sandbox", "--until-stdin-closes", *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        watched = psutil.Process(process.pid)
        if hasattr(watched, "cpu_affinity"):
            first, *others = sorted(os.sched_getaffinity(0))
            watched.cpu_affinity([first])
            psutil.Process().cpu_affinity(others or [first])
        yield watched, url
        if hasattr(watched, "cpu_affinity"):
            psutil.Process().cpu_affinity(sorted({first, *others}))
        process.stdin.close()


def post(url: str, body: bytes, numbers: Iterator[int], last: int) -> None:
    """Post on one connection until the numbers are used up; every reply must be an acceptance."""
    address = urlsplit(url)
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection((address.hostname or "", address.port or 80)) as connection:
        while (number := next(numbers)) < last:
            connection.sendall(head + body.replace(MARK.encode(), b"%08d" % number))
            reply = connection.recv(65536)
            while b"}" not in reply[-1:]:
                reply += connection.recv(65536)
            assert reply.startswith(b"HTTP/1.1 200"), reply


def measure(identifiers: dict[str, str], options: Sequence[str], requests: int) -> str:
    """One row of the table."""
    body = template(identifiers)
    with sandbox(options) as (process, url):
        numbers = count()
        threads = [
            threading.Thread(target=post, args=(url, body, numbers, requests))
            for _ in range(CONNECTIONS)
        ]
        before, memory = process.cpu_times(), process.memory_info().rss
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - began
        after = process.cpu_times()
        each = (process.memory_info().rss - memory) / (requests * MEMBERS)
        spent = (after.user - before.user + after.system - before.system) / requests * 1000
    return f"{len(body) / 1000:>6.1f} {requests / seconds:>11.0f} {spent:>11.2f} {each:>15.0f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=3000, help="of each row (%(default)s)")
    requests = parser.parse_args().requests
    print(f"{'audience':<50}{'KB':>6} {'requests/s':>11} {'ms of CPU':>11} {'bytes a device':>15}")
    for options, arguments in OPTIONS.items():
        for name, identifiers in AUDIENCES.items():
            label = f"{name}, {options}" if options else name
            print(f"{label:<50}" + measure(identifiers, arguments, requests), flush=True)


if __name__ == "__main__":
    main()
