"""Which member gets which of several texts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dispatcher.audience import Source, prepare
from dispatcher.audience.dealing import Dealing
from dispatcher.errors import OptionError
from dispatcher.message import check
from dispatcher.verbs.variants import dealing
from tests.audience.preparing import refusal_of, rejects_of, texts_of, written

IOS = {"ios": {"payload": {"text": "Hello"}}}
SEED = ("app", "tag", None, "message")


def message(*names: str, **more: Any) -> Any:
    return check({"variants": dict.fromkeys(names, IOS), **more})


def by_column(name: str, *variants: str, default: str | None = None) -> Dealing:
    more = {} if default is None else {"default": default}
    found = dealing(message(*variants, **more), name, None, SEED)
    assert found is not None
    return found


def by_split(split: Mapping[str, float] | str, seed: Any = SEED) -> Dealing:
    found = dealing(message("a", "b"), None, split, seed)
    assert found is not None
    return found


def dealt(
    source: Source, scratch: Path, how: Dealing, **options: Any
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The variant of each token, and the notes; the counts are those of the packs."""
    with prepare(source, ["ios"], scratch=scratch, dealing=how, **options) as prepared:
        packs = list(prepared.packs())
        found = {
            text.split('"')[3]: how.variants[(pack.variant or 0) - 1]
            for pack in packs
            for text in texts_of(pack)
        }
        assert prepared.variants is not None
        for name, count in prepared.variants.items():
            assert list(found.values()).count(name) == count
        assert (len(packs), len(found)) == (prepared.chunks, prepared.total)
        assert all(pack.size <= 1000 for pack in packs)
        return found, prepared.notes


CSV = "token,Lang,city\na,en,x\nb, de ,x\nc,EN,x\nd,fr,x\ne,,x\nf,n/a,x\na,de,x\n"


def test_a_column_says_it_and_what_it_does_not_say_is_told(scratch: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "members.csv", CSV)
    how = by_column("lang", "en", "de", default="de")
    found, notes = dealt(str(file), scratch, how, ignore_columns=["city"])
    assert found == {"a": "en", "b": "de", "c": "en", "d": "de", "e": "de", "f": "de"}
    assert (
        "3 rows get the default, de: 2 without a value in the column 'lang', 1 with one that names "
        "no variant." in notes
    )
    assert "1 row names a variant in other letters, upper or lower, in the column 'lang'." in notes


def test_every_kind_of_source_says_it_alike(scratch: Path, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"token": "a", "l_a_n_g": 1},
        {"token": "b", "lang": "two "},
        {"token": "c", "lang": None},
        {"token": "d"},
    ]
    file = tmp_path / "members.parquet"
    with duckdb.connect() as database:
        database.execute(
            "COPY (SELECT * FROM (VALUES ('a', '1'), ('b', 'two '), ('c', NULL), ('d', '')) "
            f"AS rows (token, lang)) TO '{file}' (FORMAT parquet)"
        )
    how = by_column("lang", "1", "two", default="two")
    wanted = {"a": "1", "b": "two", "c": "two", "d": "two"}
    assert dealt(rows, scratch, how)[0] == wanted
    assert dealt(str(file), scratch, how)[0] == wanted
    assert dealt(rows, scratch, how, ignore_columns="all")[0] == wanted


def test_without_a_default_a_row_that_names_none_is_invalid(scratch: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "members.csv", CSV)
    how = by_column("lang", "en", "de")
    rejects = rejects_of(str(file), scratch, dealing=how, ignore_columns="all")
    known = "in the column 'lang'; known are en, de"
    assert [(line, reason) for line, reason, _ in rejects] == [
        (5, f"names no variant {known}"),
        (6, f"has no variant {known}"),
        (7, f"has no variant {known}"),
    ]
    told = refusal_of(str(file), scratch, dealing=how, ignore_columns="all")
    assert "has 3 invalid rows" in told
    assert "fr" not in told


def test_a_name_that_differs_in_case_alone_counts_only_where_one_is_meant(scratch: Path) -> None:
    how = by_column("lang", "en", "EN", "de", default="de")
    rows = [
        {"token": "a", "lang": "en"},
        {"token": "b", "lang": "EN"},
        {"token": "c", "lang": "En"},
    ]
    assert dealt(rows, scratch, how)[0] == {"a": "en", "b": "EN", "c": "de"}


def test_a_suppression_list_may_have_the_column_too(scratch: Path) -> None:
    rows = [{"token": "a", "lang": "en"}, {"token": "b", "lang": "en"}]
    how = by_column("lang", "en", "de")
    found, notes = dealt(rows, scratch, how, suppress=[{"token": "a", "lang": "xx"}])
    assert found == {"b": "en"}
    assert "Nobody gets de." in notes


@pytest.mark.parametrize(
    ("column", "options", "words"),
    [
        ("land", {}, "no column 'land' to be named (--variant-column): found were 'token'"),
        ("token", {}, "The column 'token' (--variant-column) holds an identifier"),
        ("lang", {"columns": {"lang": "userId"}}, "The column 'lang' (--variant-column) holds an"),
        ("lang", {"ignore_columns": ["lang"]}, "'lang' is left out, and says the variant"),
    ],
)
def test_a_column_that_cannot_say_it_is_refused(
    scratch: Path, column: str, options: dict[str, Any], words: str
) -> None:
    options = {"ignore_columns": "all"} | options
    with pytest.raises(OptionError) as caught:
        dealt([{"token": "a", "lang": "en"}], scratch, by_column(column, "en"), **options)
    assert words in str(caught.value)


