"""What a text gives away of a secret or of a person, however it is spelt."""

import html
import re
from urllib.parse import unquote_plus

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def traces(told: str, secret: str, shortest: int = 6) -> list[str]:
    """The parts of the secret, so many characters long, that stand in the text in any spelling."""
    readings = _readings(told)
    parts = {secret[n : n + shortest].lower() for n in range(len(secret) - shortest + 1)}
    return sorted(part for part in parts if any(part in reading for reading in readings))


def _readings(told: str) -> set[str]:
    plain = _ESCAPE.sub(lambda code: chr(int(code[1], 16)), told).replace('\\"', '"')
    spelt = {told, plain, html.unescape(plain), unquote_plus(plain), unquote_plus(told)}
    return {each.lower() for each in spelt | {unquote_plus(each) for each in spelt}}
