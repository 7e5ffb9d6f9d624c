"""What importing the package and calling a verb load: nothing that they do not need."""

import json
import subprocess
import sys
from importlib import import_module

import click
import pytest

import dispatcher
from dispatcher.cli.verbs import FAMILIES

LIBRARIES = {"alembic", "celery", "duckdb", "kombu", "pydantic", "redis", "requests", "urllib3"}
LIBRARIES |= {"opentelemetry", "prompt_toolkit", "rich", "sqlalchemy.orm"}

IMPORTING = """
import atexit, json, logging, os, signal, sys, threading

class Watched(dict):
    read = set()
    def __getitem__(self, name):
        self.read.add(name)
        return super().__getitem__(name)
    def get(self, name, default=None):
        self.read.add(name)
        return super().get(name, default)

os.environ = Watched(os.environ)
signals = [signal.getsignal(number) for number in signal.valid_signals()]
exits = atexit._ncallbacks()
import dispatcher
print(json.dumps({
    "variables": sorted(Watched.read),
    "signals": [signal.getsignal(number) for number in signal.valid_signals()] != signals,
    "exits": atexit._ncallbacks() - exits,
    "handlers": len(logging.getLogger().handlers) + len(logging.getLogger("dispatcher").handlers),
    "threads": threading.active_count(),
    "modules": sorted(sys.modules),
}))
"""

CALLING = """
import json, sys
sys.argv[0] = "dispatcher"
from dispatcher.cli import main
try:
    main()
except SystemExit as ended:
    print(json.dumps({"status": ended.code, "modules": sorted(sys.modules)}))
"""


def test_importing_the_package_touches_and_loads_nothing() -> None:
    found = json.loads(run(IMPORTING))
    modules = set(found.pop("modules"))

    assert found == {"variables": [], "signals": False, "exits": 0, "handlers": 0, "threads": 1}
    assert modules.isdisjoint(LIBRARIES | {"sqlalchemy", "psycopg2", "click", "asyncio"})
    assert {name for name in modules if name.startswith("dispatcher")} == {
        "dispatcher",
        "dispatcher.errors",
    }


@pytest.mark.parametrize("verb", ["show last", "list", "pause last", "cancel last", "rate last 5"])
def test_a_verb_on_a_campaign_loads_only_what_the_database_takes(verb: str) -> None:
    ended = json.loads(run(CALLING, *verb.split()))

    assert ended["status"] == 1  # no server is there
    assert "psycopg2" in ended["modules"]
    assert LIBRARIES.isdisjoint(ended["modules"])


@pytest.mark.parametrize("words", ["--version", "worker --help", "show"])
def test_what_needs_no_database_loads_no_driver(words: str) -> None:
    said = run(CALLING, *words.split()).splitlines()[-1]
    loaded = {*json.loads(said)["modules"]}
    assert loaded.isdisjoint(LIBRARIES)
    assert words == "show" or loaded.isdisjoint({"sqlalchemy", "psycopg2"})


@pytest.mark.parametrize("verb", FAMILIES)
def test_every_verb_is_a_command_of_its_family(verb: str) -> None:
    family = import_module(f"dispatcher.cli.{FAMILIES[verb]}")
    command = getattr(family, verb.replace("-", "_"))
    assert isinstance(command, click.Command)
    assert command.name == verb
    assert command.help


@pytest.mark.parametrize("family", sorted({*FAMILIES.values()}))
def test_every_command_of_a_family_is_a_verb(family: str) -> None:
    room = vars(import_module(f"dispatcher.cli.{family}")).values()
    commands = {it for it in room if isinstance(it, click.Command)}
    groups = [it for it in commands if isinstance(it, click.Group)]
    inner = {it for group in groups for it in group.commands.values()}
    verbs = {it.name for it in commands - inner}
    assert verbs == {verb for verb, home in FAMILIES.items() if home == family}


def test_every_public_name_is_there_and_listed() -> None:
    assert len({*dispatcher.__all__}) == len(dispatcher.__all__)
    assert {*dispatcher.__all__} <= {*dir(dispatcher)}
    everything: dict[str, object] = {}
    exec("from dispatcher import *", everything)
    assert {*dispatcher.__all__} <= everything.keys()
    assert all(getattr(dispatcher, name) is everything[name] for name in dispatcher.__all__)


def test_every_verb_of_the_dispatcher_is_a_function_too() -> None:
    verbs = {name for name in vars(dispatcher.Dispatcher) if not name.startswith("_")}
    assert verbs <= {*dispatcher.__all__}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'dispatcher' has no attribute 'shwo'"):
        dispatcher.shwo  # type: ignore[attr-defined] # noqa: B018


TRACING = """
import json, sys
from dispatcher import tracing
print(json.dumps({"tells": tracing.tracer().tells, "modules": sorted(sys.modules)}))
"""


def test_without_opentelemetry_s_variables_none_of_it_is_loaded() -> None:
    found = json.loads(run(TRACING))
    assert found["tells"] is False
    assert LIBRARIES.isdisjoint(found["modules"])


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        env={"DISPATCHER_DATABASE_URL": "postgresql://127.0.0.1:1/none", "HOME": "/nowhere"},
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.stdout
