"""The Dockerfile, read and carried out on this machine: its build stage is how we install."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of a stage, as in `Step("RUN", "pip install ...")`."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Image:
    """What the build stage left: the wheels, ours among them, and the installation."""

    builder: Path
    source: Path
    wheels: Path
    programs: Path

    @property
    def wheel(self) -> Path:
        """Our own wheel."""
        (wheel,) = self.wheels.glob("push_campaign_dispatcher-*.whl")
        return wheel

    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        """These variables, with the installation's programs and the system's on the PATH."""
        return variables | {"PATH": f"{self.programs}:/usr/bin:/bin"}

    def add(self, requirement: str) -> None:
        """Install more of the locked packages, without any index, as the build stage does."""
        _run(
            f"pip --python '{self.programs}/python' install --no-index --find-links"
            f" '{self.wheels}' '{requirement}'",
            self.builder,
            self.source,
        )


def stages() -> list[list[Step]]:
    """The Dockerfile's stages, each from its FROM."""
    found: list[list[Step]] = []
    for line in _logical_lines(DOCKERFILE.read_text(encoding="utf-8")):
        name, _, words = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Step(name, words.strip()))
    return found


def copied(stage: list[Step]) -> list[tuple[list[str], str]]:
    """What a stage copies from the checkout: the sources and the destination of each COPY."""
    copies = [step.words.split() for step in stage if step.name == "COPY"]
    return [(words[:-1], words[-1]) for words in copies if not words[0].startswith("--")]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps this file of the checkout out of the build."""
    answer = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parts = Path(path).parts
        depths = range(len(parts)) if "**/" in line else range(1)
        if any(fnmatch(parts[depth], pattern) for depth in depths):
            answer = not line.startswith("!") and not line.startswith("#")
    return answer


def build(directory: Path) -> Image:
    """Carry the build stage out, with its absolute paths moved into `directory`."""
    image = Image(
        builder=_builder(directory / "builder"),
        source=directory / "source",
        wheels=directory / "wheels",
        programs=directory / "opt" / "dispatcher" / "bin",
    )
    image.source.mkdir()
    for step in stages()[0]:
        if step.name == "RUN":
            moved = step.words.replace("/wheels", str(image.wheels))
            moved = moved.replace("/opt/", f"{directory}/opt/")
            _run(moved, image.builder, image.source)
        elif step.name == "COPY":
            *sources, destination = step.words.split()
            for source in sources:
                _copy(ROOT / source, image.source / destination)
    return image


def _logical_lines(text: str) -> Iterator[str]:
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    joined = ""
    for line in lines:
        joined += line.removesuffix("\\").strip() + " "
        if not line.endswith("\\"):
            yield joined.strip()
            joined = ""


def _builder(directory: Path) -> Path:
    """An empty environment with pip alone, as the base image has it; its programs."""
    uv = shutil.which("uv")
    make = [uv, "venv", "--quiet", "--seed"] if uv else [sys.executable, "-m", "venv"]
    python = ["--python", sys.executable] if uv else []
    subprocess.run([*make, *python, str(directory)], check=True, stdin=subprocess.DEVNULL)
    return directory / "bin"


def _copy(source: Path, destination: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, destination, ignore=_left_out)
    else:
        shutil.copy2(source, destination)


def _left_out(directory: str, names: list[str]) -> list[str]:
    below = Path(directory).relative_to(ROOT)
    return [name for name in names if ignored(str(below / name))]


def _run(command: str, programs: Path, directory: Path) -> None:
    """Run one line as the image's shell would; what it says is shown where it fails."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    finished = subprocess.run(
        ["sh", "-c", command],
        cwd=directory,
        env=environment | {"PATH": f"{programs}:/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, f"{command}\n{finished.stdout}"
