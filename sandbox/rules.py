"""Small rules for JSON values, combined into the forms that the vendor documents.

A rule yields the refusals that a value deserves, in order. Only the first is ever asked for, so
a rule may rely on what the rules before it have made sure of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sandbox.codes import Refusal, quoted, refusal

Rule = Callable[[str, Any], Iterator[Refusal]]


def invalid(path: str, value: object, description: str) -> Refusal:
    """Code 30: the field's value is not what the documentation describes."""
    return refusal(30, field=path, value=quoted(value), description=description)


def within(path: str, name: str) -> str:
    """The path of a field inside the object at `path`; the request's own path is empty."""
    return f"{path}.{name}" if path else name


def of(description: str, *types: type) -> Rule:
    """The value is exactly of one of these types; JSON's true is no number."""

    def check(path: str, value: Any) -> Iterator[Refusal]:
        if type(value) not in types:
            yield invalid(path, value, description)

    return check


string = of("a string", str)
number = of("a number", int, float)
whole = of("a whole number", int)
boolean = of("a boolean", bool)
anything = of("an object", dict)


def matching(pattern: str, description: str) -> Rule:
    """A string of this form."""
    form = re.compile(pattern)

    def check(path: str, value: Any) -> Iterator[Refusal]:
        if not isinstance(value, str) or not form.fullmatch(value):
            yield invalid(path, value, description)

    return check


def one_of(*values: str) -> Rule:
    """A string out of a closed list."""

    def check(path: str, value: Any) -> Iterator[Refusal]:
        yield from string(path, value)
        if value not in values:
            expected = ", ".join(values)
            yield refusal(28, field=path, value=quoted(value), values=expected)

    return check


def list_of(rule: Rule) -> Rule:
    """An array whose elements all follow `rule`."""

    def check(path: str, value: Any) -> Iterator[Refusal]:
        yield from of("an array", list)(path, value)
        for place, element in enumerate(value):
            yield from rule(f"{path}[{place}]", element)

    return check


def fields(known: Mapping[str, Rule], required: tuple[str, ...] = ()) -> Rule:
    """An object with these fields and no others."""

    def check(path: str, value: Any) -> Iterator[Refusal]:
        yield from anything(path, value)
        for name in value:
            if name not in known:
                yield refusal(29, field=within(path, name))
        for name, element in value.items():
            yield from known[name](within(path, name), element)
        for name in required:
            if name not in value:
                yield refusal(4, field=within(path, name))

    return check


def in_turn(*rules: Rule) -> Rule:
    """All of these rules, one after the other."""

    def check(path: str, value: Any) -> Iterator[Refusal]:
        for rule in rules:
            yield from rule(path, value)

    return check
