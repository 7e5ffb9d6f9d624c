"""Starts one server and stops it as soon as the program that asked for it is gone.

It runs as a script of its own, with the standard library only, and is the server's parent, so that
the server's process id cannot come to mean another process. The order is the first line of its
standard input, and the program keeps that pipe: however the program ends, the system closes it, and
the server is stopped. An order whose `attached` is false leaves the server running, with nobody
above it, and the guardian ends.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import Any


def main(order: dict[str, Any]) -> int:
    """Start the server, note who it is, let the program go on, and watch over it if ordered."""
    try:
        server = _start(order)
    except OSError as error:
        return _refused(order, error)
    finally:
        os.close(order["lock"])
    try:
        _note(order["note"], {"pid": server.pid, **order["holder"]})
    except OSError as error:
        _stop(server, order["stops"])
        return _refused(order, error)
    _let_the_program_go_on()
    if order["attached"]:
        _watch(server, order["stops"])
    return 0


def _refused(order: dict[str, Any], error: OSError) -> int:
    print(f"{order['command'][0]}: {error.strerror} ({error.filename})", file=sys.stderr)
    return 1


def _start(order: dict[str, Any]) -> "subprocess.Popen[bytes]":
    """The server holds the lock's descriptor, and so the lock, for as long as it lives."""
    with open(order["stdin"], "rb") as stdin:
        return subprocess.Popen(
            order["command"],
            stdin=stdin,
            stdout=sys.stderr.fileno(),
            cwd=order["directory"],
            user=order["uid"],
            group=order["gid"],
            extra_groups=None if order["uid"] is None else [],
            pass_fds=[order["lock"]],
        )


def _note(path: str, holder: dict[str, Any]) -> None:
    """Ours to write: the program may be gone by now, and its server must be found nevertheless."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{path}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(os.open(f"{path}.new", flags, 0o600), "w", encoding="utf-8") as note:
        json.dump(holder, note)
    os.rename(f"{path}.new", path)


def _let_the_program_go_on() -> None:
    """It waits until nobody writes to our standard output any more."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _watch(server: "subprocess.Popen[bytes]", stops: list[tuple[int, float]]) -> None:
    # Ctrl-C and a closed terminal are the program's to answer; it may still need its servers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        sys.stdin.read()
    finally:
        _stop(server, stops)


def _stop(server: "subprocess.Popen[bytes]", stops: list[tuple[int, float]]) -> None:
    """Each signal in turn, with its seconds to obey it."""
    for number, seconds in stops:
        server.send_signal(number)
        try:
            server.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return


if __name__ == "__main__":
    # No line: the program ended before it had said what to start.
    if line := sys.stdin.readline():
        # Not sys.exit: it would wait for, or warn of, a server that is left running.
        os._exit(main(json.loads(line)))
