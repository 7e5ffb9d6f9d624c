"""The list of campaigns: searched by what its address says, and live."""

from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from console.auth import PageForViewers
from console.pages.layout import address, page_or_part
from dispatcher import AmbiguousCampaign, CallerError, Campaign, CampaignNotFound, Dispatcher

router = APIRouter(include_in_schema=False)

STATES = ("scheduled", "running", "paused", "completed", "cancelled", "expired")
_PAGE = 50


@dataclass(frozen=True, slots=True)
class Search:
    """Which campaigns are looked for; what is empty is not asked."""

    state: str = ""
    tag: str = ""
    app: str = ""
    id: str = ""
    tests: bool = False

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves any out."""
        return bool(self.state or self.tag or self.app or self.id or self.tests)

    def address(self, before: str | None = None) -> str:
        """Where this is asked, from the campaign `before` on."""
        said = {**asdict(self), "tests": "1" if self.tests else ""}
        return address("/", **said, before=before or "")


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found, and where the next one begins; or why nothing was looked for."""

    campaigns: tuple[Campaign, ...] = ()
    older: str | None = None
    refusal: str | None = None


@router.get("/")
def campaigns(
    request: Request,
    dispatcher: PageForViewers,
    state: str = "",
    tag: str = "",
    app: str = "",
    id: str = "",
    tests: bool = False,
    before: Annotated[str | None, Query(max_length=100)] = None,
) -> HTMLResponse:
    """The newest campaigns first."""
    search = Search(state, tag.strip(), app.strip(), id.strip(), tests)
    found = _find(dispatcher, search, before)
    return page_or_part(
        request,
        "campaigns",
        at=search.address(before),
        found=found,
        search=search,
        states=STATES,
        is_first=before is None,
    )


def _find(dispatcher: Dispatcher, search: Search, before: str | None) -> Found:
    try:
        if search.id:
            return Found((dispatcher.show(search.id),))
        some = dispatcher.list(
            search.state or None,
            tag=search.tag or None,
            app_id=search.app or None,
            before=before,
            tests=search.tests,
            limit=_PAGE + 1,
        )
    except (CampaignNotFound, AmbiguousCampaign, CallerError) as error:
        return Found(refusal=str(error))
    listed = some[:_PAGE]
    older = search.address(listed[-1].id) if len(some) > len(listed) else None
    return Found(listed, older)
