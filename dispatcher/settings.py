"""What the environment and a configuration file say, read once, typed and frozen.

Every variable is named in `Settings`; a wrong one is refused at the start with its name and with
what is allowed. The environment wins over the file.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from dispatcher import services_file
from dispatcher import setting_values as values
from dispatcher.errors import SettingError
from dispatcher.receivers import Network, read_networks
from dispatcher.redaction import Secret as Secret
from dispatcher.redaction import remember, secrets_in
from dispatcher.servers import BROKER_SCHEMES, REDIS_SCHEMES, read_server
from dispatcher.setting_values import SIGNED_WITH as SIGNED_WITH
from dispatcher.setting_values import Listening as Listening
from dispatcher.setting_values import days as days
from dispatcher.setting_values import is_exposed as is_exposed

DEFAULT_ACCOUNT = "default"
DEFAULT_QUEUE = "dispatcher"
PUSH_API_URL = "https://www.devtodev.com/api/v1/push/send"
ACCOUNT_NAME = re.compile(r"[a-z0-9]+")
RESERVED_ACCOUNT_NAMES = frozenset({"file"})

_PREFIX = "DISPATCHER_"
_DEFAULT_HOME = "~/.local/share/dispatcher"
_KEEP_AUDIENCE: timedelta | None = timedelta(days=30)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process. The names are those of the variables without DISPATCHER_.

    `database_url` and `broker_url` are None where neither a variable nor a running embedded server
    tells them; `require_database_url()` and `require_broker_url()` say so to the person.
    """

    home: Path
    push_api_url: str = field(default=PUSH_API_URL, repr=False)
    database_url: str | None = field(default=None, repr=False)
    broker_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    audience_url: str | None = field(default=None, repr=False)
    """The database that an audience's query is for, unless another is named with it."""
    queue: str = DEFAULT_QUEUE
    """What every name of this deployment on the broker and on the Redis begins with."""
    tokens: Mapping[str, Secret] = field(default_factory=dict)
    rate: float | None = None
    request_timeout: timedelta = timedelta(seconds=30)
    pack_id_window: timedelta = timedelta(seconds=600)
    prepare_memory: int = 200 * 10**6
    keep_audience: timedelta | None = _KEEP_AUDIENCE
    """How long after a campaign's end its audience is kept; None: for good."""
    json_logs: bool = False
    notify_secrets: tuple[Secret, ...] = ()
    """What webhooks are signed with, as Standard Webhooks write it: whsec_ and base64.

    Several while one takes another's place: each signs.
    """
    notify_allow: tuple[Network, ...] = ()
    """Networks that webhooks may reach though they are no part of the Internet."""
    console_secret_file: Path | None = None
    """The key of the console's sessions; None: one that is made in `home`."""
    approval_members: int | None = None
    """Above so many members a second person has to approve what somebody orders; None: never."""
    metrics_port: Listening | None = None
    """Where a worker serves its own metrics; None: nowhere."""
    flower_url: str | None = None
    """Where the console's visitors find Flower; None: nowhere."""

    def __post_init__(self) -> None:
        remember(*(token.reveal() for token in self.tokens.values()))
        for secret in self.notify_secrets:
            remember(secret.reveal(), secret.reveal().removeprefix(SIGNED_WITH))
        urls = (self.push_api_url, self.database_url, self.broker_url, self.redis_url)
        for url in (*urls, self.audience_url):
            remember(*secrets_in(url or ""))
        _check_server("DISPATCHER_BROKER_URL", self.broker_url, BROKER_SCHEMES)
        _check_server("DISPATCHER_REDIS_URL", self.redis_url, REDIS_SCHEMES)
        if self.pack_id_window < 4 * self.request_timeout:
            raise SettingError(
                f"DISPATCHER_PACK_ID_WINDOW is {self.pack_id_window.total_seconds():g} s, shorter "
                f"than four requests of DISPATCHER_REQUEST_TIMEOUT = "
                f"{self.request_timeout.total_seconds():g} s: nothing could be tried again safely; "
                "lower the timeout."
            )

    @property
    def time_to_begin(self) -> timedelta:
        """How long after it asked for a claim a worker may begin the request."""
        return timedelta(seconds=10)

    @property
    def lease(self) -> timedelta:
        """How long a claim holds a chunk: the time to begin its request, and the request's."""
        return self.time_to_begin + self.request_timeout

    @property
    def scratch(self) -> Path:
        """Where audiences are prepared: each in a directory that goes when that ends."""
        return self.home / "scratch"

    def require_database_url(self) -> str:
        """The database's URL; SettingError where there is none."""
        return self._required("DISPATCHER_DATABASE_URL", self.database_url)

    def require_broker_url(self) -> str:
        """The broker's URL; SettingError where there is none."""
        return self._required("DISPATCHER_BROKER_URL", self.broker_url)

    def require_place_for_rates(self, rate: float | None = None) -> None:
        """SettingError where a rate, the campaign's or the account's, has no Redis to keep it."""
        keeps_rates = self.redis_url or not (self.broker_url or "").startswith("amqp")
        if keeps_rates or rate is self.rate is None:
            return
        limit = "DISPATCHER_RATE" if rate is None else "the campaign's rate"
        raise SettingError(
            f"DISPATCHER_REDIS_URL is not set, and an amqp:// broker keeps no rates: set it, or do "
            f"without {limit}; nothing would ever be sent."
        )

    def require_any_token(self) -> None:
        """SettingError where no account has a token, so that a worker could send nothing."""
        if not self.tokens:
            self.require_token(DEFAULT_ACCOUNT)

    def require_token(self, account: str) -> Secret:
        """The vendor's token of an account; SettingError where there is none."""
        token = self.tokens.get(account)
        if token is None:
            variable = "DISPATCHER_USER_TOKEN"
            if account != DEFAULT_ACCOUNT:
                variable += f"_{account.upper()}"
            raise SettingError(
                f"{variable} is not set: put the vendor's User API token there (or the name of a "
                f"file that holds it into {variable}_FILE)."
            )
        return token

    def _required(self, variable: str, value: str | None) -> str:
        if value is None:
            raise SettingError(
                f"{variable} is not set and no embedded server runs in {self.home}: set it, or "
                "run `dispatcher services start`."
            )
        return value


