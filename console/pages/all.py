"""The pages' routers, in one list."""

from console.pages import assets, campaign, campaigns, live, login, steering

ROUTERS = (
    assets.router,
    campaigns.router,
    live.router,
    campaign.router,
    steering.router,
    login.router,
)
