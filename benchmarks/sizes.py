"""How much is measured: about ten minutes, about two, or a few seconds that only show it works."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """The amounts of one run. `rounds` is how often everything is measured; medians are told."""

    name: str
    rounds: int
    members: int
    """of an audience that is prepared, from each kind of source"""
    many_members: int
    """of the large audience"""
    orm_members: int
    """for the ORM, which takes long"""
    chunks: int
    """of a campaign that is sent"""
    many_chunks: int
    """of the large campaign, sent once"""
    plain_chunks: int
    """for plain Celery, which takes long"""
    widths: tuple[int, ...]
    """requests in flight at once, in one worker"""
    wide_seconds: float
    """that a campaign takes at least where so many are in flight"""
    wide_chunks: int
    """of such a campaign at most"""
    campaign_chunks: tuple[int, ...]
    """of the campaigns whose status and upkeep are timed"""
    ahead_members: int
    """of the campaign that a small one waits behind"""
    small_members: tuple[int, ...]
    campaigns: int
    """at once"""
    idle_seconds: float
    storm_chunks: int
    sandbox_requests: int
    memory_chunks: int
    calls: int
    """of each command whose cost is measured, in a round"""
    years: tuple[int, int]
    """the campaigns in the books that the console lists, and the chunks of each"""
    streams: int
    """that look at the console at once"""
    stream_seconds: float


FULL = Size(
    name="full",
    rounds=3,
    members=1_000_000,
    many_members=10_000_000,
    orm_members=100_000,
    chunks=2_000,
    many_chunks=10_000,
    plain_chunks=300,
    widths=(64, 256, 1_000),
    wide_seconds=5,
    wide_chunks=10_000,
    campaign_chunks=(1_000, 10_000, 100_000, 1_000_000),
    ahead_members=1_000_000,
    small_members=(1_000, 5_000),
    campaigns=200,
    idle_seconds=10,
    storm_chunks=150,
    sandbox_requests=2_000,
    memory_chunks=100_000,
    calls=7,
    years=(50_000, 100),
    streams=200,
    stream_seconds=20,
)
QUICK = Size(
    name="quick",
    rounds=1,
    members=200_000,
    many_members=1_000_000,
    orm_members=50_000,
    chunks=1_000,
    many_chunks=0,
    plain_chunks=100,
    widths=(64, 256),
    wide_seconds=2,
    wide_chunks=1_000,
    campaign_chunks=(1_000, 100_000),
    ahead_members=300_000,
    small_members=(5_000,),
    campaigns=100,
    idle_seconds=4,
    storm_chunks=40,
    sandbox_requests=500,
    memory_chunks=10_000,
    calls=9,
    years=(5_000, 100),
    streams=200,
    stream_seconds=8,
)
TINY = Size(
    name="tiny",
    rounds=1,
    members=2_000,
    many_members=0,
    orm_members=200,
    chunks=10,
    many_chunks=0,
    plain_chunks=5,
    widths=(4,),
    wide_seconds=0.3,
    wide_chunks=10,
    campaign_chunks=(10, 100),
    ahead_members=100_000,
    small_members=(1_000,),
    campaigns=5,
    idle_seconds=0.5,
    storm_chunks=5,
    sandbox_requests=50,
    memory_chunks=100,
    calls=1,
    years=(60, 2),
    streams=3,
    stream_seconds=1,
)
