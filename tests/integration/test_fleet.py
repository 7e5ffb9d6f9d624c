"""The workers, as they told of themselves."""

from datetime import timedelta

from dispatcher.books import fleet
from dispatcher.books.fleet import Worker
from tests.integration.builders import Books
from tests.waiting import eventually


def test_each_worker_is_listed_until_it_is_forgotten(books: Books) -> None:
    books.do(fleet.seen, "killed", 4)
    books.time_passes(timedelta(minutes=1))

    def listed() -> dict[str, Worker] | None:
        """As they are while two of them are known to be alive."""
        for name in ("lost", "first", "second"):
            books.do(fleet.seen, name, 8, 20.0)
        books.do(fleet.tell_silence, "lost", "it listens to another queue")
        found = {each.name: each for each in books.do(fleet.read_all)}
        return found if found["first"].leads else None

    found = eventually(listed, within=60)
    assert found is not None
    states = {name: found[name].state for name in ("first", "killed", "lost", "second")}
    assert states == {
        "first": "leads",
        "killed": "silent",
        "lost": "hears nothing",
        "second": "works",
    }
    assert (found["first"].slots, found["first"].rate) == (8, 20.0)
    assert abs(found["first"].clock_ahead) < 60
    assert found["lost"].as_json()["silence"] == "it listens to another queue"
