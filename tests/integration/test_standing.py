"""The standing list: who is put on it and taken off, and what a campaign sees of it."""

from collections.abc import Iterator
from pathlib import Path
from struct import iter_unpack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from dispatcher import AudienceError, Dispatcher, OptionError, read_settings
from dispatcher.books import standing
from dispatcher.books.session import transaction
from dispatcher.verbs import people
from tests.integration.builders import Books
from tests.integration.racing import race

MESSAGE = {"ios": {"payload": {"text": "Hello"}}}
FEW = [{"userId": name} for name in ("anna", "bob", "eve")]


@pytest.fixture
def dispatcher(books: Books, broker_url: str, tmp_path: Path) -> Dispatcher:
    """The verbs, on these books."""
    url = books.engine.url.render_as_string(False)
    environment = {
        "DISPATCHER_DATABASE_URL": url,
        "DISPATCHER_BROKER_URL": broker_url,
        "DISPATCHER_HOME": str(tmp_path),
    }
    return Dispatcher(read_settings(environment), books.engine)


def enqueue(dispatcher: Dispatcher, **options: Any) -> Any:
    """The campaign as `show` gives it."""
    given: dict[str, Any] = {"app_id": "app", "message": MESSAGE, "audience": FEW, **options}
    return dispatcher.show(dispatcher.enqueue(**given))


def listed(dispatcher: Dispatcher, *identifiers: str) -> list[str]:
    return list(dispatcher.suppress_check("app", identifiers).listed)


def test_who_is_put_on_the_list_is_on_it_until_taken_off(dispatcher: Dispatcher) -> None:
    added = dispatcher.suppress_add("app", ["userId=anna", "user_id= anna ", "token=ABBA"])
    again = dispatcher.suppress_add("app", ["userId=anna", "userId=bob"])
    assert (added.given, added.added, again.added, again.already) == (2, 2, 1, 1)
    assert listed(dispatcher, "userId=anna", "userId=zoe", "token=anna") == ["userId=anna"]
    assert dispatcher.suppress_count("app") == 3

    removed = dispatcher.suppress_remove("app", ["userId=anna", "userId=zoe"])
    assert (removed.removed, removed.absent, dispatcher.suppress_count("app")) == (1, 1, 2)
    assert listed(dispatcher, "userId=anna", "userId=bob") == ["userId=bob"]
    assert dispatcher.suppress_count("another") == 0


def test_a_file_is_added_whole_and_in_steps(
    dispatcher: Dispatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "STEP", 7)
    file = tmp_path / "gone.csv"
    file.write_text("userId,devtodevId\n" + "".join(f"user-{n},{n}\n" for n in range(20)))
    steps: list[tuple[int, int]] = []
    done = dispatcher.suppress_import("app", file, progress=lambda *step: steps.append(step))
    assert (done.given, done.added, dispatcher.suppress_count("app")) == (40, 40, 40)
    assert steps == [*((n, 40) for n in range(7, 40, 7)), (40, 40)]
    assert dispatcher.suppress_import("app", [{"userId": "user-3"}]).already == 1


def test_a_file_with_a_row_that_cannot_be_used_adds_nobody(
    dispatcher: Dispatcher, tmp_path: Path
) -> None:
    file = tmp_path / "gone.csv"
    file.write_text("userId,devtodevId\nanna,1\nbob,x\n")
    with pytest.raises(AudienceError, match="so nobody is put on the list: line 3 devtodevId"):
        dispatcher.suppress_import("app", file)
    assert dispatcher.suppress_count("app") == 0


@pytest.mark.parametrize(
    ("verb", "wrong", "words"),
    [
        (
            "add",
            "frank",
            "Identifier 2 does not say of which kind it is: write it as in userId=anna",
        ),
        ("remove", "email=frank", "Identifier 2 does not say of which kind"),
        ("check", "userId=", "Identifier 2 is nobody's: it is empty, zeros, or a word for nothing"),
        ("add", "devtodevId=frank", "Identifier 2 cannot be used: devtodevId must be a whole num"),
        ("add", "idfa=00000000-0000-0000-0000-000000000000", "Identifier 2 is nobody's"),
    ],
)
def test_an_identifier_that_cannot_be_one_changes_nothing_and_is_not_told(
    dispatcher: Dispatcher, verb: str, wrong: str, words: str
) -> None:
    with pytest.raises(OptionError, match=words) as raised:
        getattr(dispatcher, f"suppress_{verb}")("app", ["userId=zoe", wrong])
    assert not any(name in str(raised.value) for name in (wrong, "frank", "zoe"))
    assert dispatcher.suppress_count("app") == 0


