"""A worker compares the books with what is noted outside, and claims where that bears them out."""

from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import Engine, text

from dispatcher.books import fence, making
from dispatcher.books.running import ANYTHING_DUE
from dispatcher.books.session import transaction
from dispatcher.epochs import Mark
from dispatcher.outside import MarkFile
from tests.integration.builders import new_campaign
from workers.fencing import Fencing


class Notes:
    """Keeps marks in memory; may be away."""

    def __init__(self) -> None:
        self.marks: dict[str, Mark] = {}
        self.away = False

    def read(self, books: str) -> Mark | None:
        if self.away:
            raise RedisConnectionError("timeout")
        return self.marks.get(books)

    def write(self, mark: Mark) -> None:
        if self.away:
            raise RedisConnectionError("timeout")
        self.marks[mark.books] = mark


def row(engine: Engine) -> fence.Fence:
    with transaction(engine) as connection:
        found = fence.read(connection)
    assert found is not None
    return found


def go_back(engine: Engine, beat: int) -> None:
    """As a copied directory does."""
    with transaction(engine) as connection:
        connection.execute(text("UPDATE fence SET beat = :beat"), {"beat": beat})


def beaten(engine: Engine, notes: Notes, times: int = 5) -> Fencing:
    """A worker that has led for so many seconds."""
    fencing = Fencing(engine, [notes])
    for _ in range(times):
        fencing.check(leads=True)
    return fencing


def test_somebody_who_has_locked_the_fence_holds_nobody_up(engine: Engine) -> None:
    notes = Notes()
    fencing = beaten(engine, notes)
    before = row(engine).standing.mark.beat
    with engine.connect() as somebody:
        somebody.execute(text("SELECT FROM fence FOR UPDATE"))
        fencing.check(leads=True)
        assert fencing.beat == row(engine).standing.mark.beat == before
    fencing.check(leads=True)
    assert fencing.beat == row(engine).standing.mark.beat == before + 1


def test_a_worker_that_the_schema_has_outgrown_claims_nothing_says_so_and_ends_once(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[str] = []
    fencing = Fencing(engine, [], outgrown=lambda: ended.append("it"))
    fencing.check(leads=True)
    assert fencing.beat == row(engine).standing.mark.beat == 1
    with transaction(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    fencing.check(leads=True)
    fencing.check(leads=True)
    assert fencing.beat > 2**60
    assert (row(engine).standing.mark.beat, ended) == (1, ["it"])
    assert caplog.messages == [
        "The database's schema 9999 is newer than this program: upgrade the program. Meanwhile "
        "this worker begins nothing more, and ends."
    ]


def test_a_worker_whose_functions_another_version_has_replaced_ends_as_well(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[str] = []
    fencing = Fencing(engine, [], outgrown=lambda: ended.append("it"))
    fencing.check(leads=True)
    with transaction(engine) as connection:
        connection.execute(text(f"DROP FUNCTION {ANYTHING_DUE.name}"))
    fencing.check(leads=True)
    assert fencing.beat > 2**60
    assert ended == ["it"]
    assert caplog.messages == [
        f"The database lacks this version's functions ({ANYTHING_DUE.name}): run `dispatcher "
        "migrate`. Meanwhile this worker begins nothing more, and ends."
    ]


def test_who_leads_counts_the_beat_and_all_note_it(engine: Engine) -> None:
    notes = Notes()
    leader, other = beaten(engine, notes), Fencing(engine, [notes])
    assert leader.beat == 5
    other.check(leads=False)
    assert other.beat == 5
    assert [mark.beat for mark in notes.marks.values()] == [5]


@pytest.mark.parametrize("is_new", [True, False])
def test_an_older_copy_is_noticed_by_the_same_worker_and_by_the_next(
    engine: Engine, *, is_new: bool
) -> None:
    notes = Notes()
    fencing = beaten(engine, notes)
    go_back(engine, 2)
    if is_new:
        fencing = Fencing(engine, [notes])
    fencing.check(leads=True)
    assert "an older copy is in their place" in (row(engine).reason or "")
    assert fencing.beat > row(engine).standing.mark.beat


def test_a_keeper_that_cannot_be_read_loses_nothing_and_bears_nothing_out(engine: Engine) -> None:
    notes = Notes()
    beaten(engine, notes)
    go_back(engine, 2)
    fencing = Fencing(engine, [notes])
    notes.away = True
    fencing.check(leads=True)
    assert fencing.beat > 10**9
    notes.away = False
    fencing.check(leads=True)
    assert row(engine).raised_at is not None
    assert [mark.beat for mark in notes.marks.values()] == [5]


def test_one_keeper_is_witness_enough_while_another_is_away(engine: Engine, tmp_path: Path) -> None:
    file, notes = MarkFile(tmp_path / "fence"), Notes()
    Fencing(engine, [file]).check(leads=True)
    notes.away = True
    fencing = Fencing(engine, [file, notes])
    fencing.check(leads=True)
    assert fencing.beat == row(engine).standing.mark.beat == 2


def test_a_look_that_began_before_the_fence_was_accepted_does_not_raise_it_again(
    engine: Engine,
) -> None:
    beaten(engine, Notes())
    before = row(engine).standing.mark.epoch_id
    with transaction(engine) as connection:
        assert fence.raise_(connection, "they were restored", before)
        fence.accept(connection)
    with transaction(engine) as connection:
        assert not fence.raise_(connection, "they were restored", before)
    assert row(engine).raised_at is None


def test_a_copy_elsewhere_that_was_accepted_does_not_fence_its_original(engine: Engine) -> None:
    notes = Notes()
    original = beaten(engine, notes)
    noted = row(engine).standing.mark
    with transaction(engine) as connection:
        connection.execute(text("UPDATE fence SET place = 'elsewhere'"))
        fence.raise_(connection, "they were restored", noted.epoch_id)
        accepted = fence.accept(connection)
    Fencing(engine, [notes]).check(leads=True)
    assert accepted.books != noted.books
    assert original.beat == notes.marks[noted.books].beat == 5
    assert notes.marks[accepted.books].epoch == 2


def test_nobody_waits_for_the_commit_of_a_first_campaign(engine: Engine) -> None:
    fencing = Fencing(engine, [Notes()])
    with transaction(engine) as connection:
        making.create(connection, new_campaign())
        fencing.check(leads=True)
        assert fencing.beat > 10**9
        with transaction(engine) as other:
            making.create(other, new_campaign(account="another"))
            other.rollback()
        connection.rollback()
    fencing.check(leads=True)
    assert fencing.beat == 1


def test_a_table_that_somebody_emptied_is_begun_again(engine: Engine) -> None:
    notes = Notes()
    fencing = beaten(engine, notes)
    with transaction(engine) as connection:
        connection.execute(text("DELETE FROM fence"))
    for _ in range(2):
        fencing.check(leads=True)
    assert fencing.beat == 1
    assert row(engine).raised_at is None
    assert len(notes.marks) == 2


def test_what_is_noted_in_a_file_is_read_again_and_leaves_no_other(
    tmp_path: Path, engine: Engine
) -> None:
    Fencing(engine, []).check(leads=True)
    mark = row(engine).standing.mark
    MarkFile(tmp_path).write(mark)
    assert MarkFile(tmp_path).read(mark.books) == mark
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]
