"""What streams of the console tell, whatever happens to what they are read from."""

import asyncio
from contextlib import aclosing
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from console import events
from console.events import Broadcast
from console.pages import recent
from console.pages.recent import Recent


class _Books:
    """Books that answer to each reading as they are told, and then the last again."""

    def __init__(self, *answers: Exception | str) -> None:
        self._answers = [*answers]

    def live(self) -> Any:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(campaigns=[_campaign(answer)])

    def tokens(self) -> tuple[str, ...]:
        return ("token",)

    def sessions(self) -> tuple[str, ...]:
        return ()


def _campaign(name: str) -> Any:
    return SimpleNamespace(id=name, ended=False, as_json=lambda: {"id": name})


async def _told(broadcast: Any, frames: int) -> list[str | list[str]]:
    """What the next frames tell: a problem, or the campaigns."""
    told: list[str | list[str]] = []
    async with aclosing(broadcast.frames("token", 60)) as stream:
        async for frame in stream:
            told.append(frame.problem or [*frame.campaigns])
            if len(told) == frames:
                break
    return told


def test_a_surprise_is_told_by_the_streams_and_they_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(events, "_EVERY", 0)
    surprise = RuntimeError("can't start new thread")
    books: Any = _Books("before", surprise, surprise, "after")
    told = asyncio.run(_told(Broadcast(books), frames=3))
    assert told[0] == ["before"]
    assert "This should not have happened" in told[1]
    assert told[2] == ["after"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_reader_that_was_ended_is_followed_by_another() -> None:
    async def story() -> list[str | list[str]]:
        books: Any = _Books("once")
        broadcast = Broadcast(books)
        await _told(broadcast, frames=1)
        reader = broadcast._reader
        assert reader is not None
        reader.cancel()
        await asyncio.wait([reader])
        return await _told(broadcast, frames=1)

    assert asyncio.run(story()) == [["once"]]


def test_who_has_just_signed_in_is_not_taken_for_a_stranger_by_an_older_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "_EVERY", 0.05)
    books: Any = _Books("running")
    sessions: list[str] = []
    monkeypatch.setattr(books, "sessions", lambda: tuple(sessions))

    async def story() -> list[bool]:
        broadcast = Broadcast(books)
        proof: Any = "session"
        async with aclosing(broadcast.frames(cast(Any, "token"), 60)) as others:
            await anext(others)
            sessions.append("session")
            async with aclosing(broadcast.frames(proof, 60)) as stream:
                return [(await anext(stream)).may_see(proof)]

    assert asyncio.run(story()) == [True]


def test_what_is_forgotten_while_it_is_read_is_read_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recent, "_MOST", 1)
    names = [f"{number % 3}" for number in range(30)]

    async def story() -> list[str]:
        known = Recent()
        return await asyncio.gather(
            *(known.of(name, partial(str, name), lambda _: 0.0) for name in names)
        )

    assert asyncio.run(story()) == names


def test_many_who_look_at_once_have_it_read_once_until_it_is_old() -> None:
    read: list[int] = []

    def look() -> int:
        read.append(len(read))
        return read[-1]

    async def story() -> list[int]:
        known = Recent()
        first = await asyncio.gather(*(known.of("all", look, lambda _: 60.0) for _ in range(9)))
        again = await known.of("other", look, lambda _: 0.0)
        return [*first, again, await known.of("other", look, lambda _: 0.0)]

    assert asyncio.run(story()) == [*([0] * 9), 1, 2]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_no_end_of_a_line_ends_an_event_of_a_stream(end: str) -> None:
    told = events.event("html", f"one{end}event: problem{end}{end}two")
    assert told == b"event: html\ndata: one\ndata: event: problem\ndata: \ndata: two\n\n"
