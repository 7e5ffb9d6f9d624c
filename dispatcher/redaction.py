"""Secrets, and the one place that takes them out of texts.

A text of ours or of a library may hold a secret whole: `redact` finds those that this process
knows, and whatever stands where a URL or an option has one. What a stranger says may hold it in
another case, encoded, or cut short: a `Redactor` finds its traces.
"""

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import parse_qsl, quote, quote_plus, unquote, unquote_plus

HIDDEN = "***"

_SHORTEST_TRACE = 6
"""So many characters of a secret in a row are no accident; a shorter secret is found whole."""
_DISTINCT = 8
"""A secret of so many characters is found within words, too."""
_COMMON = frozenset({"dispatcher", "password", "postgres"})
"""Found in every other sentence, and secret nowhere."""

_URL = re.compile(r"\A[a-z][a-z0-9+.-]*://(.*)\Z", re.IGNORECASE | re.DOTALL)
_SECRET_NAMES = r"(?:user|access|auth)_?token|api_?key|(?:ssl)?passw(?:or)?d|pwd|client_secret"
_LOGIN = re.compile(r"\b([a-z][a-z0-9+.-]+:/{1,3}+)(?!user:password@)[^\s<>]*@", re.IGNORECASE)
_PARAMETER = re.compile(
    rf"([?&](?:{_SECRET_NAMES}|token|key|auth|sig|signature|secret)=)\S+"
    rf"|((?:{_SECRET_NAMES})\s*=\s*[\"']?|[\"'](?:{_SECRET_NAMES})[\"']\s*:\s*[\"'])"
    r"(?:(?<=[\"'])[^\"']+|[^\s\"'&;,}]+)",
    re.IGNORECASE,
)
_OURS = re.compile(r"\bds[ps]_[\w-]{43}")
"""A token or a session of the console, whoever's it is: too many come by to remember each."""
_SECRET_OPTION = re.compile(
    rf"(?:{_SECRET_NAMES}|token|key|auth|sig|signature|secret)\Z", re.IGNORECASE
)


class Secret:
    """A text that no log, repr or traceback shows; `reveal()` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class Redactor:
    """Takes the traces of some secrets out of what a stranger says."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        windows = {
            form[place : place + _SHORTEST_TRACE]
            for form in forms
            for place in range(max(1, len(form) - _SHORTEST_TRACE + 1))
        }
        # Whatever has a trace has one of these, and to look for them costs next to nothing.
        self._signs = {
            part.lower()
            for form in forms
            for part in (
                [form[place : place + 5] for place in range(0, len(form) - 4, 2)]
                if len(form) >= _SHORTEST_TRACE
                else [form]
            )
        }
        self._traces = _any_of(windows, "(?=({}))")

    def redact(self, text: str) -> str:
        """The text without the secrets, in any case or encoding, whole or in part."""
        told = _without(text, self._spans(text))
        # Any character may be encoded, also one that needs not be.
        units = list(_UNIT.finditer(told))
        if len(units) == len(told):
            return told
        spans = self._spans("".join(_meant(unit[0]) for unit in units))
        return _without(
            told, ((units[begin].start(), units[end - 1].end()) for begin, end in spans)
        )

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where traces stand, in their order."""
        lowered = text.lower()
        if any(sign in lowered for sign in self._signs):
            yield from _merged(match.span(1) for match in self._traces.finditer(text))


_UNIT = re.compile(
    r"%[0-9a-f]{2}|\\u[0-9a-f]{4}|\\[\"'\\/]|&#?\w{1,8};|.", re.IGNORECASE | re.DOTALL
)


def _meant(unit: str) -> str:
    """The one character that a piece of a text stands for; of several bytes, one that is none."""
    if len(unit) == 1:
        return unit
    if unit[0] == "%":
        code = int(unit[1:], 16)
        return chr(code) if code < 128 else "\ufffd"
    if unit[0] == "&":
        return html.unescape(unit)[:1]
    return chr(int(unit[2:], 16)) if len(unit) == 6 else unit[1]


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    told, end = [], 0
    for begin, until in spans:
        told += [text[end:begin], HIDDEN]
        end = until
    return "".join([*told, text[end:]])


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans in the order of their beginnings, those that touch as one."""
    last: tuple[int, int] | None = None
    for begin, until in spans:
        if last is not None and begin <= last[1]:
            last = (last[0], max(last[1], until))
            continue
        if last is not None:
            yield last
        last = (begin, until)
    if last is not None:
        yield last


