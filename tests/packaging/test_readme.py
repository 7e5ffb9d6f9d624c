"""The README, held to the program that it describes."""

import re
import sys
from pathlib import Path

import pytest

from dispatcher.errors import SettingError
from dispatcher.settings import read_config
from tests.packaging.image import ROOT
from tests.packaging.programs import run, run_json, running
from tests.sandbox_process import running_push_api

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"`([^`\n]+)`", README) + re.findall(r"^\$ (.*)", README, re.MULTILINE)
VERB = re.compile(r"(?<![\w./-])dispatcher ((?:services )?[a-z]+(?:-[a-z]+)*)")
VERBS = sorted({verb for command in COMMANDS for verb in VERB.findall(command)})
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_that_it_names_exists(verb: str, tmp_path: Path) -> None:
    environment = {"PATH": str(Path(sys.executable).parent), "HOME": str(tmp_path)}
    assert run(["dispatcher", *verb.split(), "--help"], environment, tmp_path)


def test_it_names_the_verbs_of_daily_work() -> None:
    assert {"send", "show", "watch", "migrate", "services start"} <= set(VERBS)


def test_it_names_every_variable_and_no_other(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("nonsense = 1")
    with pytest.raises(SettingError) as refused:
        read_config(wrong)
    known = str(refused.value).partition("known are ")[2].rstrip(".").split(", ")
    named = set(re.findall(r"DISPATCHER_[A-Z][A-Z_]+[A-Z]", README))
    assert named == {f"DISPATCHER_{name.upper()}" for name in known}


def test_its_example_sends_a_campaign_once_however_often_it_runs(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (app_id,) = re.findall(r'app_id="(.*?)"', code)
    example = ["python", "-c", code]
    with running_push_api("--app-id", app_id) as push_api:
        environment["DISPATCHER_PUSH_API_URL"] = push_api.url
        assert run(example, environment, tmp_path) == "running 2500\n"
        with running(["celery", "-A", "workers", "worker"], environment, tmp_path) as worker:
            shown = run_json(["dispatcher", "watch", "last", "--json"], environment, tmp_path)
            assert run(example, environment, tmp_path) == "completed 0\n"
            assert worker.end(within=60) == 0
        assert shown["members"]["delivered"] == push_api.ledger()["pushes"] == 2500


def test_its_first_message_and_audience_can_be_sent(
    environment: dict[str, str], tmp_path: Path
) -> None:
    for language, name in (("json", "message.json"), ("csv", "audience.csv")):
        (content,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
        (tmp_path / name).write_text(content, encoding="utf-8")
    (command,) = re.findall(r"^\$ (dispatcher send .*) --watch", README, re.MULTILINE)
    shown = run_json([*command.split(), "--json"], environment, tmp_path)
    assert shown["members"]["total"] == 2


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_documents_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    local = [link for link in links if not link.startswith(("http://", "https://"))]
    assert [link for link in local if not (document.parent / link).exists()] == []
