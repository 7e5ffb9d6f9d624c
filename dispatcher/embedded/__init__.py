"""PostgreSQL and Valkey that come with the program, for one machine, demonstrations and tests."""

from dispatcher.embedded.attached import running
from dispatcher.embedded.directories import temporary_home
from dispatcher.embedded.pair import ServerUrls
from dispatcher.embedded.services import ServerStatus, ServicesStatus, start, status, stop

__all__ = [
    "ServerStatus",
    "ServerUrls",
    "ServicesStatus",
    "running",
    "start",
    "status",
    "stop",
    "temporary_home",
]
