"""How long whoever signs in wrongly has to wait: a few slips are free, then it doubles.

What is counted is wrong attempts on one name from one network, so that nobody can lock another out
by their name alone; and, for who has never signed in from there, all of a network's and all there
are, so that nobody gains by trying many names or many addresses.
"""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network

FREE = 5
"""Wrong attempts on a name from a network before anybody waits."""
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=15)
PERIOD = timedelta(minutes=15)
"""Over which a network's attempts, and all, are counted."""
MOST_OF_NETWORK = 50
MOST = 500
_CROWDED = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Attempts:
    """What is known of earlier attempts: `failures` on this name from this network, the last one
    `ago`; `of_network` and `of_all` in the last PERIOD. `is_known` tells whether somebody has
    signed in by this name from this network.
    """

    failures: int
    ago: timedelta
    of_network: int
    of_all: int
    is_known: bool


def wait(attempts: Attempts) -> timedelta:
    """How long there is to wait before the next attempt; none is counted meanwhile."""
    wait = timedelta(0)
    if attempts.failures >= FREE:
        doubled = FIRST_WAIT * 2 ** min(attempts.failures - FREE, 10)
        wait = max(timedelta(0), min(doubled, LONGEST_WAIT) - max(attempts.ago, timedelta(0)))
    crowded = attempts.of_network >= MOST_OF_NETWORK or attempts.of_all >= MOST
    return max(wait, _CROWDED) if crowded and not attempts.is_known else wait


def network_of(address: str) -> str:
    """Those who count as one: an IPv4 address's /24, an IPv6 address's /48."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ip_network((found, 24 if found.version == 4 else 48), strict=False))