def test_a_column_that_is_spelt_otherwise_is_told_beside_it(scratch: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "members.csv", "token,lang\na,en\n")
    told = refusal_of(str(file), scratch, dealing=by_column("language", "en"))
    assert "has the column 'lang', which no platform of the message knows" in told
    assert told.endswith("It has no column 'language' (--variant-column).")


def test_two_columns_that_both_say_it_are_refused(scratch: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "members.csv", "token,lang,LANG\na,en,en\n")
    told = refusal_of(str(file), scratch, dealing=by_column("lang", "en"))
    assert "the columns 'lang' and 'LANG', which both are the variant's" in told


def test_chunks_of_all_variants_go_out_side_by_side(scratch: Path) -> None:
    rows = [{"token": f"t{number}", "lang": "ab"[number % 2]} for number in range(4_100)]
    with prepare(rows, ["ios"], scratch=scratch, dealing=by_column("lang", "a", "b")) as prepared:
        packs = [(pack.variant, pack.size) for pack in prepared.packs()]
    assert packs == [(1, 1000), (2, 1000), (1, 1000), (2, 1000), (1, 50), (2, 50)]


MANY = [{"token": f"t{number}"} for number in range(4000)]


def test_a_split_deals_by_weight_and_alike_whatever_the_order(scratch: Path) -> None:
    found, _ = dealt(MANY, scratch, by_split("a=1,b=3"))
    again, _ = dealt(MANY[::-1], scratch, by_split({"b": 75, "a": 25}))
    assert found == again
    assert 800 < list(found.values()).count("a") < 1200
    # A member is known by the token whatever else the row says, and a salt changes nothing.
    rows = [{**row, "userId": "x"} for row in MANY[:100]]
    some, _ = dealt(rows, scratch, by_split("a=1,b=3"), salt="salt")
    assert some.items() <= found.items()


def test_another_campaign_is_dealt_by_itself(scratch: Path) -> None:
    found, _ = dealt(MANY, scratch, by_split("a=1,b=1"))
    other, _ = dealt(MANY, scratch, by_split("a=1,b=1", ("app", "tag", "key", "message")))
    assert 1600 < sum(found[token] == other[token] for token in found) < 2400


def test_the_digest_tells_who_gets_which(scratch: Path) -> None:
    def digest(how: Dealing | None, rows: Source, under: str = "") -> str:
        with prepare(rows, ["ios"], scratch=scratch, dealing=how, ignore_columns="all") as prepared:
            return prepared.digest_under(under) if under else prepared.digest

    rows = [{"token": "a", "lang": "x"}, {"token": "b", "lang": "y"}]
    turned = [{"token": "a", "lang": "y"}, {"token": "b", "lang": "x"}]
    how = by_column("lang", "x", "y")
    assert digest(how, rows) == digest(how, rows[::-1]) != digest(how, turned)
    assert digest(how, rows) == digest(by_column("lang", "y", "x"), rows)
    assert digest(how, rows, "salt") == digest(how, rows[::-1], "salt") != digest(how, rows)
    assert digest(how, rows, "salt") != digest(how, turned, "salt")
    assert digest(how, rows) != digest(None, rows)


@pytest.mark.parametrize(
    ("column", "split", "words"),
    [
        ("lang", "a=1,b=1", "both say which member gets which variant: keep one"),
        (None, None, "The message has variants: say which member gets which"),
        (" ", None, "must be the name of a column"),
        (None, "a=1", "The split gives the variant 'b' nothing"),
        (None, "a=1,b=0", "The split gives 'b' 0.0: give weights between 0.001 and 1000000, as in"),
        (None, "a=1,b=-1", "The split gives 'b' -1.0"),
        (None, "a=1,b=nan", "The split gives 'b' nan"),
        (None, "a=inf,b=1", "The split gives 'a' inf"),
        (None, {"a": 10**400, "b": 1}, "give weights between 0.001 and 1000000"),
        (None, "a=1,b=1,c=1", "The split names 'c', which is no variant of the message; known are"),
        (None, "a=1,a=2,b=1", "The split gives 'a' two weights: keep one."),
        (None, "half", "The split 'half' is none: give weights by name"),
        (None, "", "The split '' is none"),
        (None, {"a": True, "b": 1}, "The split gives 'a' True"),
        (None, ["a", "b"], "The split is a list: give weights by name"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(
    column: str | None, split: Any, words: str
) -> None:
    with pytest.raises(OptionError) as caught:
        dealing(message("a", "b"), column, split, SEED)
    assert words in str(caught.value)


@pytest.mark.parametrize("given", [("lang", None), (None, "a=1")])
def test_a_message_of_one_text_is_dealt_to_nobody(given: tuple[str | None, str | None]) -> None:
    with pytest.raises(OptionError, match="needs a message of several variants"):
        dealing(check(IOS), *given, SEED)
