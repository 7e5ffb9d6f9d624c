"""The tables, and the invariants that the database itself keeps.

A chunk writes only its own row and its attempt's; the campaign's row is a rollup of its chunks.
"""

from dispatcher.books.models.base import Base
from dispatcher.books.models.campaigns import Campaign, Variant
from dispatcher.books.models.chunks import Attempt, Chunk, Part
from dispatcher.books.models.console import ConsoleLogin, ConsoleSession, ConsoleToken, ConsoleUser
from dispatcher.books.models.people import Standing, StandingKey, StandingList
from dispatcher.books.models.sending import Account, Fence, Worker
from dispatcher.books.models.telling import Act, Webhook

__all__ = [
    "Account",
    "Act",
    "Attempt",
    "Base",
    "Campaign",
    "Chunk",
    "ConsoleLogin",
    "ConsoleSession",
    "ConsoleToken",
    "ConsoleUser",
    "Fence",
    "Part",
    "Standing",
    "StandingKey",
    "StandingList",
    "Variant",
    "Webhook",
    "Worker",
]
