"""How the URL of a Redis or of a broker is read: once, for Celery, the rates and the checkup."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

REDIS_SCHEMES = ("redis", "rediss", "valkey", "valkeys", "unix", "redis+socket")
BROKER_SCHEMES = (*REDIS_SCHEMES, "amqp", "amqps")

_SECURE = frozenset({"rediss", "valkeys", "amqps"})
_SOCKETS = frozenset({"unix", "redis+socket"})
_PORTS = {"redis": 6379, "amqp": 5672, "amqps": 5671}
_MOST_DATABASES = 100_000
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
_VERIFYING = {"required": True, "cert_required": True, "none": False, "cert_none": False}
_NAME = re.compile(r"[a-z_]{1,40}")
_OPTIONS = re.compile(r"(?:[A-Za-z_]+=[^&]*(?:&|$))*")
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS_OPTIONS = ("ssl_cert_reqs", "ssl_check_hostname", *_FILES)
ENCODED = (
    "special characters of a name or a password are written as %XX, such as %40 for @ and %2F for /"
)


@dataclass(frozen=True, slots=True)
class Tls:
    """What is asked of a server's certificate, and which of our own is shown to it.

    The authorities are the system's where `ca_certs` names none.
    """

    verify: bool = True
    check_host: bool = True
    ca_certs: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """A Redis or a RabbitMQ as its URL names it; `database` is a number, or a virtual host.

    `socket` is the path of a Unix socket, and empty where there are a host and a port.
    """

    is_redis: bool
    host: str
    port: int
    socket: str
    database: int | str
    username: str | None
    password: str | None = field(repr=False)
    tls: Tls | None

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.socket or f"{host}:{self.port}"

    def redis_tls(self) -> dict[str, Any]:
        """TLS in the words of redis-py, for a client of our own and for Celery's alike."""
        assert self.tls is not None
        return {
            "ssl_cert_reqs": "required" if self.tls.verify else "none",
            "ssl_check_hostname": self.tls.verify and self.tls.check_host,
            "ssl_ca_certs": self.tls.ca_certs,
            "ssl_certfile": self.tls.certificate,
            "ssl_keyfile": self.tls.key,
        }

    def celery_url(self) -> str:
        """The URL as Celery reads it; TLS is told apart from it."""
        login = ""
        if self.username is not None or self.password is not None:
            login = f"{quote(self.username or '', safe='')}:{quote(self.password or '', safe='')}@"
        if self.socket:
            return f"redis+socket://{login}{quote(self.socket)}?virtual_host={self.database}"
        scheme = ("redis" if self.is_redis else "amqp") + ("s" if self.tls else "")
        return f"{scheme}://{login}{self.place}/{quote(str(self.database), safe='')}"


