"""The Push API's stand-ins: they accept everything, and write down when each request came."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.programs import HOST, environment, free_port, program, wait_for_port

PATH = "/api/v1/push/send"
MEMBERS = 1000
REPLY = json.dumps(
    {
        "status_code": 200,
        "data": {
            "status": "complete",
            "result": {
                "audience": MEMBERS,
                "successful": MEMBERS,
                "erroneous": 0,
                "error_details": [],
            },
        },
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """When a request began to arrive and was answered, in seconds since 1970."""

    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink; its requests are known for certain once it has ended."""

    url: str
    log: Path

    def requests(self) -> list[Request]:
        """All requests that were answered with success, in the order of their beginnings."""
        pairs = (line.split() for line in self.log.read_text(encoding="utf-8").splitlines())
        found = [Request(float(end) - float(took), float(end)) for end, took in pairs]
        return sorted(found, key=lambda request: request.began)


def sink_program() -> str:
    """Which program plays the sink where no latency is asked for."""
    return "nginx" if shutil.which("nginx") else "asyncio"


@contextmanager
def sink(directory: Path, latency: float = 0.0) -> Iterator[Sink]:
    """A sink that answers each request `latency` seconds after it has come.

    nginx where it is installed; it cannot wait, so that latency is given by a few lines of asyncio.
    """
    port = free_port()
    log = directory / f"requests-{port}.log"
    if latency or sink_program() != "nginx":
        arguments = ["benchmarks.bare_sink", str(port), str(log), str(latency)]
    else:
        arguments = ["benchmarks.nginx", str(_configuration(port, log))]
    with program(
        arguments, environment=environment(), directory=directory, name=f"sink-{port}"
    ) as running:
        wait_for_port(running, port)
        yield Sink(f"http://{HOST}:{port}{PATH}", log)


def _configuration(port: int, log: Path) -> Path:
    """nginx's, in a directory of its own."""
    own = log.with_suffix(".nginx")
    own.mkdir()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    path = own / "nginx.conf"
    path.write_text(
        f"""\
daemon off;
master_process off;
pid {own}/pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    {" ".join(f"{kind}_temp_path {own}/{kind};" for kind in kinds)}
    log_format times '$msec $request_time';
    map $status $accepted {{ 200 1; default 0; }}
    access_log {log} times if=$accepted;
    client_max_body_size 0;
    keepalive_requests 1000000000;
    server {{
        listen {HOST}:{port} backlog=1024;
        default_type application/json;
        location = {PATH} {{ return 200 '{REPLY}'; }}
    }}
}}
""",
        encoding="utf-8",
    )
    return path
