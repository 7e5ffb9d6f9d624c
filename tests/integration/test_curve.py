"""How a campaign went over time, from its attempts."""

from datetime import timedelta
from itertools import pairwise

from dispatcher.books import curve
from dispatcher.books.curve import Curve
from tests.integration.builders import ACCEPTED, BUSY, SIZE, Books, OneCampaign


def drawn(books: Books, campaign: OneCampaign) -> Curve:
    """The curve as it is now."""
    found = books.do(curve.read, campaign.id)
    assert isinstance(found, Curve)
    return found


def test_steps_have_no_gap_and_add_up_to_what_was_done(books: Books) -> None:
    campaign = books.campaign(3)
    campaign.attempt(ACCEPTED, sequence=1)
    books.time_passes(timedelta(seconds=5))
    campaign.attempt(ACCEPTED, sequence=3)
    campaign.attempt(BUSY, sequence=2)
    books.time_passes(timedelta(seconds=3))
    found = drawn(books, campaign)
    assert found.seconds == 1
    assert sum(step.requests for step in found.steps) == 3
    assert sum(step.members for step in found.steps) == 2 * SIZE
    assert sum(step.errors for step in found.steps) == 1
    moments = [step.at for step in found.steps]
    assert {later - at for at, later in pairwise(moments)} == {timedelta(seconds=1)}
    assert moments[-1] + timedelta(seconds=1) <= books.now()


def test_a_long_campaign_has_longer_steps_and_not_more_of_them(books: Books) -> None:
    campaign = books.campaign(2)
    campaign.attempt(ACCEPTED)
    books.time_passes(timedelta(days=9))
    campaign.attempt(ACCEPTED, sequence=2)
    found = drawn(books, campaign)
    assert (found.seconds, len(found.steps)) == (7_200, 108)
    assert [step.members for step in found.steps if step.members] == [SIZE]
    later = books.campaign(send_at=books.now() + timedelta(days=1))
    assert drawn(books, later).steps == ()
