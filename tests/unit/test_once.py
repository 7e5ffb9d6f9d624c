"""What is asked for twice is done once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from console.once import Once


def test_of_two_who_ask_at_once_one_makes_it_and_both_have_it() -> None:
    once, begun, goes_on = Once(), Event(), Event()
    made: list[str] = []

    def make() -> str:
        begun.set()
        assert goes_on.wait(60)
        made.append("made")
        return f"campaign {len(made)}"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(once.made, "a", make)
        assert begun.wait(60)
        second = pool.submit(once.made, "a", make)
        goes_on.set()
        assert first.result(60) == second.result(60) == once.made("a", make) == "campaign 1"
    assert once.made("b", make) == "campaign 2"


def test_what_failed_is_made_by_the_next_who_asks() -> None:
    once = Once()

    def fail() -> str:
        raise ValueError("away")

    for _ in range(2):
        with pytest.raises(ValueError, match="away"):
            once.made("a", fail)
    assert once.made("a", lambda: "campaign") == "campaign"


def test_only_the_newest_are_known() -> None:
    once = Once()
    for number in range(1_001):
        once.made(str(number), lambda: "before")
    assert once.made("0", lambda: "anew") == "anew"
    assert once.made("1000", lambda: "anew") == "before"
