"""The image: what gets into it, and who runs in it."""

import subprocess

import pytest

from tests.packaging.image import ROOT, Image, copied, ignored, stages
from tests.packaging.programs import run


def test_programs_run_as_somebody_without_rights() -> None:
    last = stages()[-1]
    users = [step.words for step in last if step.name == "USER"]
    assert users == ["dispatcher"]
    assert last.index(next(step for step in last if step.name == "USER")) > max(
        place for place, step in enumerate(last) if step.name in ("RUN", "COPY")
    )


def test_only_the_build_stage_sees_the_checkout() -> None:
    assert copied(stages()[0])
    assert copied(stages()[-1]) == []


def test_everything_copied_is_there_and_let_through() -> None:
    sources = [source for group, _ in copied(stages()[0]) for source in group]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if ignored(source)] == []


@pytest.mark.parametrize("path", [".env", ".git", ".venv", "tests", "workers/__pycache__"])
def test_nothing_private_or_needless_is_let_through(path: str) -> None:
    assert ignored(path)


def test_every_package_is_checked_against_its_locked_hash() -> None:
    fetching = [
        step.words
        for step in stages()[0]
        if step.name == "RUN" and "pip" in step.words and "--no-index" not in step.words
    ]
    downloads = [words for words in fetching if "-m venv" not in words]
    assert len(downloads) == 1
    assert "--require-hashes" in downloads[0]
    assert "requirements.lock" in downloads[0]


def test_the_image_holds_no_tools_of_development(image: Image) -> None:
    listed = subprocess.run(
        [image.builder / "pip", "--python", image.programs / "python", "list", "--format=freeze"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    packages = {line.partition("==")[0] for line in listed.splitlines()}
    assert {"push-campaign-dispatcher", "celery", "flower"} <= packages
    assert not {"pytest", "mypy", "ruff", "hatchling", "pip"} & packages


def test_the_image_starts_a_worker_unless_told_otherwise(image: Image) -> None:
    (command,) = [step.words for step in stages()[-1] if step.name == "CMD"]
    assert command == '["dispatcher", "worker"]'
    environment = image.environment({"HOME": str(image.source)})
    assert "worker" in run(["dispatcher", "worker", "--help"], environment, image.source)
