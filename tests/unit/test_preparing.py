"""What is said of a preparation where there is no terminal to draw a bar on."""

from dispatcher.audience import Phase, Progress
from dispatcher.cli.preparing import Lines


class Clock:
    """Shows the time that it was set to."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def said_of(*moments: tuple[float, Phase, int, int | None, float | None]) -> list[str]:
    said: list[str] = []
    clock = Clock()
    lines = Lines(said.append, clock)
    for seconds, phase, done, total, fraction in moments:
        clock.time = 100.0 + seconds
        lines(Progress(phase, done, total, fraction))
    return said


def test_a_preparation_of_two_seconds_is_done_in_silence() -> None:
    assert said_of((0, "reading", 0, None, 0.1), (1.9, "packing", 9, 9, None)) == []


def test_a_longer_one_is_told_of_every_five_seconds() -> None:
    moments = [tenth / 10 for tenth in range(125)]
    said = said_of(*((moment, "reading", int(moment * 1000), None, None) for moment in moments))
    assert said == [
        "reading the audience: 2,000 rows, 1,000 rows/s",
        "reading the audience: 7,000 rows, 1,000 rows/s",
        "reading the audience: 12,000 rows, 1,000 rows/s",
    ]


def test_each_phase_has_a_speed_of_its_own_and_an_estimate_is_called_one() -> None:
    said = said_of(
        (2, "reading", 4_000_000, None, 0.4),
        (3, "packing", 0, 10_000_000, None),
        (7, "packing", 2_000_000, 10_000_000, None),
    )
    assert said == [
        "reading the audience: about 4,000,000 rows, 2,000,000 rows/s",
        "packing the audience: 2,000,000 rows, 500,000 rows/s",
    ]
