"""Several texts of one campaign in the books."""

from collections.abc import Iterable

from alembic import command
from sqlalchemy import text

from dispatcher.books import audit, campaigns, sendable, transitions
from dispatcher.books.failures import failures
from dispatcher.books.reasons import ErrorCount
from dispatcher.books.schema import migrate, migration_config
from dispatcher.books.session import make_engine
from dispatcher.books.variants import NewVariant
from dispatcher.cli.report import page
from dispatcher.lifecycle import Accepted
from tests.integration.builders import ACCEPTED, NOBODY_FOUND, WINDOW, Books, OneCampaign


def of_two_texts(books: Books, chunks: int = 4) -> OneCampaign:
    """A campaign whose odd chunks get the text a, and whose even ones b."""
    odd = (chunks + 1) // 2
    texts = (
        NewVariant("a", 0.5, "tag-a", '{"ios":1}', 10 * odd),
        NewVariant("b", 0.5, None, '{"ios":2}', 10 * (chunks - odd)),
    )
    campaign = books.campaign(chunks, variants=texts)
    books.run("UPDATE chunk SET variant = 2 - sequence % 2")
    return campaign


def broken(campaign: OneCampaign) -> list[str]:
    """The rules about variants that do not hold."""
    findings = campaign.do(audit.verify, WINDOW).findings
    return [finding.rule for finding in findings if "variant" in finding.rule]


def test_a_claim_tells_the_text_of_its_chunk(books: Books) -> None:
    campaign = of_two_texts(books)
    assert [campaign.claimed(sequence).variant for sequence in (1, 2)] == [1, 2]
    plain = books.campaign(1)
    assert plain.claimed(1).variant is None
    found = books.do(sendable.read, campaign.id)
    assert [found.text(number) for number in (1, 2)] == [
        ('{"ios":1}', "tag-a"),
        ('{"ios":2}', None),
    ]
    assert books.do(sendable.read, plain.id).variants == ()


def test_the_sums_of_the_variants_are_those_of_their_chunks(books: Books) -> None:
    campaign = of_two_texts(books, chunks=6)
    campaign.attempts_each(ACCEPTED, (1, 3, 4))
    campaign.attempt(NOBODY_FOUND, 2)
    a, b = campaign.rolled_up().variants
    assert (a.name, a.members.total, a.members.delivered, a.members.remaining) == ("a", 30, 20, 10)
    assert (b.members.delivered, b.members.rejected, b.members.remaining) == (10, 10, 10)
    assert (a.result.audience, a.result.successful, b.result.erroneous) == (18, 16, 1)
    books.run("UPDATE chunk SET withheld = 4 WHERE sequence = 5")
    campaign.do(transitions.cancel)
    cancelled = campaign.rolled_up()
    assert [variant.members.cancelled for variant in cancelled.variants] == [6, 10]
    assert [variant.members.withheld for variant in cancelled.variants] == [4, 0]
    assert broken(campaign) == []


def half_refused(books: Books) -> OneCampaign:
    """Of three chunks of each text, one of the first and two of the second reached nobody."""
    campaign = of_two_texts(books, chunks=6)
    campaign.attempts_each(NOBODY_FOUND, (1, 2, 4))
    return campaign


def test_failures_and_explain_name_the_variant(books: Books) -> None:
    campaign = of_two_texts(books)
    books.run("""UPDATE chunk SET members = '[{"token": "a"}]'""")
    campaign.attempt(NOBODY_FOUND, 2)
    campaign.attempt(ACCEPTED, 1)
    found = {(each.chunk, each.variant) for each in failures(books.engine, campaign.id)}
    assert found == {(1, "a"), (2, "b")}
    told = [event.what for event in campaign.do(audit.explain, WINDOW).happened]
    assert told[0] == "committed with 40 members in 4 chunks: 20 get a, 20 get b"
    assert "1 attempt at 1 chunk of a accepted by the vendor" in told
    assert any(what.startswith("1 attempt at 1 chunk of b refused: nobody") for what in told)