def is_account_name(name: str) -> bool:
    """Whether an account can have this name: of a-z and 0-9, and no word with another meaning."""
    return bool(ACCOUNT_NAME.fullmatch(name)) and name not in RESERVED_ACCOUNT_NAMES


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment: os.environ unless given.

    Raises SettingError, which names the variable.
    """
    variables = _with_files(_variables(environ))
    for value in variables.values():
        remember(*secrets_in(value))
    tokens = _tokens(variables)
    read = _Reader(variables)
    home = read("HOME", values.path, Path())
    told = variables.keys() >= {f"{_PREFIX}DATABASE_URL", f"{_PREFIX}BROKER_URL"}
    services = {} if told else _running_services(home)
    broker_url = read("BROKER_URL", values.server_url, services.get("broker_url"))
    return Settings(
        home=home,
        push_api_url=read("PUSH_API_URL", values.http_url, PUSH_API_URL),
        database_url=read("DATABASE_URL", values.database_url, services.get("database_url")),
        broker_url=broker_url,
        redis_url=read("REDIS_URL", values.server_url, _redis_of(broker_url)),
        audience_url=read("AUDIENCE_URL", str.strip, None),
        queue=read("QUEUE", values.queue, DEFAULT_QUEUE),
        tokens=tokens,
        rate=read("RATE", values.rate, None),
        request_timeout=read("REQUEST_TIMEOUT", values.seconds, timedelta(seconds=30)),
        pack_id_window=read("PACK_ID_WINDOW", values.seconds, timedelta(seconds=600)),
        prepare_memory=read("PREPARE_MEMORY", values.memory, 200 * 10**6),
        keep_audience=read("KEEP_AUDIENCE", values.keeping, _KEEP_AUDIENCE),
        json_logs=read("LOG", values.log_format, False),
        notify_secrets=read("NOTIFY_SECRET", values.signing_secrets, ()),
        notify_allow=read("NOTIFY_ALLOW", read_networks, ()),
        console_secret_file=read("CONSOLE_SECRET_FILE", values.path, None),
        approval_members=read("APPROVAL_MEMBERS", values.members, None),
        metrics_port=read("METRICS_PORT", values.listening, None),
        flower_url=read("FLOWER_URL", values.http_url, None),
    )


def read_home(environ: Mapping[str, str] | None = None) -> Path:
    """DISPATCHER_HOME alone: the other settings may depend on what is yet to be started there."""
    return _Reader(_variables(environ))("HOME", values.path, Path())


def _variables(environ: Mapping[str, str] | None) -> dict[str, str]:
    """Ours that are set; an empty one sets nothing."""
    return {f"{_PREFIX}HOME": _DEFAULT_HOME} | {
        name: value
        for name, value in (os.environ if environ is None else environ).items()
        if name.startswith(_PREFIX) and value != ""
    }


def _with_files(variables: dict[str, str]) -> dict[str, str]:
    """The same with what stands in files, each named by the variable and _FILE."""
    read = dict(variables)
    for name in _IN_FILES:
        variable = f"{_PREFIX}{name}"
        path = read.pop(f"{variable}_FILE", None)
        if path is None:
            continue
        if variable in variables:
            raise SettingError(f"{variable} and {variable}_FILE are both set: set one of the two.")
        what = "secret" if name == "NOTIFY_SECRET" else "URL"
        read[variable] = _read_secret_file(f"{variable}_FILE", path, what)
        if not read[variable]:
            raise SettingError(f"{variable}_FILE names a file that holds no {what}.")
    return read


@dataclass(frozen=True)
class _Reader:
    variables: Mapping[str, str]

    def __call__(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self.variables.get(_PREFIX + name)
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError as error:
            # Not as its cause: that may quote what this does not.
            raise SettingError(f"{_PREFIX}{name} is wrong: {error}.") from None


def read_config(path: Path) -> dict[str, str]:
    """The variables that a TOML file stands for; the environment is to win over them.

    Its keys are the variables' names without DISPATCHER_, in lower case. Raises SettingError.
    """
    import tomllib  # only a file takes it

    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(
            f"The configuration file {path} cannot be read: {error.strerror}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"The configuration file {path} is not TOML: {error}.") from error
    for key, value in table.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise SettingError(
                f"The configuration file {path}: {key} must be a text or a number, "
                f"as in `request_timeout = 30`."
            )
        if key != key.lower() or (
            _PREFIX + key.upper() not in _KNOWN and not key.startswith("user_token")
        ):
            raise SettingError(
                f"The configuration file {path}: {key} is not a setting; known are "
                f"{', '.join(sorted(name.removeprefix(_PREFIX).lower() for name in _KNOWN))}."
            )
    return {_PREFIX + key.upper(): str(value) for key, value in table.items()}


_IN_FILES = ("DATABASE_URL", "BROKER_URL", "REDIS_URL", "AUDIENCE_URL", "NOTIFY_SECRET")
"""What has passwords in it, or is one, and may stand in a file of its own."""
_KNOWN = frozenset(
    _PREFIX + name
    for name in (
        "DATABASE_URL",
        "BROKER_URL",
        "REDIS_URL",
        "AUDIENCE_URL",
        "NOTIFY_SECRET",
        "NOTIFY_ALLOW",
        *(f"{name}_FILE" for name in _IN_FILES),
        "QUEUE",
        "PUSH_API_URL",
        "USER_TOKEN",
        "USER_TOKEN_FILE",
        "RATE",
        "REQUEST_TIMEOUT",
        "PACK_ID_WINDOW",
        "PREPARE_MEMORY",
        "KEEP_AUDIENCE",
        "HOME",
        "LOG",
        "METRICS_PORT",
        "FLOWER_URL",
        "CONSOLE_SECRET_FILE",
        "APPROVAL_MEMBERS",
    )
)


def below_environment(variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Those of a file's variables that the environment does not set; an empty one sets nothing.

    A secret and the file that holds it are two forms of one setting.
    """
    taken = {name.removesuffix("_FILE") for name, value in environ.items() if value != ""}
    return {
        name: value for name, value in variables.items() if name.removesuffix("_FILE") not in taken
    }


