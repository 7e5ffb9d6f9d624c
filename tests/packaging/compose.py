"""docker-compose.yml as Compose reads it: parsed, with its variables put in."""

import re
from collections.abc import Mapping
from typing import Any, cast

import yaml

from tests.packaging.image import ROOT

_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?::-([^}]*))?\})")


def services(variables: Mapping[str, str]) -> dict[str, Any]:
    """The services by name, with these variables of the shell put in."""
    return cast(dict[str, Any], document(variables)["services"])


def document(variables: Mapping[str, str]) -> dict[str, Any]:
    """The whole file, with these variables of the shell put in."""
    parsed = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return cast(dict[str, Any], _filled(parsed, variables))


def seconds(duration: str) -> float:
    """A duration such as 60s or 1m30s."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(float(n) * units[unit] for n, unit in re.findall(r"([0-9.]+)([hms])", duration))


def health_check(service: Mapping[str, Any]) -> list[str]:
    """The command that tells whether the service is well."""
    kind, *words = service["healthcheck"]["test"]
    return ["sh", "-c", *words] if kind == "CMD-SHELL" else words


def environment(service: Mapping[str, Any]) -> dict[str, str]:
    """The service's variables, as its programs see them."""
    return {name: str(value) for name, value in service["environment"].items()}


def _filled(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {name: _filled(value, variables) for name, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, variables) for value in node]
    if isinstance(node, str):
        return _VARIABLE.sub(lambda match: _value(match, variables), node)
    return node


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    dollar, name, default = match.groups()
    return "$" if dollar else variables.get(name) or default or ""
