"""The examples of docs/campaigns.md, run as they are printed there."""

import json
import re
from pathlib import Path

from tests.acceptance.program import MESSAGE, Program

_PAGE = Path(__file__).parents[2] / "docs" / "campaigns.md"


def variants(*names: str) -> dict[str, object]:
    return {"variants": dict.fromkeys(names, MESSAGE)}


def test_every_example_of_the_page_works(program: Program) -> None:
    program.file("message.json", json.dumps(MESSAGE))
    program.file("winback.csv", "userId\nanna\nboris\n")
    program.file("unsubscribed.csv", "userId\nzoe\n")
    program.file("players.csv", "userId,lang\nanna,de\nboris,\n")
    program.file("languages.json", json.dumps(variants("en", "de") | {"default": "en"}))
    program.file("texts.json", json.dumps(variants("a", "b")))
    examples = re.findall(r"^```sh\n(.*?)^```", _PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert examples
    for example in examples:
        with program.start("sh", "-ec", example) as shell:
            _, complaint = shell.communicate()
        assert shell.returncode == 0, (example, complaint)