def test_errors_are_counted_by_variant_and_the_report_says_so(books: Books) -> None:
    campaign = half_refused(books)
    lost = "outcome: connection reset"
    books.run(f"UPDATE chunk SET error = '{lost}' WHERE sequence IN (3, 6)")
    books.run("UPDATE chunk SET error = 'another' WHERE sequence = 5")
    shown = campaign.shown()

    def told(errors: Iterable[ErrorCount]) -> list[tuple[int | None, str, int, int]]:
        return [(each.code, each.message[:8], each.chunks, each.members) for each in errors]

    assert told(shown.errors)[0][2:] == (3, 30)
    assert sorted(told(shown.errors)[1:]) == [(None, "another", 1, 10), (None, "outcome:", 2, 20)]
    a, b = (sorted(told(each.errors), key=lambda error: error[2:]) for each in shown.variants)
    nobody = told(shown.errors)[0][:2]
    assert sorted(a, key=str) == sorted(
        [(*nobody, 1, 10), (None, "outcome:", 1, 10), (None, "another", 1, 10)], key=str
    )
    assert b == [(None, "outcome:", 1, 10), (*nobody, 2, 20)]
    lines = list(page(shown))
    first = next(at for at, line in enumerate(lines) if line.startswith("  30 members in 3 chunks"))
    assert lines[first + 1 : first + 3] == [
        "    a: 10 members in 1 chunk",
        "    b: 20 members in 2 chunks",
    ]


def test_what_became_of_members_is_explained_by_variant(books: Books) -> None:
    campaign = half_refused(books)
    settled = "state = 'unresolved', in_doubt_since = now(), settled_at = clock_timestamp()"
    books.run(f"UPDATE chunk SET {settled} WHERE sequence IN (1, 2, 4)")
    books.run("UPDATE chunk SET withheld = 3 WHERE sequence IN (5, 6)")
    told = " ".join(event.what for event in campaign.do(audit.explain, WINDOW).happened)
    assert "10 members in 1 chunk of a became unresolved" in told
    assert "20 members in 2 chunks of b became unresolved" in told
    assert "3 members in 1 chunk of a were withheld" in told
    assert "3 members in 1 chunk of b were withheld" in told


def test_the_texts_of_a_split_are_compared_with_the_first(books: Books) -> None:
    campaign = of_two_texts(books)
    campaign.attempt(ACCEPTED, 1)
    assert campaign.rolled_up().differences == ()
    campaign.attempt(ACCEPTED, 2)
    (same,) = campaign.rolled_up().differences
    assert (same.variant, same.compared_with, same.difference) == ("b", "a", 0)
    assert same.low < 0 < same.high
    assert same.words == "no difference seen"
    campaign.attempt(Accepted(audience=900, successful=100, erroneous=800, error_details="[]"), 4)
    (other,) = campaign.rolled_up().differences
    assert other.words == "a difference is seen"
    assert other.high < 0
    books.run("UPDATE variant SET share = NULL")
    assert campaign.rolled_up().differences == ()


def test_numbers_of_variants_that_do_not_add_up_are_found(books: Books) -> None:
    campaign = of_two_texts(books)
    books.run("UPDATE chunk SET variant = 3 WHERE sequence = 2")
    books.run(
        "UPDATE variant SET members_delivered = 10, members_remaining = members_remaining - 10"
    )
    assert broken(campaign) == [
        "every chunk gets one of the campaign's variants, where it has any",
        "the members of a variant's chunks add up to the variant's",
        "the numbers of the variants add up to the campaign's",
    ]


def test_a_lost_chunk_of_a_text_does_not_keep_a_campaign_from_being_cancelled(books: Books) -> None:
    campaign = of_two_texts(books)
    books.run("DELETE FROM chunk WHERE sequence = 2")
    campaign.do(transitions.cancel)
    shown = campaign.rolled_up()
    assert [variant.members.cancelled for variant in shown.variants] == [20, 20]


def test_campaigns_from_before_there_were_variants_have_none(empty_database_url: str) -> None:
    engine, config = make_engine(empty_database_url), migration_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0012")
        for statement in BEFORE:
            connection.execute(text(statement))
    migrate(engine)
    with engine.begin() as connection:
        shown = campaigns.read(connection, campaigns.resolve(connection, "last"))
        assert (shown.variants, shown.members.total) == ((), 1)
        assert connection.execute(text("SELECT variant FROM chunk")).all() == [(None,)]
    engine.dispose()


BEFORE = (
    "INSERT INTO account (name) VALUES ('default')",
    """
    INSERT INTO campaign (id, content_digest, app_id, account, platforms, message, state,
                          input_read, members_total, members_remaining, chunks_total,
                          chunks_pending)
    VALUES ('00000000-0000-0000-0000-000000000001', 'd', 'a', 'default', '{ios}', '{}', 'running',
            1, 1, 1, 1, 1)
    """,
    """
    INSERT INTO chunk (campaign_id, sequence, size, members)
    VALUES ('00000000-0000-0000-0000-000000000001', 1, 1, '[{"token":"a"}]')
    """,
)
