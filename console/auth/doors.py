"""The address that the console is reached at, as whoever started it said."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from secrets import token_urlsafe
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Door:
    """Where the console listens, what the way to it is, and the key for whoever started it.

    `certificate` and `certificate_key` are files for TLS of its own; `proxies` are the networks of
    proxies that say by X-Forwarded-For and -Proto who asks, where it is `behind_proxy`. At its
    `public_url` browsers find it, if that is another address.
    """

    host: str = "127.0.0.1"
    port: int = 0
    certificate: Path | None = None
    certificate_key: Path | None = None
    behind_proxy: bool = False
    proxies: tuple[str, ...] = ()
    public_url: str | None = None
    key: str = field(default_factory=lambda: token_urlsafe(24), repr=False)
    made_at: float = field(default_factory=time.time)

    @property
    def is_for_this_machine(self) -> bool:
        """Whether nobody reaches it but from this machine."""
        return is_loopback(self.host) and not self.behind_proxy

    @property
    def key_age(self) -> timedelta:
        """For how long there has been the key."""
        return timedelta(seconds=max(0.0, time.time() - self.made_at))

    @property
    def has_tls(self) -> bool:
        """Whether browsers come by TLS, its own or a proxy's."""
        return self.certificate is not None or self.behind_proxy

    @property
    def scheme(self) -> str:
        """That of the addresses that browsers know."""
        return "https" if self.has_tls else "http"

    def knows_host(self, host: str) -> bool:
        """Whether a request for this host, as its header says, can be meant for us.

        A page of a stranger whose name is made to lead here says its own (DNS rebinding).
        """
        name = _name_of(host)
        if self.public_url is not None:
            known = _name_of(urlsplit(self.public_url).netloc)
            return name == known or (self.is_for_this_machine and name in _OURS)
        if self.is_for_this_machine:
            return name in _OURS
        return self.behind_proxy or self.host in _EVERYWHERE or name == self.host

    def is_own_origin(self, origin: str, host: str) -> bool:
        """Whether a page of this origin is one of ours, asked for at this host."""
        own = {f"{self.scheme}://{host}".lower()}
        if self.public_url is not None:
            parts = urlsplit(self.public_url)
            own.add(f"{parts.scheme}://{parts.netloc}".lower())
        return origin.lower() in own


def is_loopback(host: str) -> bool:
    """Whether whoever listens there is reached from this machine alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


_OURS = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = ("0.0.0.0", "::")


def _name_of(host: str) -> str:
    """The host without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
