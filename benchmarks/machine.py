"""On what was measured."""

import os
import platform
import subprocess
from pathlib import Path

import psutil

from benchmarks.stage import Stage

ROOT = Path(__file__).resolve().parents[1]


def describe(stage: Stage) -> dict[str, str]:
    """Cores, memory, versions and the commit, as the reports' first line has them."""
    return {
        "cores": str(_cores()),
        "processor": _processor(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "PostgreSQL": stage.postgresql_version(),
        "Valkey": stage.valkey_version(),
        "Python": platform.python_version(),
        "sink": stage.sink_program,
        "commit": _commit(),
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """The checkout's commit, and whether files have changed since; nothing outside of one."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"