def is_this_machine(host: str) -> bool:
    """Whether what is said to this host, or to a socket of this path, leaves the machine never."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host in ("", "localhost") or host.startswith("/") or host.endswith(".localhost")


def read_server(url: str, schemes: tuple[str, ...] = BROKER_SCHEMES) -> Server:
    """The server that the URL names. ValueError says what is wrong, and never holds the URL.

    A certificate is verified, and the host's name with it, unless `ssl_cert_reqs=none` says so.
    """
    scheme, separator, rest = url.partition("://")
    allowed = f"it must be a URL that begins with {' or '.join(f'{s}://' for s in schemes)}"
    if scheme not in schemes or not separator:
        raise ValueError(allowed)
    try:
        parts = urlsplit(f"//{rest}")
        port = parts.port
    except ValueError:
        raise ValueError(f"{allowed}, and its port is a number; {ENCODED}") from None
    if "@" in parts.path and scheme not in _SOCKETS:
        raise ValueError(f"it has an @ behind a /; {ENCODED}")
    options = _options(scheme, parts)
    is_redis = not scheme.startswith("amqp")
    path = unquote(parts.path)
    if scheme in _SOCKETS and (parts.hostname or not path.strip("/")):
        raise ValueError(f"{scheme}:// is followed by the path of a socket, as {scheme}:///run/it")
    if scheme not in _SOCKETS and not parts.hostname:
        raise ValueError(f"{allowed} and names a host; {ENCODED}")
    return Server(
        is_redis=is_redis,
        host=unquote(parts.hostname or ""),
        port=port or _PORTS["redis" if is_redis else scheme],
        socket=path if scheme in _SOCKETS else "",
        database=_database(scheme, path, options) if is_redis else path[1:] or "/",
        username=_decoded(parts.username),
        password=_decoded(parts.password),
        tls=_tls(options) if scheme in _SECURE else None,
    )


def split_url(url: str) -> tuple[str, str, str, str]:
    """A URL's scheme, its login, its servers, and the rest, which begins with / or ? if at all.

    An @ of the login is encoded, as no host has one in its name. ValueError for one in the rest,
    which may be of a password too, but in an option.
    """
    scheme, separator, behind = url.partition("://")
    end = next((place for place, sign in enumerate(behind) if sign in "/?"), len(behind))
    login, _, servers = behind[:end].rpartition("@")
    rest = behind[end:]
    path, _, options = rest.partition("?")
    if "@" in path or ("@" in options and not _OPTIONS.fullmatch(options)):
        raise ValueError(f"it has an @ behind a / or a ?; {ENCODED}")
    return f"{scheme}{separator}", login.replace("@", "%40"), servers, rest


def words_of(error: BaseException) -> str:
    """What went wrong with such a server, for a person: no full stop, and what to do about TLS."""
    words = " ".join(str(error.__cause__ or error).split()).rstrip(".")
    if "CERTIFICATE_VERIFY_FAILED" in words:
        words += (
            "; name its authority with ?ssl_ca_certs=FILE in the URL, and the host as the "
            "certificate does"
        )
    if "WRONGTYPE" in words:
        words += (
            "; a key with the name of the queue holds something else: delete it, or name "
            "another queue with DISPATCHER_QUEUE"
        )
    return words


def _options(scheme: str, parts: SplitResult) -> dict[str, str]:
    """What stands behind the question mark."""
    if parts.fragment:
        raise ValueError(f"it has a # in it; {ENCODED}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    known: tuple[str, ...] = () if scheme.startswith("amqp") else ("db", "virtual_host")
    known += _TLS_OPTIONS if scheme in _SECURE else ()
    for name in options:
        if name in _TLS_OPTIONS and name not in known:
            raise ValueError(f"{name} belongs to a URL that begins with rediss:// or amqps://")
        if name not in known:
            # What is no name may be the end of a password with a ? in it.
            told = repr(name) if _NAME.fullmatch(name) else "what stands behind its ?"
            raise ValueError(
                f"{told} is none of its options: {', '.join(known) or 'none'}; {ENCODED}"
            )
    return options


def _database(scheme: str, path: str, options: dict[str, str]) -> int:
    """The number of a Redis database: of the path, or of an option."""
    behind = "" if scheme in _SOCKETS else path.strip("/")
    told = [text for text in (behind, options.get("db"), options.get("virtual_host")) if text]
    numbers = {int(text) if text.isascii() and text.isdigit() else -1 for text in told} or {0}
    if len(numbers) > 1 or not 0 <= min(numbers) < _MOST_DATABASES:
        raise ValueError("its database is one number, as in redis://host:6379/0")
    return numbers.pop()


def _tls(options: dict[str, str]) -> Tls:
    verify = _VERIFYING.get(options.get("ssl_cert_reqs", "required").lower())
    if verify is None:
        raise ValueError("ssl_cert_reqs is `required` or `none`")
    check = options.get("ssl_check_hostname", "true").lower()
    if check not in _YES | _NO:
        raise ValueError("ssl_check_hostname is `true` or `false`")
    authorities, certificate, key = (_file(name, options.get(name)) for name in _FILES)
    return Tls(verify, check in _YES, authorities, certificate, key)


def _file(name: str, path: str | None) -> str | None:
    """The path of a file that can be read and looks like what it has to be."""
    if path is None:
        return None
    try:
        text = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"{name} names {path}, which cannot be read: {why}") from error
    if b"-----BEGIN " not in text:
        raise ValueError(f"{name} names {path}, which holds nothing in PEM form")
    return path


def _decoded(text: str | None) -> str | None:
    """A name or a password as it is; an empty one is none."""
    return unquote(text) if text else None
