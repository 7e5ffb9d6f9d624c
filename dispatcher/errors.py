"""Every error that this package raises on purpose.

DispatcherError
├── CallerError              what was given is wrong; giving it again changes nothing
│   ├── SettingError         a variable of the environment or of the configuration file
│   ├── MessageError         the message's platform objects
│   ├── AudienceError        the audience: its file, its columns, its rows
│   ├── OptionError          any other argument: rate, times, tag, account
│   ├── CampaignNotFound     no campaign has this id
│   ├── AccountNotFound      no campaign was ever sent for this account
│   ├── AmbiguousCampaign    several campaigns' ids begin so
│   ├── CampaignExists       the key stands for a campaign with another content
│   ├── ImpossibleInState    the campaign's state does not allow the verb
│   └── SignInRefused        a name or a password of the console is wrong
│       └── SignInDelayed    too often: there is to be waited first
├── ServiceError             something we need cannot be used right now; nothing was changed
│   ├── DatabaseUnavailable
│   ├── SchemaMismatch       the database's schema is not this version's
│   ├── BrokerUnavailable
│   └── EmbeddedServerError  the servers that come with the program
└── CommitUnknown            nobody can say whether the change was committed: look before you repeat

The text of each is one sentence or two that say where, what, and what to do about it; it never
holds a secret.
"""

from datetime import timedelta
from math import ceil


class DispatcherError(Exception):
    """The root: catch this to catch everything that this package raises on purpose."""

    def __init__(self, words: str) -> None:
        from dispatcher.redaction import redact  # whoever has settings has loaded it

        super().__init__(redact(words))


class CallerError(DispatcherError):
    """What was given is wrong; the same call again would fail the same way."""


class SettingError(CallerError):
    """A setting is missing or wrong; the text names the variable and what is allowed."""


class MessageError(CallerError):
    """The message is not one that the Push API would take; the text names the place in it.

    `place` is that place by itself, as `ios.payload.text` or `variants.en.ios.payload.text`; empty
    where it is the message as a whole.
    """

    def __init__(self, words: str, place: str = "") -> None:
        super().__init__(words)
        self.place = place


class AudienceError(CallerError):
    """The audience cannot be used; the text names the file, the line and the remedy."""


class OptionError(CallerError):
    """An argument other than message and audience is wrong."""


class CampaignNotFound(CallerError):
    """No campaign has this id."""


class AccountNotFound(CallerError):
    """No campaign was ever sent for an account of this name."""


class AmbiguousCampaign(CallerError):
    """The shortened id fits several campaigns."""


class CampaignExists(CallerError):
    """The key already stands for a campaign with another content."""


class ImpossibleInState(CallerError):
    """The verb makes no sense in the campaign's present state."""


class SignInRefused(CallerError):
    """Nobody signs in to the console by these words."""


class SignInDelayed(SignInRefused):
    """Too many signed in wrongly; `wait` says how long nobody is let in by these words."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        seconds = ceil(wait.total_seconds())
        long = f"{seconds} seconds" if seconds < 120 else f"{ceil(seconds / 60)} minutes"
        super().__init__(f"Too many attempts to sign in: try again in {long}.")


class ServiceError(DispatcherError):
    """A service is out of reach or not ready; the same call may go through later."""


class DatabaseUnavailable(ServiceError):
    """PostgreSQL cannot be reached."""


class SchemaMismatch(ServiceError):
    """The database's schema is older or newer than this version of the program."""


class BrokerUnavailable(ServiceError):
    """The broker cannot be reached."""


class EmbeddedServerError(ServiceError):
    """The embedded PostgreSQL or Valkey cannot be started or stopped."""


class CommitUnknown(DispatcherError):
    """PostgreSQL was lost while it committed; the text says what may be there, and how to see."""
