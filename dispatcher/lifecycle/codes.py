"""The vendor's codes in words, of which none may be something that it quoted from a request."""

CODE_UNKNOWN_APP = 6
CODE_NOBODY_FOUND = 33

UNDOCUMENTED = "An error that the vendor does not document"

DOCUMENTED = {
    1: "Unknown Error",
    2: "Request body is empty",
    3: "Malformed json",
    4: "Field not found",
    CODE_UNKNOWN_APP: "Invalid app id",
    11: "Authorization error. Wrong user token",
    12: "Authorization error. User_token is not set",
    13: "Access denied. You have no access to the app",
    14: "Access denied. You have no access to the report file",
    15: "Access denied. You have no access to API",
    23: "Access denied. You have no access to Push API",
    24: "Push service is not enabled in an application settings",
    25: "The devtodev SDK is not integrated with the application you specified",
    26: "No push token has been received from the devtodev SDK integrated with the app",
    27: "The audience array should not contain more than 1000 elements",
    28: "Unexpected value for field",
    29: "Unexpected field",
    30: "Invalid value for field",
    31: "Notification payload size limit exceeded",
    32: "The sending was blocked. The request has already been sent during previous 10 minutes",
    CODE_NOBODY_FOUND: (
        "The requested users have not been found, or there have been no push-token received from "
        "them"
    ),
}
"""What the vendor's documented messages say without the values that they quote."""


_ABOUT_FIELDS = frozenset({4, 28, 29, 30})


def words_of(code: int, place: str | None = None) -> str:
    """What a code of the vendor says, and of which field where that is known; no value is in it."""
    words = DOCUMENTED.get(code, UNDOCUMENTED)
    return f"{words} {place}" if place and code in _ABOUT_FIELDS else words
