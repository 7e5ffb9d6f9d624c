"""What the text of a setting means: each raises ValueError, with what is allowed."""

import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from dispatcher.redaction import Secret
from dispatcher.servers import ENCODED, is_this_machine, split_url

QUEUE_NAME = re.compile(r"(?!amq\.)[A-Za-z0-9_.-]{1,64}")
"""RabbitMQ keeps what begins with `amq.` to itself."""
FOR_GOOD = "forever"
SIGNED_WITH = "whsec_"

_UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
}
_MINIMUM_MEMORY = 64 * 10**6
_MAXIMUM_MEMORY = 2**50
_MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Listening:
    """Where something listens; port 0 is any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def signing_secrets(text: str) -> tuple[Secret, ...]:
    """One, or several with blanks between them, none of them twice."""
    secrets = tuple(map(_signing_secret, text.split() or [""]))
    if len(set(secrets)) < len(secrets):
        raise ValueError("the same secret is there twice: name each once")
    return secrets


def _signing_secret(text: str) -> Secret:
    """Standard Webhooks, "Signature scheme": 24 to 64 bytes, in base64 behind a prefix."""
    try:
        key = b64decode(text.removeprefix(SIGNED_WITH), validate=True)
    except ValueError:
        key = b""
    if not text.startswith(SIGNED_WITH) or not 24 <= len(key) <= 64:
        raise ValueError(
            f"it must be {SIGNED_WITH} and the base64 of 24 to 64 random bytes, as of "
            f'`echo "{SIGNED_WITH}$(openssl rand -base64 32)"`; several have blanks between them'
        )
    return Secret(text)


def path(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"{text!r} begins with a home directory that is not known") from error


def database_url(text: str) -> str:
    """SQLAlchemy's form; psycopg2 is named, as the bare scheme means another driver.

    Several hosts, as libpq writes them before the path, become options: SQLAlchemy knows no others.
    """
    scheme, login, servers, rest = split_url(text)
    if scheme not in ("postgresql://", "postgres://", "postgresql+psycopg2://"):
        raise ValueError("it must begin with postgresql://")
    login += "@" if login else ""
    hosts, ports = zip(*map(_host_and_port, servers.split(",")), strict=True)
    if len(hosts) == 1:
        return f"postgresql+psycopg2://{login}{servers}{rest}"
    path, _, options = rest.partition("?")
    several = [options] if options else []
    several.append(f"host={','.join(hosts)}")
    if any(ports):
        several.append(f"port={','.join(port or '5432' for port in ports)}")
    return f"postgresql+psycopg2://{login}{path or '/'}?{'&'.join(several)}"


def _host_and_port(server: str) -> tuple[str, str]:
    """The two parts of a server; an IPv6 address stands in brackets."""
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(.*))?", server)
    port = "" if match is None else match[2] or ""
    if match is None or not (port == "" or (port.isascii() and port.isdigit())):
        raise ValueError(f"its port is not a number; {ENCODED}")
    if port and not (len(port) < 6 and 0 < int(port) < 65_536):
        raise ValueError(f"its port is not between 1 and 65535; {ENCODED}")
    return match[1].strip("[]"), port


def server_url(text: str) -> str:
    """A Valkey is a Redis; the rest is judged where the settings are made."""
    for name, secure in (("valkey", "redis"), ("valkeys", "rediss")):
        if text.startswith(f"{name}://"):
            return f"{secure}://{text.removeprefix(f'{name}://')}"
    return text


def queue(text: str) -> str:
    if not QUEUE_NAME.fullmatch(text):
        raise ValueError(
            f"{text[:80]!r} is not a name of 1 to 64 letters, digits, - _ . (and not amq.)"
        )
    return text


def http_url(text: str) -> str:
    _check_url(text, ("http", "https"))
    if "#" in text:
        raise ValueError(f"it has a # in it; {ENCODED}")
    split_url(text)
    return text


def is_exposed(url: str) -> bool:
    """Whether what is sent there can be read on its way: plain HTTP that leaves this machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_this_machine(parts.hostname or "")


def _check_url(text: str, schemes: tuple[str, ...]) -> None:
    allowed = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(text)
        valid = parts.scheme in schemes and bool(parts.hostname)
        parts.port  # noqa: B018 - raises ValueError on a port that is none
    except ValueError:
        raise ValueError(f"it must be a URL that begins with {allowed}") from None
    if not valid:
        raise ValueError(f"it must be a URL that begins with {allowed}")


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 < number < float("inf"):
        raise ValueError(f"{text!r} is not {what}")
    return number


def rate(text: str) -> float:
    rate = _number(text, "a number of requests a second above 0")
    if not 0.001 <= rate <= 1_000_000:
        raise ValueError(f"{text!r} is not between 0.001 and 1000000 requests a second")
    return rate


def seconds(text: str) -> timedelta:
    seconds = _number(text, "a number of seconds above 0")
    if not 0.1 <= seconds <= 86_400:
        raise ValueError(f"{text!r} is not between 0.1 and 86400 seconds")
    return timedelta(seconds=seconds)


def keeping(text: str) -> timedelta | None:
    return None if text == FOR_GOOD else days(text)


def days(text: str) -> timedelta:
    """A number of days, parts of one too. Raises ValueError."""
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 <= number <= _MOST_DAYS:
        raise ValueError(f"{text!r} is not a number of days from 0 to {_MOST_DAYS}")
    return timedelta(days=number)


def members(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text.strip()):
        raise ValueError(f"{text!r} is not a number of members, 0 or more")
    return int(text)


def memory(text: str) -> int:
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match[2].upper() not in _UNITS:
        raise ValueError(f"{text!r} is not an amount of memory such as 200MB or 1GB")
    amount = float(match[1]) * _UNITS[match[2].upper()]
    if amount < _MINIMUM_MEMORY:
        raise ValueError(f"{text!r} is less than 64MB")
    if amount > _MAXIMUM_MEMORY:
        raise ValueError(f"{text!r} is more than any machine has")
    return int(amount)


def listening(text: str) -> Listening:
    """A port on this machine alone, or `HOST:PORT`."""
    match = re.fullmatch(r"(?:(\[[0-9A-Fa-f:.]+\]|[^:\s]+):)?([0-9]{1,5})", text.strip())
    if match is None or int(match[2]) > 65_535:
        raise ValueError(f"{text!r} is neither a port, as 9464, nor HOST:PORT, as 0.0.0.0:9464")
    return Listening((match[1] or "127.0.0.1").strip("[]"), int(match[2]))


def log_format(text: str) -> bool:
    if text not in ("json", "text"):
        raise ValueError(f"{text!r} is neither json nor text")
    return text == "json"
