"""The wheel: complete, and at work in an environment that holds nothing but what it asks for."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.packaging.conftest import SmallCampaign
from tests.packaging.image import Image
from tests.packaging.programs import run, run_json, running
from tests.waiting import eventually

PACKAGES = ("dispatcher", "workers", "console", "sandbox")


def _shipped(source: Path) -> set[str]:
    """Every file of ours that the program needs where it is installed."""
    packages = {
        str(path.relative_to(source))
        for package in PACKAGES
        for path in (source / package).rglob("*")
        if path.is_file()
    }
    migrations = {
        f"dispatcher/{path.relative_to(source)}"
        for path in (source / "migrations").rglob("*")
        if path.is_file()
    }
    return packages | migrations


def _contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_the_program_and_nothing_else(image: Image) -> None:
    contents = _contents(image.wheel)
    assert {
        "workers/gcra.lua",
        "dispatcher/py.typed",
        "dispatcher/migrations/env.py",
        "dispatcher/migrations/script.py.mako",
        "dispatcher/migrations/versions/0001_the_books.py",
    } <= contents
    assert contents == _shipped(image.source)


def test_the_source_distribution_builds_the_same_wheel(image: Image, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*build, "--sdist", str(image.source)], check=True, capture_output=True)
    (packed,) = tmp_path.glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", str(packed), "-C", str(tmp_path)], check=True)
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    subprocess.run([*build, "--wheel", str(unpacked)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert _contents(wheel) == _contents(image.wheel)


def test_help_needs_no_server_and_no_settings(image: Image, tmp_path: Path) -> None:
    printed = run(["dispatcher", "--help"], image.environment({"HOME": str(tmp_path)}), tmp_path)
    assert "migrate" in printed
    assert "send" in printed


def test_an_installed_wheel_sends_a_campaign_to_its_end(
    installation: Image,
    empty_database_url: str,
    environment: dict[str, str],
    campaign: SmallCampaign,
) -> None:
    directory = campaign.directory
    installed = installation.environment(environment) | {
        "DISPATCHER_DATABASE_URL": empty_database_url
    }
    run(["dispatcher", "migrate"], installed, directory)
    with running(["dispatcher", "sandbox", "--unreachable", "0.02"], installed, directory) as api:
        eventually(lambda: api.has_said("Push API sandbox: "), within=60)
        installed["DISPATCHER_PUSH_API_URL"] = api.log.read_text().split()[-1]
        with running(["celery", "-A", "workers", "worker"], installed, directory) as worker:
            send = ["dispatcher", "send", *campaign.arguments, "--watch", "--json"]
            shown = run_json(send, installed, directory)
            assert worker.end(within=60) == 0
    assert shown["state"] == "completed"
    assert shown["input"] == {
        "read": 2501,
        "invalid": 0,
        "duplicates": 1,
        "suppressed": 0,
        "excluded": 0,
        "absent": 0,
    }
    assert shown["members"]["delivered"] == shown["members"]["total"] == campaign.members
    result = shown["result"]
    assert result["audience"] == result["successful"] + result["erroneous"] == campaign.members
    assert 0 < result["erroneous"] < campaign.members / 10
