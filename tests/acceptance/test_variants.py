"""Campaigns of several texts."""

import pytest
from sqlalchemy import text

from tests.acceptance.audiences import csv_of, reachable_tokens, tokens_with_unreachable
from tests.acceptance.program import Program
from tests.acceptance.refusals import Run, check_nothing_left, check_refused
from tests.sandbox_process import PushApi

HELLO = {"en": "Hello", "de": "Hallo", "fr": "Bonjour"}


def ios(text: str) -> dict[str, object]:
    return {"ios": {"payload": {"text": text}}}


def named(members: list[str]) -> list[dict[str, str]]:
    return [{"token": token} for token in members]


MESSAGE = {"variants": {name: ios(text) for name, text in HELLO.items()}, "default": "en"}


@pytest.mark.usefixtures("house_worker")
def test_everybody_gets_the_text_of_their_language_once(house: Program, push_api: PushApi) -> None:
    members = reachable_tokens("language", 30_000)
    languages = [["en", "de", "FR", "nl", ""][place % 5] for place in range(len(members))]
    rows = [f"{token},{language}" for token, language in zip(members, languages, strict=True)]
    audience = house.file("languages.csv", "\n".join(["token,lang", *rows, ""]))

    sent = house.send(audience, "--variant-column", "lang", message=MESSAGE)
    done = house.until(sent, "completed", within=60)

    meant = {"de": "de", "FR": "fr"}
    wanted = [ios(HELLO[meant.get(language, "en")]) for language in languages]
    assert push_api.messages(*named(members)) == wanted
    ledger = push_api.ledger()
    assert (ledger["devices"], ledger["twice"], ledger["max"]) == (30_000, 0, 1)
    totals = {variant["name"]: variant["members"]["total"] for variant in done["variants"]}
    assert totals == {"en": 18_000, "de": 6_000, "fr": 6_000}
    for part in ("members", "result"):
        for name, of_all in done[part].items():
            assert sum(variant[part][name] for variant in done["variants"]) == of_all
    assert house.run("verify", sent["id"]).status == 0


@pytest.mark.usefixtures("house_worker")
def test_two_texts_dealt_at_random_are_compared(house: Program, push_api: PushApi) -> None:
    message = {"variants": {"a": ios("Hello"), "b": ios("Hi")}}
    members = tokens_with_unreachable("split", 4_000, 60)
    options = ("--split", "a=50,b=50", "--tag", "test", "--tag-variants", "--key", "split")
    audience = csv_of(house, "split.csv", members)

    tried = house.ask(*house.send_command(audience, *options, "--dry-run", message=message))
    sent = house.send(audience, *options, message=message)
    again = house.send(csv_of(house, "split.csv", members[::-1]), *options, message=message)
    done = house.until(sent, "completed", within=60)

    assert again["id"] == sent["id"]
    a, b = done["variants"]
    assert a["members"]["total"] + b["members"]["total"] == 4_000
    assert tried["variants"] == [
        {"name": each["name"], "members": each["members"]["total"]} for each in (a, b)
    ]
    assert 1_800 < a["members"]["total"] < 2_200
    got = [each["ios"]["payload"]["text"] for each in push_api.messages(*named(members)) if each]
    assert got.count("Hello") == a["result"]["successful"]
    assert got.count("Hi") == b["result"]["successful"]
    (compared,) = done["differences"]
    assert (compared["variant"], compared["compared_with"]) == ("b", "a")
    seen = not compared["low"] <= 0 <= compared["high"]
    assert compared["words"] == ("a difference is seen" if seen else "no difference seen")
    page = house.run("show", sent["id"]).stdout
    assert f"b and a: {compared['words']} in sent of found" in page
    with house.database() as connection:
        query = text("SELECT campaign_tag FROM variant WHERE campaign_id = :id ORDER BY number")
        tags = connection.scalars(query, {"id": sent["id"]}).all()
    assert tags == ["test-a", "test-b"]
    uneven = ("--split", "a=60,b=40", *options[2:])
    other = house.run(*house.send_command(audience, *uneven, message=message))
    assert (other.status, other.stdout) == (2, "")
    assert "already stands for campaign" in other.stderr


@pytest.mark.parametrize(
    ("options", "message", "words"),
    [
        ((), MESSAGE, "The message has variants: say which member gets which"),
        (("--split", "en=1,de=1,fr=0"), MESSAGE, "The split gives 'fr' 0.0"),
        (("--variant-column", "lang", "--split", "en=1"), MESSAGE, "keep one"),
        (("--split", "a=1"), ios("Hello"), "needs a message of several variants"),
        (("--variant-column", "lang", "--tag-variants"), MESSAGE, "and the campaign a tag"),
        (
            ("--split", "a=1,b=1"),
            {"variants": {"a": ios("Hello"), "b": {"android": {"payload": {"title": "Hi"}}}}},
            "Variant 'a' has no android, which variant 'b' has",
        ),
    ],
)
def test_variants_that_cannot_be_sent_are_refused(
    run: Run, empty_books: Program, options: tuple[str, ...], message: object, words: str
) -> None:
    audience = empty_books.file("languages.csv", "token,lang\na,en\n")
    command = empty_books.send_command(audience, *options, message=message)
    check_refused(run(*command), 2, (words,))
    check_nothing_left(empty_books)