def _tokens(variables: Mapping[str, str]) -> dict[str, Secret]:
    """Each account's token, from DISPATCHER_USER_TOKEN[_NAME][_FILE]."""
    tokens: dict[str, Secret] = {}
    for variable, value in sorted(variables.items()):
        if not variable.startswith(f"{_PREFIX}USER_TOKEN"):
            continue
        suffix = variable.removeprefix(f"{_PREFIX}USER_TOKEN")
        is_file = suffix.endswith("_FILE")
        named = suffix.removesuffix("_FILE")
        account = named.removeprefix("_").lower() if named else DEFAULT_ACCOUNT
        if not is_account_name(account) or (named and not named.startswith("_")):
            raise SettingError(
                f"{variable} names no account: an account's name is made of a-z and 0-9, "
                "and is not `file`."
            )
        if account in tokens:
            raise SettingError(
                f"{variable} gives a token to account {account}, which has one already: "
                "set one of the two."
            )
        token = _read_secret_file(variable, value, "token") if is_file else value.strip()
        if not token or not token.isprintable():
            raise SettingError(f"{variable} holds no token.")
        remember(token)
        tokens[account] = Secret(token)
    return tokens


def _read_secret_file(variable: str, path: str, what: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        wrong = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else "no path is so"
        why = error.strerror if isinstance(error, OSError) else wrong
        # What it names is not told: it may be the secret itself, put into the wrong variable.
        raise SettingError(
            f"{variable} names a file that cannot be read: {why}. It takes the path of a file that "
            f"holds the {what}, and not the {what}."
        ) from None


def _running_services(home: Path) -> dict[str, str]:
    """The URLs of the embedded servers that `dispatcher services start` left, and that run."""
    try:
        return services_file.running(home)
    except (OSError, ValueError, TypeError, LookupError) as error:
        why = f" ({error.strerror})" if isinstance(error, OSError) else ""
        raise SettingError(
            f"{home / services_file.SERVICES_FILE} cannot be read{why}: run `dispatcher services "
            "start` again, or set DISPATCHER_DATABASE_URL and DISPATCHER_BROKER_URL."
        ) from error


def _check_server(variable: str, url: str | None, schemes: tuple[str, ...]) -> None:
    """SettingError where the URL names no server that we can use."""
    try:
        if url is not None:
            read_server(url, schemes)
    except ValueError as error:
        raise SettingError(f"{variable} is wrong: {error}.") from None


def _redis_of(broker_url: str | None) -> str | None:
    """The broker's URL where the broker is a Redis, which keeps the rates as well."""
    return None if broker_url is None or broker_url.startswith("amqp") else broker_url
