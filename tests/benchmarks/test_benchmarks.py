"""The benchmark's command at its smallest size; its figures mean nothing, and are not looked at."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_tiny_run_reports_tables_single_runs_and_curves(tmp_path: Path) -> None:
    ran = _bench("--tiny", "--only", "scale", "--out", str(tmp_path))

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("# Benchmarks (tiny)\n\ncores ")
    assert "| chunks | show | publish | sweep | rollup |\n" in ran.stdout
    assert (tmp_path / "report.md").read_text() == ran.stdout.removesuffix("\n")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["machine"]["PostgreSQL"]
    assert [run["chunks"] for run in report["suites"][0]["runs"]] == [10, 100]
    assert len(ElementTree.parse(tmp_path / "scale.svg").findall("{*}polyline")) == 4


def test_a_tiny_run_tells_what_commands_cost(tmp_path: Path) -> None:
    ran = _bench("--tiny", "--only", "cli", "--out", str(tmp_path))

    assert ran.returncode == 0, ran.stderr
    assert "`dispatcher show last` to `import sqlalchemy, psycopg2`, CPU" in ran.stdout
    assert "at most 1.3" in ran.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert all(run["seconds"] for run in report["suites"][0]["runs"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "sned"], "argument --only: there is no suite 'sned': known are ingest, send,"),
        (["--quick", "--tiny"], "argument --tiny: not allowed with argument --quick"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(arguments: list[str], complaint: str) -> None:
    ran = _bench(*arguments)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"benchmarks: {complaint}")
    assert len(ran.stderr.splitlines()) == 1
