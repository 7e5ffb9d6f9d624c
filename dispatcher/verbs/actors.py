"""Who this process is: the person at a terminal, or the account that an application runs as."""

import os
import socket

from dispatcher.books.acts import Actor

_LONGEST = 200


def this_user(via: str) -> Actor:
    """The operating system's user and this machine, as "anna@laptop"; never fails.

    `via` is the door: "cli" or "library". A user without a name goes by the number.
    """
    name = f"{_user()}@{socket.gethostname()}"
    told = "".join(letter if letter.isprintable() else "?" for letter in name)
    return Actor(told[:_LONGEST], via)


def _user() -> str:
    """By the number, as anybody can set a variable to another name."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
