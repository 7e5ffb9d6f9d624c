"""Numbers and times as a person reads them: what the templates' filters do."""

import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

THIN = "\N{NARROW NO-BREAK SPACE}"
NONE = "\N{EN DASH}"


def number(count: float) -> str:
    """With thin spaces between thousands, and one decimal where it has any: `1 234.5`."""
    rounded = round(count, 1)
    whole = int(rounded)
    text = f"{whole:,}" if rounded == whole or whole >= 1_000 else f"{rounded:,.1f}"
    return text.replace(",", THIN)


def counted(count: int, one: str) -> str:
    """So many of something that has its plural by an s: `1 chunk`, `1 200 chunks`."""
    return f"{number(count)} {one}" if count == 1 else f"{number(count)} {one}s"


def requests_a_second(rate: float) -> str:
    """A rate: `1 request a second`, `0.5 requests a second`."""
    return f"{rate:g} request{'' if rate == 1 else 's'} a second"


def percent(part: float, whole: float) -> str:
    """How much of the whole: `0 %` is nothing of it, and `100 %` all, never nearly."""
    if not whole:
        return f"0{THIN}%"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return f"<{THIN}0.1{THIN}%"
    if 99.9 < share < 100:
        return f">{THIN}99.9{THIN}%"
    return f"{share:.2g}{THIN}%" if share < 10 else f"{share:.3g}{THIN}%"


def duration(seconds: float) -> str:
    """Seconds by their two largest units: `45 s`, `3 min 20 s`, `2 d 4 h`."""
    rest = round(seconds)
    if rest < 1:
        return f"<{THIN}1 s" if seconds > 0 else "0 s"
    parts: list[str] = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(part for part in parts[:2] if not part.startswith("0 "))


def brief(seconds: float) -> str:
    """How long something took that may be over at once: `0.14 s`."""
    return f"{seconds:.2f} s" if seconds < 10 else duration(seconds)


def moment(time: datetime | None, form: str = "full") -> Markup:
    """A time that a script puts into the viewer's zone, and that is UTC without one.

    `form` is "full", "minute", or "clock" for one of the clock alone.
    """
    if time is None:
        return Markup(NONE)
    there = time.astimezone(UTC)
    said = there.strftime(_FORMS[form])
    return Markup('<time datetime="{}" data-form="{}">{}{}UTC</time>').format(
        there.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        form,
        said,
        "\N{NO-BREAK SPACE}",
    )


_FORMS = {"full": "%Y-%m-%d %H:%M:%S", "minute": "%Y-%m-%d %H:%M", "clock": "%H:%M:%S"}


_SPECIAL = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)|`(?P<command>[^`\n]+)`"
    r"|(?<![\w.,])(?P<number>\d{1,3}(?:,\d{3})+)(?![\w.]*\w|,\d)"
)


def sentence(text: str) -> Markup:
    """A sentence of the library's, with its times, commands and numbers as pages have them."""
    said, end = Markup(), 0
    for found in _SPECIAL.finditer(text):
        said += escape(text[end : found.start()])
        if found["command"]:
            said += _COMMAND.format(found["command"])
        elif found["number"]:
            said += found["number"].replace(",", THIN)
        else:
            said += _moment_or_text(found.group())
        end = found.end()
    return said + escape(text[end:])


_COMMAND = Markup("<code>{}</code>")


def _moment_or_text(text: str) -> Markup:
    try:
        return moment(datetime.fromisoformat(text))
    except ValueError:
        return escape(text)
