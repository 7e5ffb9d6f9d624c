"""The image and a complete installation, each made once a run; a small campaign to send."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging import image as images
from tests.packaging.image import Image


@dataclass(frozen=True, slots=True)
class SmallCampaign:
    """Files for `dispatcher send`, and where they are: a directory of the test's own."""

    directory: Path
    members: int

    @property
    def arguments(self) -> list[str]:
        """What stands behind `dispatcher send`."""
        return ["message.json", "--app-id", "sandbox-app", "--audience", "audience.csv"]


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """What the Dockerfile's build stage makes, outside of the checkout."""
    with tempfile.TemporaryDirectory(prefix="dispatcher-image-") as directory:
        yield images.build(Path(directory))


@pytest.fixture(scope="session")
def installation(image: Image) -> Image:
    """The same with the extra `embedded`, which the sandbox needs."""
    image.add("push-campaign-dispatcher[embedded,monitoring]")
    return image


@pytest.fixture
def campaign(tmp_path: Path) -> SmallCampaign:
    """2,500 members, one of them twice."""
    rows = [f"device-{number}" for number in range(2500)]
    audience = "\n".join(["token", *rows, rows[0]]) + "\n"
    (tmp_path / "audience.csv").write_text(audience, encoding="utf-8")
    (tmp_path / "message.json").write_text('{"ios": {"payload": {"text": "Hello"}}}')
    return SmallCampaign(tmp_path, len(rows))
