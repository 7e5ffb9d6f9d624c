"""The pages' routers, in one list."""

from console.pages import (
    accounts,
    assets,
    campaign,
    campaigns,
    chunks,
    live,
    log,
    login,
    new,
    people,
    steering,
    webhooks,
    workers,
)

ROUTERS = (
    assets.router,
    campaigns.router,
    live.router,
    new.router,
    campaign.router,
    chunks.router,
    steering.router,
    people.router,
    accounts.router,
    workers.router,
    log.router,
    webhooks.router,
    login.router,
)
