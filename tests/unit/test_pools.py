"""Which pools a worker's command line may ask for."""

import pytest

from dispatcher.errors import OptionError
from dispatcher.pools import check_pool


@pytest.mark.parametrize(
    ("arguments", "pool"),
    [
        ([], None),
        (["-P", "solo"], "solo"),
        (["-Psolo"], "solo"),
        (["--pool", "threads", "-c", "4"], "threads"),
        (["--pool=prefork"], "prefork"),
        (["-P", "solo", "--pool=threads"], "threads"),
        (["-P"], None),
    ],
)
def test_the_pool_is_read_as_celery_reads_it(arguments: list[str], pool: str | None) -> None:
    assert check_pool(arguments) == pool


@pytest.mark.parametrize(
    "arguments",
    [["-P", "gevent"], ["--pool=eventlet"], ["-Pprocesses"], ["--autoscale", "8"]],
)
def test_what_a_worker_cannot_be_is_refused(arguments: list[str]) -> None:
    with pytest.raises(OptionError):
        check_pool(arguments)