def test_none_at_all_and_an_app_without_a_name_are_refused(dispatcher: Dispatcher) -> None:
    with pytest.raises(OptionError, match="No identifier is given"):
        dispatcher.suppress_add("app", [])
    with pytest.raises(OptionError, match="identifiers must be a list"):
        dispatcher.suppress_add("app", "userId=anna")
    with pytest.raises(OptionError, match="app_id must be a text"):
        dispatcher.suppress_add(" ", ["userId=anna"])


def test_who_is_on_the_list_of_the_app_is_left_out_and_counts_as_suppressed(
    dispatcher: Dispatcher, books: Books
) -> None:
    dispatcher.suppress_add("app", ["userId=anna"])
    campaign = enqueue(dispatcher, suppress=[{"userId": "eve"}])
    assert (campaign.input.suppressed, campaign.members.total) == (2, 1)
    assert books.value("SELECT members FROM chunk") == '[{"userId":"bob"}]'
    assert enqueue(dispatcher, app_id="another").members.total == 3
    with pytest.raises(AudienceError, match="all its members are suppressed"):
        enqueue(dispatcher, audience=[{"userId": "anna"}])


def test_the_same_key_is_the_same_campaign_whoever_has_opted_out_meanwhile(
    dispatcher: Dispatcher, books: Books
) -> None:
    before = enqueue(dispatcher, key="k")
    dispatcher.suppress_add("app", ["userId=anna"])
    assert enqueue(dispatcher, key="k").id == before.id

    after = enqueue(dispatcher, key="later")
    secret = books.value("SELECT key FROM standing_key")
    assert secret not in books.value("SELECT string_agg(content_digest, ' ') FROM campaign")
    dispatcher.suppress_remove("app", ["userId=anna"])
    assert (enqueue(dispatcher, key="later").id, after.members.total) == (after.id, 2)

    dispatcher.suppress_add("app", [f"userId={row['userId']}" for row in FEW])
    assert enqueue(dispatcher, key="later").id == after.id
    with pytest.raises(AudienceError, match="all its members are suppressed"):
        enqueue(dispatcher, key="another")


def test_a_campaign_in_the_applications_transaction_sees_the_list(
    dispatcher: Dispatcher, books: Books
) -> None:
    dispatcher.suppress_add("app", ["userId=anna"])
    engine = create_engine(books.engine.url)
    with engine.begin() as connection:
        campaign = dispatcher.enqueue(
            app_id="app", message=MESSAGE, audience=FEW, connection=connection
        )
    engine.dispose()
    assert dispatcher.show(campaign).input.suppressed == 1


def test_who_add_and_remove_at_once_lose_nothing(books: Books) -> None:
    """Neighbours share pages: all of these are on one or two."""

    def add(first: int) -> int:
        with transaction(books.engine) as connection:
            return standing.add(connection, "app", range(first, first + 100))

    def remove(first: int) -> int:
        with transaction(books.engine) as connection:
            return standing.remove(connection, "app", range(first, first + 100))

    before = add(1000)
    added = race(*[lambda: add(0), lambda: add(50)] * 3, lambda: -remove(1000))
    with transaction(books.engine) as connection:
        state = standing.state(connection, "app")
        found = standing.listed(connection, "app", range(2000))
        copied = copy_of(connection)
    assert before == 100
    assert sum(added) == 150 - 100
    assert (state.entries, found) == (150, frozenset(range(150)))
    assert copied == list(range(150))


_HASHES = st.sets(
    st.one_of(
        st.integers(0, 2**60 - 1),
        st.integers(0, 3),
        st.integers(2**44 - 2, 2**44 + 2),
        st.integers(2**56 - 2, 2**56 + 2),
        st.integers(2**60 - 3, 2**60 - 1),
    ),
    min_size=1,
)


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.booleans(), _HASHES), max_size=8), st.data())
def test_a_preparation_copies_who_is_on_the_list_whatever_was_added_and_removed(
    books: Books, changes: list[tuple[bool, set[int]]], data: st.DataObject
) -> None:
    expected: set[int] = set()
    with books.engine.connect() as connection:
        standing.add(connection, "another", range(10))
        for adds, hashes in changes:
            if adds:
                standing.add(connection, "app", hashes)
                expected |= hashes
            else:
                gone = data.draw(st.sets(st.sampled_from(sorted(expected | hashes))))
                standing.remove(connection, "app", gone)
                expected -= gone
        assert copy_of(connection) == sorted(expected)
        connection.rollback()


def copy_of(connection: Connection, app_id: str = "app") -> list[int]:
    """The list as a preparation gets it, in order."""
    copied: list[int] = []
    standing.copy(
        connection,
        app_id,
        lambda some: copied.extend(hash_ for (hash_,) in iter_unpack("!q", some)),
    )
    return sorted(copied)


@pytest.fixture(autouse=True)
def nothing_of_hashes_stays(tmp_path: Path) -> Iterator[None]:
    """Whatever happened, the scratch directory is empty."""
    yield
    assert not list((tmp_path / "scratch").glob("*"))
