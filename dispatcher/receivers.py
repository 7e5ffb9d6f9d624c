"""Where webhooks may go: a URL that is one, and no address inside of the network unless allowed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PORTS = {"https": 443, "http": 80}
_LONGEST = 2_000
_NAT64 = IPv6Network("64:ff9b::/96")
_PLAIN = re.compile(r"[a-z0-9._:-]+")
# They look like the Internet's, at least to some versions of Python: clouds serve their machines'
# keys from the first two, the third is where 6to4 began, and the last is NAT64 within a network.
_INSIDE: tuple[Network, ...] = (
    *map(IPv4Network, ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24")),
    IPv6Network("64:ff9b:1::/48"),
)
_ISATAP = (0x00005EFE, 0x02005EFE)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told: a host and a port, over TLS or not, and what is asked of them."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The host as HTTP names it, with the port where that is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def read_url(url: object) -> Receiver:
    """The receiver that a URL names. ValueError says what is wrong, and quotes nothing of it."""
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise ValueError("it must begin with https://")
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"it must be at most {_LONGEST:,} letters of ASCII without a blank")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("its host or its port cannot be read") from None
    if "@" in parts.netloc:
        raise ValueError("it has a login in it, and everybody who sees the campaign would see that")
    if not host or "\\" in parts.netloc or port == 0:
        raise ValueError("it names no host")
    if not _PLAIN.fullmatch(host):
        raise ValueError("its host is not written plainly: letters, digits, dots and hyphens")
    if parts.fragment:
        raise ValueError("it has a # in it, which is never sent")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Receiver(parts.scheme, host, port or _PORTS[parts.scheme], target)


def may_reach(address: str, allowed: Iterable[Network]) -> bool:
    """Whether webhooks may go to this address: one of the Internet's, or in an allowed network.

    One of IPv6's that stands for one of IPv4's is judged as that.
    """
    meant = _meant(ip_address(address))
    if any(meant[0] in network for network in allowed):
        return True
    return all(map(_is_public, meant))


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks with commas in between. ValueError says which is none."""
    found: list[Network] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ip_network(part))
        except ValueError:
            raise ValueError(
                f"{part!r} is no network: write them as 127.0.0.0/8,10.1.0.0/16"
            ) from None
    return tuple(found)


def _is_public(address: Address) -> bool:
    """Whether it is one host's on the Internet; old forms of being private are private still."""
    return address.is_global and not (
        any(address in network for network in _INSIDE)
        or address.is_multicast
        or address.is_reserved
        or (isinstance(address, IPv6Address) and address.is_site_local)
    )


def _meant(address: Address) -> list[Address]:
    """The address where a packet arrives, and those that lie on the way there."""
    if isinstance(address, IPv4Address):
        return [address]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    ways = [address.sixtofour, *(address.teredo or ()), _isatap(address)]
    return [address, *(each for each in ways if each is not None)]


def _isatap(address: IPv6Address) -> IPv4Address | None:
    """The end of the tunnel within a network that such an address stands for (RFC 5214)."""
    is_one = int(address) >> 32 & 0xFFFFFFFF in _ISATAP
    return IPv4Address(int(address) & 0xFFFFFFFF) if is_one else None
