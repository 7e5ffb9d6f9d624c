"""Numbers in sentences."""


def counted(count: int, one: str) -> str:
    """So many of something that has its plural by an s: `1 chunk`, `1,200 chunks`."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"
