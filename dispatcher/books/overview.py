"""Everything that is under way, as it stands at one moment."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from dispatcher.books import accounts, campaigns, fleet
from dispatcher.books.accounts import Account
from dispatcher.books.campaigns import Campaign
from dispatcher.books.fleet import Strength


@dataclass(frozen=True, slots=True)
class Overview:
    """The campaigns that have not ended, the newest first, the accounts, and the live workers.

    `moment` is when the books were read, by the database's clock.
    """

    moment: datetime
    campaigns: tuple[Campaign, ...]
    accounts: tuple[Account, ...]
    fleet: Strength

    def as_json(self) -> dict[str, Any]:
        """The document of `top --json`; campaigns are those of `show --json`."""
        return {
            "moment": self.moment.isoformat(),
            "campaigns": [campaign.as_json() for campaign in self.campaigns],
            "accounts": [account.as_json() for account in self.accounts],
            "fleet": asdict(self.fleet),
        }


_NOW = text("SELECT clock_timestamp()")


def read(connection: Connection) -> Overview:
    """The overview as it is now; test campaigns are not in it."""
    return Overview(
        moment=connection.execute(_NOW).scalar_one(),
        campaigns=campaigns.read_live(connection),
        accounts=accounts.read_all(connection),
        fleet=fleet.strength(connection),
    )
