"""The vendor's table of errors: HTTP status, code, and the form of the message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import orjson


@dataclass(frozen=True, slots=True)
class Refusal:
    """The vendor's "no": the HTTP status, the code of its table, and the message."""

    status: int
    code: int
    msg: str


# Codes 5, 7-10 and 16-22 are not in the vendor's table. Code 14 belongs to its report files: it
# cannot occur on push/send, and is here for the fault code_14 alone.
CODES: Final[dict[int, tuple[int, str]]] = {
    1: (500, "Unknown Error"),
    2: (400, "Request body is empty"),
    3: (400, "Malformed json"),
    4: (400, "Field not found: {field}"),
    6: (400, "Invalid app id {app_id}"),
    11: (401, "Authorization error. Wrong user token {token}"),
    12: (401, "Authorization error. User_token is not set."),
    13: (403, "Access denied. You have no access to the app {app_id}"),
    14: (403, "Access denied. You have no access to the report file {file_id}"),
    15: (403, "Access denied. You have no access to API."),
    23: (403, "Access denied. You have no access to Push API."),
    24: (400, "Push service is not enabled in an application settings."),
    25: (400, "The devtodev SDK is not integrated with the application you specified"),
    26: (
        400,
        "No push token has been received from the devtodev SDK integrated with the app you "
        "specified. Please make sure the SDK is integrated correctly.",
    ),
    27: (400, "The audience array should not contain more than 1000 elements."),
    28: (
        400,
        "Unexpected value for field {field}. Received value: {value}. Expected values: {values}.",
    ),
    29: (400, "Unexpected field {field}"),
    30: (
        400,
        "Invalid value for field {field}. Received value: {value}. Expected: {description}",
    ),
    31: (400, "Notification payload size limit exceeded."),
    32: (
        400,
        "The sending was blocked. The request with the {pack_id} identifier has already been sent "
        "during previous 10 minutes.",
    ),
    33: (
        400,
        "The requested users have not been found, or there have been no push-token received from "
        "them.",
    ),
}

# What a person set up wrongly at the vendor: the code holds for every request until it is lifted.
CONDITIONS: Final = frozenset({13, 15, 23, 24, 25, 26})

_LONGEST_QUOTE: Final = 100


def refusal(code: int, **values: object) -> Refusal:
    """The refusal of the table's row `code`, with `values` for the placeholders of its message."""
    status, form = CODES[code]
    return Refusal(status, code, form.format(**values))


def quoted(value: object) -> str:
    """The received value as a message shows it: JSON, cut where it grows long."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "..."
