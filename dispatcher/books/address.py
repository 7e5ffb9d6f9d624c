"""Where the database is: a URL as psql reads it, in SQLAlchemy's words, and what it asks for."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

import psycopg2
from psycopg2.extensions import make_dsn
from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from dispatcher.books.troubles import first_line
from dispatcher.errors import SettingError

_VARIABLE = "DISPATCHER_DATABASE_URL"
_FORM = (
    "write postgresql://user:password@host:port/name, with %xx for special characters of a password"
)
_NAME = re.compile(r"[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)*")
_OPTION = re.compile(r"[a-z_]{1,40}")
_NUMBERS = {
    "connect_timeout",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "tcp_user_timeout",
}
_WHERE = {"host", "hostaddr", "port", "user", "dbname", "service", "passfile"}
_NOWHERE = "/dev/null"
"""No directory of sockets: the driver looks at what it is given, and reaches nobody."""
_WORD = re.compile(r"(?:\\.|[^\\\s])+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """A server and a database; `asked` are the operator's settings, for every transaction.

    Where it has none, the driver may still find some in a service file, and sends them itself.
    `key_password` opens the file of the client's key; neither it nor the URL's password is shown.
    """

    url: URL
    asked: tuple[tuple[str, str], ...]
    key_password: str | None = field(default=None, repr=False)


def read_address(database_url: str, environ: Mapping[str, str] | None = None) -> Address:
    """The address that a URL means, with PGOPTIONS of the environment; the URL's own options win.

    A pooler takes no options at its door, so that what is in them is taken apart here. Raises
    SettingError where the URL or the options cannot be understood; no password is told.
    """
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        # The cause would quote what stands where a port should, and that may be of a password.
        raise SettingError(f"{_VARIABLE} is wrong: {_FORM}.") from None
    # As psql does: a socket's directory can stand in the place of a host then.
    url = url.set(
        host=url.host and unquote(url.host), database=url.database and unquote(url.database)
    )
    asked = _asked("PGOPTIONS", (os.environ if environ is None else environ).get("PGOPTIONS", ""))
    for options in url.normalized_query.get("options", ()):
        asked |= _asked(_VARIABLE, options)
    url = url.difference_update_query(["options"])
    _check_known(url)
    _check_ports(url)
    # The library hides a password in its place, and none among the options.
    url, password = _option(url, "password")
    url, key_password = _option(url, "sslpassword")
    _check_values(url)
    if password is not None:
        url = url.set(password=password)
    return Address(url, tuple(asked.items()), key_password)


def _option(url: URL, name: str) -> tuple[URL, str | None]:
    """The URL without an option, and what that was."""
    told = url.normalized_query.get(name)
    return url.difference_update_query([name]), told[-1] if told else None


def _check_known(url: URL) -> None:
    """Refuse what the driver would, before anything is connected."""
    for option in url.query:
        if not _OPTION.fullmatch(option):  # it may be the end of a password with a ? in it
            raise SettingError(f"{_VARIABLE} is wrong: {_FORM}, and its options behind a ?.")
    if "dsn" in url.query:  # which it would take for another address
        raise SettingError(f'{_VARIABLE} is wrong: invalid connection option "dsn".')
    try:
        make_dsn(**dict.fromkeys(url.query, ""))
    except psycopg2.ProgrammingError as error:
        raise SettingError(f"{_VARIABLE} is wrong: {str(error).strip()}.") from None


def _check_values(url: URL) -> None:
    """Refuse what the driver would as it connects: a worker would wait for such a database."""
    options = {name: values[-1] for name, values in url.normalized_query.items()}
    for name in _NUMBERS & options.keys():
        if not re.fullmatch(r"-?[0-9]{1,9}", options[name]):
            raise SettingError(f"{_VARIABLE} is wrong: {name} is a whole number.")
    words = {name: value for name, value in options.items() if name not in _WHERE}
    if not words:
        return
    try:
        psycopg2.connect(make_dsn(**words, host=_NOWHERE, user="nobody", dbname="nothing"))
    except psycopg2.OperationalError as error:
        said = first_line(error)
        if said.startswith("invalid "):
            raise SettingError(
                f"{_VARIABLE}, or a variable of PostgreSQL's beside it, is wrong: {said}."
            ) from None


def _check_ports(url: URL) -> None:
    """Refuse ports that are none, and those of which nobody knows whose they are."""
    wrong = (
        f"{_VARIABLE} is wrong: a port is a number between 1 and 65535, and of several hosts each "
        "has one, as in ?host=a,b&port=5432,5433."
    )
    try:
        _, named = url.get_dialect()().create_connect_args(url)
        ports = [int(port) for port in str(named.get("port") or "").split(",") if port]
    except (ArgumentError, ValueError):
        raise SettingError(wrong) from None
    if not all(0 < port < 65_536 for port in ports):
        raise SettingError(wrong)


def _asked(place: str, options: str) -> dict[str, str]:
    """The settings in a server's command line options."""
    asked: dict[str, str] = {}
    words = iter(_WORD.findall(options))
    for word in words:
        found = re.fullmatch(r"(?:--|-c)(.+)", word, re.DOTALL)
        setting = next(words, "") if word == "-c" else found[1] if found else ""
        name, equals, value = re.sub(r"\\(.)", r"\1", setting, flags=re.DOTALL).partition("=")
        name = name.replace("-", "_").lower()
        if not equals or not _NAME.fullmatch(name):
            raise SettingError(
                f"{place} is wrong: of the options only `-c name=value` and `--name=value` are "
                f"understood, and one is {word!r}."
            )
        asked[name] = value
    return asked
