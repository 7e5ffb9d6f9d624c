"""The report: what was asked for comes first, and figures are as short as they are good for."""

import pytest

from benchmarks.curves import Curve
from benchmarks.findings import Cell, Findings, Ratio, Table, document, markdown, middle, show

SEND = Findings(
    "send",
    ratios=[Ratio("ours to the limit", 0.5432, "at least 0.5")],
    tables=[Table("Rates", ("", "chunks/s"), (("ours", 1159.4), ("nobody", None)), "A note.")],
    curves=[Curve("send", "Sending", "chunks", "s", {"ours": [(10, 1), (1000, 90)]})],
    runs=[{"rate": 1159.4}],
)


def test_the_ratios_of_all_suites_stand_before_every_table() -> None:
    report = markdown({"cores": "2"}, "quick", [Findings("ingest"), SEND])

    assert report.startswith("# Benchmarks (quick)\n\ncores 2\n")
    assert "| ours to the limit | 0.543 | at least 0.5 |" in report.partition("## ingest")[0]
    assert (
        "### Rates\n\n|  | chunks/s |\n| --- | ---: |\n| ours | 1,159 |\n| nobody | - |" in report
    )
    assert "![Sending](send.svg)" in report


def test_a_suite_that_failed_says_why() -> None:
    report = markdown({}, "full", [Findings("storm", failure="it did not end"), SEND])

    assert "## storm\n\nFailed: it did not end\n\n## send" in report


def test_the_document_for_programs_has_every_single_run() -> None:
    assert document({}, "full", [SEND])["suites"][0]["runs"] == [{"rate": 1159.4}]


def test_a_median_leaves_out_what_was_not_measured() -> None:
    assert middle([3, None, 1, 2]) == 2
    assert middle([None]) is None


@pytest.mark.parametrize(
    ("cell", "shown"),
    [(None, "-"), ("text", "text"), (1234567.8, "1,234,568"), (5, "5"), (0.01234, "0.0123")],
)
def test_a_figure_has_three_digits_that_count(cell: Cell, shown: str) -> None:
    assert show(cell) == shown


def test_a_curve_spans_whole_powers_of_ten() -> None:
    picture = SEND.curves[0].svg()

    for label in (">10<", ">100<", ">1,000<", ">1<", ">ours<", ">Sending<"):
        assert label in picture
