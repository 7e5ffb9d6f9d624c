"""A campaign as a page's form says it, made into the order that the HTTP API takes. PURE.

A form holds texts alone. What they stand for is decided here, and whether that can be followed by
the library: there is no second opinion on what a campaign may be.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from console.pages.fields import FieldError, NoSuchZone, moment_of, rate_of, wall_time

_T = TypeVar("_T")

LEFT_OUT = "-"
"""What is chosen for a column that is not read."""
BESIDE = {"variant": "variant_column", "zone": "zone_column"}
"""What is chosen for a column that says something besides who a member is, and its option."""

_TEXTS = ("account", "campaign_tag", "not_within", "only_unsent", "notify", "default_zone")
_SPACE = re.compile(r"[,\s]+")


class FormError(Exception):
    """What stands in a field stands for nothing; `field` is the field's name."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


@dataclass(frozen=True, slots=True)
class Form:
    """A form's fields by their names."""

    fields: Mapping[str, str]

    def text(self, name: str) -> str:
        """What stands in the field, without blanks around it; "" where there is none."""
        return self.fields.get(name, "").strip()

    def lines(self, name: str) -> list[str]:
        """The lines of the field that say something."""
        return [line.strip() for line in self.text(name).split("\n") if line.strip()]

    @property
    def mapping(self) -> dict[str, str]:
        """What was chosen for each column, by the name that the file has for it."""
        try:
            chosen = json.loads(self.text("mapping") or "{}")
        except (ValueError, RecursionError):
            chosen = None
        if not isinstance(chosen, dict) or not all(map(_is_text, chosen.values())):
            raise FormError("mapping", "What the columns are cannot be read: choose it again.")
        return {name: role for name, role in chosen.items() if role}


def order_of(form: Form, message: Mapping[str, Any]) -> dict[str, Any]:
    """The order, as JSON has it, that the form stands for with this message.

    Raises FormError, which names the field. What is left empty is not in it.
    """
    order: dict[str, Any] = {"app_id": form.text("app_id"), "message": dict(message)}
    if form.text("upload"):
        order["upload"] = form.text("upload")
    order |= {name: form.text(name) for name in _TEXTS if form.text(name)}
    order |= _columns(form.mapping)
    order |= _times(form)
    if form.text("skip_invalid"):
        order["on_invalid"] = "skip"
    if form.text("tag_variants"):
        order["tag_variants"] = True
    if form.text("dealing") == "split":
        order["split"] = form.text("split")
    if form.text("rate"):
        order["rate"] = _read("rate", lambda: rate_of(form.text("rate")))
    for name in ("canary", "max_error_rate"):
        if form.text(name):
            order[name] = form.text(name)
    if form.lines("window"):
        order["window"] = form.lines("window")
    if form.text("exclude"):
        order["exclude"] = [each for each in _SPACE.split(form.text("exclude")) if each]
    if form.text("exclude_purged"):
        order["exclude_purged"] = "ignore"
    if form.lines("suppress"):
        order["suppress"] = members_of("suppress", form.lines("suppress"))
    if form.lines("absent"):
        order["absent"] = form.lines("absent")
    return order


def audience_of_form(form: Form, message: Mapping[str, Any]) -> dict[str, Any]:
    """The order of a dry run that is about its rows alone: no time, rate or canary is in it."""
    fields = {name: form.text(name) for name in _OF_ROWS}
    fields |= {"skip_invalid": "on"}
    if "zone" in form.mapping.values():  # zones are read as for any time
        fields |= {"when": "local", "send_at": _ANY_TIME}
    return order_of(Form(fields), message)


_OF_ROWS = (
    *("app_id", "account", "upload", "mapping", "dealing", "split", "default_zone", "absent"),
    *("suppress", "exclude", "only_unsent", "not_within", "exclude_purged"),
)
_ANY_TIME = "2199-01-01T00:00"


