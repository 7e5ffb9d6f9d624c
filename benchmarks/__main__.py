"""`python -m benchmarks`: measure, and write the report."""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CalledProcessError
from typing import NoReturn

from benchmarks import findings, machine
from benchmarks.bench import Bench
from benchmarks.findings import Findings
from benchmarks.sizes import FULL, QUICK, TINY
from benchmarks.stage import stage
from benchmarks.suites import (
    cli,
    console,
    ingest,
    memory,
    people,
    sandbox,
    scale,
    send,
    steer,
    storm,
)
from dispatcher import DispatcherError

SUITES: Mapping[str, Callable[[Bench], Findings]] = {
    "ingest": ingest.run,
    "send": send.run,
    "scale": scale.run,
    "steer": steer.run,
    "storm": storm.run,
    "sandbox": sandbox.run,
    "cli": cli.run,
    "console": console.run,
    "memory": memory.run,
    "people": people.run,
}
_LONG = ("memory", "people")
USUAL = [name for name in SUITES if name not in _LONG]
RESULTS = Path(__file__).parent / "results"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence about what is wrong, and exit status 2."""
        print(f"benchmarks: {message} (--help shows the options)", file=sys.stderr)
        sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the report goes to standard output and, with JSON and curves, into a directory."""
    chosen = _parser().parse_args(arguments)
    size = TINY if chosen.tiny else QUICK if chosen.quick else FULL
    out = chosen.out or RESULTS / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    try:
        with stage() as servers:
            bench = Bench(servers, size)
            about = machine.describe(servers)
            found = [_findings(name, bench, out) for name in chosen.only]
    except KeyboardInterrupt:
        print("benchmarks: interrupted; nothing is left running.", file=sys.stderr)
        return 130
    except DispatcherError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    _write(out, about, size.name, found)
    return 1 if any(one.failure for one in found) else 0


def _findings(name: str, bench: Bench, out: Path) -> Findings:
    """Those of one suite; where it fails, the others are worth having, and so are the logs."""
    try:
        return SUITES[name](bench)
    except (DispatcherError, OSError, ValueError, CalledProcessError) as error:
        logs = out / f"{name}-logs"
        logs.mkdir(parents=True, exist_ok=True)
        for log in bench.stage.directory.glob("benchmark_*/*.log"):
            shutil.copy(log, logs)
        bench.say(f"{name}: failed: {error}; the programs' logs are in {logs}")
        return Findings(name, failure=str(error))


def _write(out: Path, about: Mapping[str, str], size: str, found: Sequence[Findings]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    report = findings.markdown(about, size, found)
    print(report)
    (out / "report.md").write_text(report, encoding="utf-8")
    document = json.dumps(findings.document(about, size, found), indent=1)
    (out / "report.json").write_text(document, encoding="utf-8")
    for curve in (curve for one in found for curve in one.curves):
        (out / f"{curve.name}.svg").write_text(curve.svg(), encoding="utf-8")
    print(f"benchmarks: the report, with JSON and curves, is in {out}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m benchmarks",
        description="Measures ours, the peers and the limit in one run, on servers of its own. "
        "About ten minutes; progress goes to standard error, the report to standard output.",
        allow_abbrev=False,
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="about two minutes, one round")
    length.add_argument("--tiny", action="store_true", help="seconds; its figures mean nothing")
    parser.add_argument(
        "--only",
        metavar="SUITE,...",
        type=_suites,
        default=USUAL,
        help=f"of {', '.join(SUITES)} (all but {' and '.join(_LONG)})",
    )
    parser.add_argument(
        "--out", metavar="DIRECTORY", type=Path, help="for the report (benchmarks/results/TIME)"
    )
    return parser


def _suites(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in SUITES:
            known = ", ".join(SUITES)
            raise argparse.ArgumentTypeError(f"there is no suite {name!r}: known are {known}")
    return names


if __name__ == "__main__":
    sys.exit(main())
