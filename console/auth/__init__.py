"""Who asks, and what they may do: by a token at the API, by a session at the pages."""

from console.auth.crossing import check_origin
from console.auth.doors import Door
from console.auth.gate import Gate
from console.auth.persons import Person, person_of
from console.auth.sessions import (
    LONGEST_PLACE,
    Cookie,
    NotSignedIn,
    PageForAdmins,
    PageForOperators,
    PageForViewers,
    send_to_sign_in,
)
from console.auth.tokens import ForAdmins, ForOperators, ForViewers

__all__ = [
    "LONGEST_PLACE",
    "Cookie",
    "Door",
    "ForAdmins",
    "ForOperators",
    "ForViewers",
    "Gate",
    "NotSignedIn",
    "PageForAdmins",
    "PageForOperators",
    "PageForViewers",
    "Person",
    "check_origin",
    "person_of",
    "send_to_sign_in",
]
