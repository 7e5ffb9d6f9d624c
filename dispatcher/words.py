"""Numbers in sentences."""


def counted(count: int, one: str) -> str:
    """So many of something that has its plural by an s: `1 chunk`, `1,200 chunks`."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def requests_a_second(rate: float) -> str:
    """A rate as a person says it: `1 request a second`, `0.5 requests a second`."""
    return f"{rate:g} request{'' if rate == 1 else 's'} a second"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
