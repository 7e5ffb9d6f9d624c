"""Making a campaign of an order, once, however often it is asked for by the same key."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from console.keys import alone
from console.orders import Order
from console.uploads import Uploads, audience_of
from dispatcher import Campaign, Dispatcher

Watcher = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Making:
    """Where campaigns are made: by whom, below which DISPATCHER_HOME, and of which uploads."""

    dispatcher: Dispatcher
    home: Path
    uploads: Uploads

    def make(
        self, order: Order, key: str | None, progress: Watcher | None = None
    ) -> tuple[bool, Campaign]:
        """Whether the key stood for a campaign before, and that campaign, or a new one.

        `progress` is told how far the preparation is. Raises what `enqueue` raises, and
        HTTPException: 409 while the key's campaign is being made.
        """
        with alone(self.home, key):
            return self._made(order, key, progress)

    def _made(
        self, order: Order, key: str | None, progress: Watcher | None
    ) -> tuple[bool, Campaign]:
        asked = None if key is None else digest(order, key)
        if order.upload is not None and asked is not None:
            made = self.uploads.made_of(order.upload, asked)
            if made is not None:
                return True, self.dispatcher.show(made)
        known = key is not None and bool(self.dispatcher.list(key=key, limit=1))
        with audience_of(self.uploads, order.members, order.upload) as audience:
            campaign_id = self.dispatcher.enqueue(
                app_id=order.app_id,
                message=order.message,
                audience=audience,
                key=key,
                progress=progress,
                **order.options(),
            )
        if order.upload is not None:
            self.uploads.spend(order.upload, asked, campaign_id)
        return known, self.dispatcher.show(campaign_id)


def digest(order: Order, key: str) -> str:
    """A text that is the same for the same order and key alone."""
    said = json.dumps([key, order.model_dump(mode="json", exclude_unset=True)], sort_keys=True)
    return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
