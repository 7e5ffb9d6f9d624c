"""The pages' routers, in one list."""

from console.pages import assets, campaign, campaigns, live, steering

ROUTERS = (assets.router, campaigns.router, live.router, campaign.router, steering.router)