def members_of(field: str, lines: Iterable[str]) -> list[dict[str, str]]:
    """Members as lines name them: `userId=anna`, and more of the same one's behind blanks.

    Raises FormError, which tells the line by its number: who stands there is not repeated.
    """
    members = []
    for number, line in enumerate(lines, 1):
        pairs = [each.partition("=") for each in _SPACE.split(line) if each]
        if not all(kind and equals and value for kind, equals, value in pairs):
            raise FormError(
                field, f"Line {number} names nobody: write the kind and the value, as userId=anna."
            )
        members.append({kind: value for kind, _, value in pairs})
    return members


def _columns(mapping: Mapping[str, str]) -> dict[str, Any]:
    """The options that say what was chosen for the columns."""
    options: dict[str, Any] = {}
    named, ignored = {}, []
    for name, role in mapping.items():
        if role == LEFT_OUT:
            ignored.append(name)
        elif role in BESIDE:
            if BESIDE[role] in options:
                raise FormError("mapping", f"Two columns tell the {role}: choose one of them.")
            options[BESIDE[role]] = name
        else:
            named[name] = role
    if named:
        options["columns"] = named
    if ignored:
        options["ignore_columns"] = ignored
    return options


def _times(form: Form) -> dict[str, Any]:
    """When it begins, ends and gives up: moments, or a time on each member's own clock."""
    times: dict[str, Any] = {}
    zone, when = form.text("zone"), form.text("when")
    if when == "local":
        if not form.text("send_at"):
            raise FormError("send_at", "Say at what time on each member's own clock it begins.")
        wall = _read("send_at", lambda: wall_time(form.text("send_at")))
        times["send_at"] = wall.isoformat()
        times["if_late"] = "skip" if form.text("if_late") == "skip" else "send"
    elif when == "at":
        if not form.text("send_at"):
            raise FormError("send_at", "Say when it begins, or let it begin now.")
        times["send_at"] = _moment("send_at", form.text("send_at"), zone)
    for name in ("finish_by", "expires_at"):
        if form.text(name):
            times[name] = _moment(name, form.text(name), zone)
    return times


def _moment(field: str, text: str, zone: str) -> str:
    return _read(field, lambda: moment_of(text, zone)).isoformat()


def _read(field: str, read: Callable[[], _T]) -> _T:
    """What stands in the field. Raises FormError, about the zone where that is what is wrong."""
    try:
        return read()
    except NoSuchZone as error:
        raise FormError("zone", str(error)) from None
    except FieldError as error:
        raise FormError(field, str(error)) from None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


_NAMES = {
    "app_id": "app_id", "account": "account", "campaign_tag": "campaign_tag", "tag": "campaign_tag",
    "tag_variants": "tag_variants", "split": "split", "variant_column": "mapping",
    "zone_column": "mapping", "columns": "mapping", "column": "mapping",
    "ignore_columns": "mapping", "format": "upload", "upload": "upload", "audience": "upload",
    "on_invalid": "skip_invalid", "default_zone": "default_zone", "if_late": "if_late",
    "rate": "rate", "send_at": "send_at", "at": "send_at", "expires_at": "expires_at",
    "expires": "expires_at", "window": "window", "finish_by": "finish_by", "canary": "canary",
    "max_error_rate": "max_error_rate", "exclude": "exclude", "only_unsent": "only_unsent",
    "not_within": "not_within", "exclude_purged": "exclude_purged", "suppress": "suppress",
    "absent": "absent", "notify": "notify", "test_to": "test_to", "key": "key",
    "message": "message",
}  # fmt: skip
"""The field in which each of the library's options is said, and each option of `send`."""

_WORDS: Sequence[tuple[str, str]] = (
    ("The split", "split"),
    ("The window", "window"),
    ("The format", "upload"),
    ("The canary", "canary"),
    ("The time zone", "default_zone"),
    ("There is no time zone", "default_zone"),
)


def field_named_in(sentence: str) -> str | None:
    """The field that an error of the library is about, as far as its sentence names one."""
    for words, field in _WORDS:
        if sentence.startswith(words):
            return field
    if " cannot end by " in sentence:
        return "finish_by"
    for found in re.finditer(r"--([a-z-]+)|\b([a-z]+(?:_[a-z]+)*)\b", sentence):
        option = found[1].replace("-", "_") if found[1] else found[2]
        is_option = found[1] or "_" in option or found.start() == 0
        if is_option and option in _NAMES:
            return _NAMES[option]
    return None
