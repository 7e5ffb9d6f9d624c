"""What every verb works with: the settings, the database, and the broker, connected when needed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING
from uuid import UUID

from dispatcher import forks
from dispatcher.books import campaigns
from dispatcher.books.acts import Actor, acting
from dispatcher.books.campaigns import Campaign
from dispatcher.books.commits import commit
from dispatcher.books.session import adopt, make_engine
from dispatcher.errors import BrokerUnavailable, OptionError
from dispatcher.forks import not_while_forking
from dispatcher.settings import Settings, read_settings
from dispatcher.verbs.actors import this_user

if TYPE_CHECKING:
    from celery import Celery
    from sqlalchemy import Connection, Engine

Reference = str | UUID
"""A campaign's id, an unambiguous beginning of one, or `last`."""

log = logging.getLogger("dispatcher.api")


class Connections:
    """Connections of one dispatcher, none of which is made before it is asked for.

    `settings` are read from the environment unless given; `engine` may be the application's own.
    `actor` is who is said to have made a change: unless given, whoever this process runs as.
    """

    def __init__(
        self, settings: Settings | None, engine: Engine | None, actor: Actor | None = None
    ) -> None:
        self.settings = read_settings() if settings is None else settings
        self.actor = this_user("library") if actor is None else actor
        if not isinstance(self.actor, Actor):
            raise OptionError(
                f"actor is a {type(actor).__name__}: give an Actor, as in Actor('anna', 'api')."
            )
        self._given_engine = None if engine is None else acting(adopt(engine), self.actor)
        self._own_engine: Engine | None = None
        self._own_producer: Celery | None = None
        self._making = Lock()
        forks.renew_in_children(self, Connections._renew)

    def _renew(self) -> None:
        """In a child that was just forked: leave the parent's connections to the parent."""
        self._own_engine = self._own_producer = None
        self._making = Lock()
        if self._given_engine is not None:
            self._given_engine.dispose(close=False)

    @property
    def engine(self) -> Engine:
        """The database's; SettingError where none is named."""
        if self._given_engine is not None:
            return self._given_engine
        with self._making:
            if self._own_engine is None:
                with not_while_forking():  # it imports, and imports have locks
                    engine = make_engine(self.settings.require_database_url())
                    self._own_engine = acting(engine, self.actor)
            return self._own_engine

    @property
    def producer(self) -> Celery:
        """What rings for workers; SettingError where no broker is named."""
        with self._making:
            if self._own_producer is None:
                with not_while_forking():
                    from dispatcher import publishing

                    self._own_producer = publishing.producer(self.settings)
            return self._own_producer

    def acting_as(self, actor: Actor) -> Connections:
        """These same connections, for changes that another one makes."""
        return _ForAnother(self, actor)

    def load_the_bell(self) -> None:
        """Load what ringing takes: the first message is to leave right behind the commit."""
        with not_while_forking():
            self.producer.connection_for_write().get_transport_cls()

    def ring(self, campaign: Campaign) -> None:
        """Ring for the first chunk; the campaign is committed, and the relay follows anyway.

        So nothing that goes wrong here is raised: the caller would do again what is done.
        """
        try:
            with not_while_forking():
                from dispatcher import publishing

            publishing.begin(self.engine, self.producer, UUID(campaign.id))
        except BrokerUnavailable as error:
            log.warning("%s", error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the campaign is committed
            log.warning("Campaign %s is committed; workers will find it. %s", campaign.id, error)

    def change(self, campaign: Reference, change: Callable[[Connection, UUID], object]) -> Campaign:
        """Commit one change of one campaign, and give it as it stands then."""

        def changed(connection: Connection) -> Campaign:
            campaign_id = campaigns.resolve(connection, campaign)
            change(connection, campaign_id)
            return campaigns.read(connection, campaign_id)

        return commit(self.engine, changed, doubt=unsure)


class _ForAnother(Connections):
    """Somebody's connections, for changes that another one makes."""

    def __init__(self, of: Connections, actor: Actor) -> None:
        self.settings = of.settings
        self.actor = actor
        self._of = of

    @property
    def engine(self) -> Engine:
        return acting(self._of.engine, self.actor)

    @property
    def producer(self) -> Celery:
        return self._of.producer


def unsure(campaign: Campaign) -> str:
    """What to say where the reply to a change's commit is lost."""
    return (
        f"the change of campaign {campaign.id} may have taken effect; "
        f"`dispatcher show {campaign.id}` tells."
    )
