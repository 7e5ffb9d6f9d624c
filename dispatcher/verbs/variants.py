"""Which member gets which of a message's texts: the options that say it, checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from dispatcher.errors import OptionError
from dispatcher.forks import not_while_forking

if TYPE_CHECKING:
    from dispatcher.audience.dealing import Dealing
    from dispatcher.message import Message


def check_tag_variants(tag_variants: bool, campaign_tag: str | None, message: Message) -> None:
    """Raise OptionError where variants are to have tags, and there are none, or no tag."""
    if tag_variants and not (message.variants and campaign_tag):
        raise OptionError(
            "Variants have tags of their own (--tag-variants, tag_variants) where the message has "
            "variants and the campaign a tag (--tag, campaign_tag)."
        )


def dealing(
    message: Message,
    variant_column: str | None,
    split: Mapping[str, float] | str | None,
    seed: Sequence[str | None],
) -> Dealing | None:
    """How the message's texts are dealt; None where it has only one.

    `split` are weights by name, or a text as "a=50,b=50". The same `seed` deals alike. Raises
    OptionError where the options contradict each other or the message.
    """
    with not_while_forking():
        from dispatcher.audience.dealing import ByColumn, BySplit

    if variant_column is not None and split is not None:
        raise OptionError(
            "A column (--variant-column) and a split (--split) both say which member gets which "
            "variant: keep one."
        )
    if not message.variants:
        if variant_column is None and split is None:
            return None
        option = "--variant-column" if split is None else "--split"
        raise OptionError(f"{option} needs a message of several variants, and it has one text.")
    names = tuple(variant.name for variant in message.variants)
    if split is not None:
        return BySplit(_shares(split, names), salt_of(seed))
    if variant_column is None:
        raise OptionError(
            "The message has variants: say which member gets which, by a column of the audience "
            "(--variant-column) or at random (--split)."
        )
    if not isinstance(variant_column, str) or not variant_column.strip():
        raise OptionError("The variant's column (--variant-column) must be the name of a column.")
    return ByColumn(variant_column, names, message.default)


def _shares(split: Mapping[str, float] | str, names: Collection[str]) -> dict[str, float]:
    """Each variant's share of the members, in the message's order."""
    weights = _weights(split) if isinstance(split, str) else split
    if not isinstance(weights, Mapping):
        raise OptionError(f"The split is a {type(split).__name__}: give weights by name, {_AS}.")
    for name, weight in weights.items():
        if name not in names:
            raise OptionError(
                f"The split names {name!r}, which is no variant of the message; known are "
                f"{', '.join(names)}."
            )
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not (is_number and 0.001 <= weight <= 1_000_000):
            raise OptionError(
                f"The split gives {name!r} {weight}: give weights between 0.001 and 1000000, {_AS}."
            )
    for name in names:
        if name not in weights:
            raise OptionError(
                f"The split gives the variant {name!r} nothing: give it a weight, or take it out "
                "of the message."
            )
    whole = sum(weights.values())
    return {name: weights[name] / whole for name in names}


def _weights(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise OptionError(f"The split {text!r} is none: give weights by name, {_AS}.")
        if name.strip() in weights:
            raise OptionError(f"The split gives {name.strip()!r} two weights: keep one.")
        weights[name.strip()] = weight
    return weights


_AS = "as in a=50,b=50"


def salt_of(seed: Sequence[str | None]) -> str:
    """What makes members' hashes those of this seed."""
    return hashlib.sha256(json.dumps(list(seed)).encode()).hexdigest()[:32]