_known: dict[str, None] = {}
"""The secrets of this process. Only ever added to, so that it takes no lock."""


def remember(*secrets: str) -> None:
    """Let no output of this process show these; a short common word is hidden in its place only."""
    for secret in secrets:
        if _stands_out(secret):
            _known.setdefault(secret)


def known() -> Redactor:
    """What finds the traces of every secret that this process knows."""
    return _known_redactor(tuple(_known))


def redact(text: str) -> str:
    """The text without the secrets that this process knows, and without logins and passwords.

    What a text shows of a URL's login is not its to keep, whoever's it is.
    """
    spans = [(match.end(match.lastindex or 0), match.end()) for match in _PARAMETER.finditer(text)]
    spans += [match.span() for match in _OURS.finditer(text)]
    # A login ends at the last @, but not at one inside of such a value.
    masked = _PARAMETER.sub(lambda match: "x" * len(match[0]), text)
    spans += [(match.end(1), match.end() - 1) for match in _LOGIN.finditer(masked)]
    if _known:
        spans += [match.span() for match in _known_forms(tuple(_known)).finditer(text)]
    return _without(text, _merged(sorted(spans)))


def secrets_in(url: str) -> tuple[str, ...]:
    """The secrets of a URL, as they are written and as they are meant; nothing where it has none.

    Whatever else is wrong with the URL.
    """
    match = _URL.match(url)
    if match is None:
        return ()
    told: list[str] = []
    # Up to the last @, or up to the last one before the path: it may have been written either way.
    for part in (match[1], re.split(r"[/?#]", match[1], maxsplit=1)[0]):
        login, at, place = part.rpartition("@")
        user, colon, password = login.partition(":")
        names = {name.lower() for name in re.split(r"[/:?,]", f"{user}/{place}")} | _COMMON
        if colon and password.lower() not in names:
            told += [password, f"{user}:{password}"]
        elif at and not colon and url.lower().startswith("http"):
            told.append(user)
    options = parse_qsl(match[1].partition("?")[2], keep_blank_values=True)
    told += [value for name, value in options if _SECRET_OPTION.match(name)]
    meant = {form: None for text in told for form in (text, unquote(text), unquote_plus(text))}
    return tuple(form for form in meant if form)


def _stands_out(secret: str) -> bool:
    return len(secret) >= _DISTINCT or (len(secret) >= 4 and not secret.isalpha())


def _forms(secret: str) -> frozenset[str]:
    """How others spell it; in what case, nobody looks at."""
    encoded = secret.encode("utf-8", "surrogateescape")
    forms = {
        secret,
        quote(encoded, safe=""),
        quote(encoded),
        quote_plus(encoded),
        quote(quote(encoded, safe=""), safe=""),
        html.escape(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }
    if len(encoded) >= _SHORTEST_TRACE:
        forms |= {
            text.decode().rstrip("=") for text in (b64encode(encoded), urlsafe_b64encode(encoded))
        }
    return frozenset(forms)


def _any_of(texts: Iterable[str], form: str = "{}") -> re.Pattern[str]:
    longest_first = sorted(texts, key=len, reverse=True)
    return re.compile(form.format("|".join(map(re.escape, longest_first)) or r"(?!)"), re.I)


@lru_cache(maxsize=2)
def _known_redactor(secrets: tuple[str, ...]) -> Redactor:
    return Redactor(secrets)


@lru_cache(maxsize=2)
def _known_forms(secrets: tuple[str, ...]) -> re.Pattern[str]:
    forms = {form for secret in secrets for form in _forms(secret)}
    longest_first = sorted(forms, key=len, reverse=True)
    whole = (
        re.escape(form) if len(form) >= _DISTINCT else rf"(?<!\w){re.escape(form)}(?!\w)"
        for form in longest_first
    )
    return re.compile("|".join(whole), re.IGNORECASE)
