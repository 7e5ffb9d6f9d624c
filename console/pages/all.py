"""The pages' routers, in one list."""

from console.pages import assets, campaigns

ROUTERS = (assets.router, campaigns.router)
