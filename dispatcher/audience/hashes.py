"""What stands on a standing list: a keyed hash of one identifier, for workers and for the engine.

It is the upper part of the key that a member has in a preparation who is known by this identifier
alone (`checking.key_of`), with the books' secret as the salt: so what a preparation works out
anyway can be looked up. Sixty bits: once in 10^12 times an identifier that is not on a list of a
million comes to the same as one that is.
"""

import hashlib
from collections.abc import Iterator, Mapping

import orjson

from dispatcher.audience.identifiers import IDENTIFIERS, TOKEN, Identifier, folded

_BY_NAME = {each.name: each for each in IDENTIFIERS}
_BITS = 60


def hashes_of(member: Mapping[str, str | int], key: str) -> Iterator[int]:
    """The hash of each identifier of a member, as its chunk's JSON has it."""
    for name, value in member.items():
        if name in _BY_NAME:
            yield hash_of(_BY_NAME[name], value, key)


def hash_of(identifier: Identifier, value: str | int, key: str) -> int:
    """The hash of one identifier."""
    plain = folded(identifier, value) if isinstance(value, str) else value
    known = orjson.dumps(plain if identifier == TOKEN else {identifier.name: plain})
    digest = hashlib.md5(key.encode() + known, usedforsecurity=False).digest()
    return int.from_bytes(digest, "little") >> (128 - _BITS)  # as md5_number reads it


def hashed(identifier: Identifier, plain: str, key: str) -> str:
    """The same of an expression of the identifier's folded JSON, as an expression of the engine."""
    from dispatcher.audience.checking import key_of

    known = plain if identifier == TOKEN else f"""'{{"{identifier.name}":' || {plain} || '}}'"""
    return hash_of_key(key_of(known, key))


def hash_of_key(key: str) -> str:
    """The hash in a member's key, as expressions of the engine."""
    return f"({key} >> {128 - _BITS})::BIGINT"
