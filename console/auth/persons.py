"""Who asks."""

from dataclasses import dataclass, field
from typing import Literal

from fastapi import Request

from dispatcher import Actor, Dispatcher, Session, Token

Role = Literal["viewer", "operator", "admin"]
Proof = Token | Session
"""What lets somebody in: a stream goes on for as long as it is still good."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: a `name`, as `log` says it, a `role`, and the door, "api" or "console"."""

    name: str
    role: Role
    via: str
    proof: Proof = field(repr=False)

    @classmethod
    def of(cls, proof: Proof) -> "Person":
        """Whose token or session that is."""
        via = "api" if isinstance(proof, Token) else "console"
        return cls(proof.name, proof.role, via, proof)

    def may(self, role: Role) -> bool:
        """Whether they may do what this role may."""
        return self.proof.may(role)


def let_in(request: Request, proof: Proof) -> Dispatcher:
    """The verbs, acting as whose proof that is; `person_of` knows them from here on."""
    person = Person.of(proof)
    request.state.person = person
    dispatcher: Dispatcher = request.app.state.dispatcher
    return dispatcher.acting_as(Actor(person.name, person.via))


def person_of(request: Request) -> Person:
    """Who was let in with this request."""
    person: Person = request.state.person
    return person
