"""How long whoever signs in wrongly has to wait: a few slips are free, then it doubles.

What is counted is wrong attempts on one name from one place: a browser that this name has signed in
with before, or else a network. So nobody can lock another out by their name alone, nor out of their
own browser at all. Where a network's attempts are many, or all there are, who has never signed in
from there has no slips free, and a network's strangers come one after another: slowed, and not shut
out, as each name has a wait of its own.
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
APART = timedelta(seconds=2)
"""Between two strangers of a network that has many wrong attempts."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """What is known of earlier attempts: `failures` on this name from this place, the last one
    `ago`; `of_network`, the last one `network_ago`, and `of_all` in the last PERIOD. `is_known`
    tells whether somebody has signed in by this name from this place.
    """

    failures: int
    ago: timedelta
    of_network: int
    network_ago: timedelta
    of_all: int
    is_known: bool


def wait(attempts: Attempts) -> timedelta:
    """How long there is to wait before the next attempt; none is counted meanwhile."""
    if attempts.is_known:
        return _own(attempts, FREE)
    is_crowded = attempts.of_network >= MOST_OF_NETWORK
    own = _own(attempts, 1 if is_crowded or attempts.of_all >= MOST else FREE)
    return max(own, _left(APART, attempts.network_ago)) if is_crowded else own


def _own(attempts: Attempts, free: int) -> timedelta:
    if attempts.failures < free:
        return timedelta(0)
    doubled = FIRST_WAIT * 2 ** min(attempts.failures - free, 10)
    return _left(min(doubled, LONGEST_WAIT), attempts.ago)


def _left(wait: timedelta, ago: timedelta) -> timedelta:
    return max(timedelta(0), wait - max(ago, timedelta(0)))


def network_of(address: str) -> str:
    """Those who count as one: an IPv4 address's /24, an IPv6 address's /48."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ip_network((found, 24 if found.version == 4 else 48), strict=False))
