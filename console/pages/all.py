"""The pages' routers, in one list."""

from console.pages import (
    accounts,
    assets,
    campaign,
    campaigns,
    live,
    log,
    login,
    people,
    steering,
    webhooks,
    workers,
)

ROUTERS = (
    assets.router,
    campaigns.router,
    live.router,
    campaign.router,
    steering.router,
    people.router,
    accounts.router,
    workers.router,
    log.router,
    webhooks.router,
    login.router,
)
