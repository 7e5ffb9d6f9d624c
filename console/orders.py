"""What the bodies of requests hold: the options of the library, by their names there.

What would read or write files of this machine, or have it ask a database, is not among them.
Nothing is taken for what it is not: a text that looks like a number is a text.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

MOST_INLINE = 1_000
"""Members in a request's own body; an upload has as many as you like."""
CHUNK_STATES = (
    *("pending", "sending", "delivered", "uncounted", "rejected", "unresolved"),
    *("expired", "cancelled", "withheld"),
)
LISTED_CHUNKS = (*CHUNK_STATES, "in_doubt")
"""What chunks can be listed by; those in doubt are pending ones."""

_MOMENT = "give it as 2026-11-24T10:00+01:00"


def _moment(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(_MOMENT)
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(_MOMENT) from error


def _some(value: object) -> object:
    if isinstance(value, list) and len(value) > MOST_INLINE:
        raise ValueError(
            f"it has {len(value):,}, and {MOST_INLINE:,} may stand in a request: upload a file "
            "(PUT /api/v1/uploads/NAME) and name it"
        )
    return value


def _either(words: str, *kinds: type) -> Callable[[object], object]:
    def check(value: object) -> object:
        right = value is None or (isinstance(value, kinds) and not isinstance(value, bool))
        if not right or (isinstance(value, list) and not all(isinstance(it, str) for it in value)):
            raise ValueError(words)
        return value

    return check


def _json(*kinds: str, **more: Any) -> WithJsonSchema:
    forms: list[dict[str, Any]] = [{"type": kind} for kind in kinds]
    for form in forms:
        if form["type"] == "array":
            form["items"] = {"type": "string"}
    return WithJsonSchema({"anyOf": [*forms, {"type": "null"}], **more})


Rows = Annotated[list[dict[str, Any]], BeforeValidator(_some), Field(max_length=MOST_INLINE)]
Moment = Annotated[datetime | None, BeforeValidator(_moment), _json("string")]
Texts = Annotated[
    Any, BeforeValidator(_either("give a text, or several", str, list)), _json("string", "array")
]
Part = Annotated[
    Any,
    BeforeValidator(_either("give a number, or a text as 1%", int, str)),
    _json("integer", "string"),
]
Rate = Annotated[
    Any,
    BeforeValidator(_either("give a number as 0.1, or a text as 10%", int, float, str)),
    _json("number", "string"),
]
Split = Annotated[
    Any,
    BeforeValidator(_either("give weights by name, or a text as a=50,b=50", dict, str)),
    _json("object", "string"),
]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Order(_Strict):
    """A campaign: its app, its message, whom it is for, and the options of `dispatcher.enqueue`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "app_id": "A",
                    "message": {"ios": {"payload": {"text": "We miss you"}}},
                    "members": [{"userId": "anna"}, {"userId": "boris"}],
                    "rate": 20,
                }
            ]
        }
    )

    app_id: str = Field(description="The vendor's id of the app.")
    message: dict[str, Any] = Field(description="Platform objects of the Push API, or variants.")
    members: Rows | None = Field(
        None, description="Whom it is for: identifiers by their names, 1,000 members at most."
    )
    upload: str | None = Field(None, description="Whom it is for: the id of an upload.")
    test_to: Rows | None = Field(None, description="A few who get it now, in place of all others.")
    suppress: Rows | None = Field(None, description="Whoever has one of these gets nothing.")
    format: str | None = Field(None, description="csv, jsonl or parquet: of an upload.")
    columns: dict[str, str] | None = Field(None, description="The identifier in a column.")
    ignore_columns: Texts = Field(None, description='Columns to leave out, or "all" others.')
    absent: Texts = Field(None, description="The words that count as nothing.")
    exclude: Texts = Field(None, description="Whoever was sent one of these campaigns is left out.")
    only_unsent: str | None = Field(None, description="Only whom this campaign did not reach.")
    not_within: str | None = Field(None, description="Nobody whom the app sent to within, as 24h.")
    exclude_purged: Literal["ignore", "refuse"] = "refuse"
    variant_column: str | None = None
    split: Split = Field(None, description="The variants' weights.", examples=["a=50,b=50"])
    zone_column: str | None = None
    default_zone: str | None = None
    if_late: Literal["send", "skip"] = "send"
    on_invalid: Literal["fail", "skip"] = "fail"
    campaign_tag: str | None = Field(None, description="The vendor's statistics group.")
    tag_variants: bool = False
    account: str = Field("default", description="Whose token of the vendor's sends it.")
    rate: float | None = Field(None, description="Requests a second, over all workers.")
    send_at: Moment = Field(None, description="When to begin.")
    expires_at: Moment = Field(None, description="When to give up.")
    window: Texts = Field(None, examples=["mon-fri 09:00-21:00 Europe/Berlin"])
    finish_by: Moment = Field(None, description="Go at the rate that lets it end by then.")
    canary: Part = Field(None, description="So many go first.", examples=["1%"])
    max_error_rate: Rate = Field(None, description="Pause where more errors are proven.")
    notify: str | None = Field(None, description="The URL that is told of each change of state.")

    @model_validator(mode="after")
    def _is_for_somebody(self) -> Self:
        given = [self.members is not None, self.upload is not None, self.test_to is not None]
        if sum(given[:2]) > 1 or not any(given):
            raise ValueError(
                "say whom it is for by `members` or by the `upload` of a file, one of the two"
            )
        return self

    def options(self) -> dict[str, Any]:
        """What was said, by the names of the library's options; without whom it is for."""
        return self.model_dump(exclude_unset=True, exclude={"app_id", "message", *AUDIENCES})


AUDIENCES = ("members", "upload")


class Text(_Strict):
    """A message by itself."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"message": {"ios": {"payload": {"text": "Hello"}}}}]}
    )

    message: dict[str, Any] = Field(description="Platform objects of the Push API, or variants.")


class Orders(_Strict):
    """What to change of a campaign; what is null is taken back, what is not there stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rate": 20, "finish_by": None}]})

    rate: float | None = Field(None, description="Requests a second.")
    window: Texts = Field(None, description="Begin nothing fresh outside of these.")
    finish_by: Moment = Field(None, description="Go at the rate that lets it end by then.")


class Retry(_Strict):
    """Which chunks to send again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"only": "rejected"}]})

    only: str = Field(description="rejected, unresolved or expired.")
    at_most: int | None = Field(
        None, ge=0, description="Nobody, where more members than these are so by now."
    )


class Accepted(_Strict):
    """What is to hold from here on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"max_error_rate": "20%"}]})

    max_error_rate: Rate = Field(None, description="The new bound on errors; null: none.")


class Identifier(_Strict):
    """Somebody."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"identifier": "userId=anna"}]})

    identifier: str = Field(description="With its kind.")


class Identifiers(_Strict):
    """Some people, to one app."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"app_id": "A", "identifiers": ["userId=anna"]}]}
    )

    app_id: str
    identifiers: list[str] = Field(min_length=1, max_length=MOST_INLINE)


class Imported(_Strict):
    """Everybody in an upload, to one app."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"app_id": "A", "upload": "9f86d081884c7d659a2feaa0c55ad015"}]
        }
    )

    app_id: str
    upload: str = Field(description="The id that an upload was answered with.")


class Redelivered(_Strict):
    """Which of a campaign's webhooks; null: all that were not delivered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"sequence": 2}]})

    sequence: int | None = Field(None, ge=1, lt=2**31)


class Listed(BaseModel):
    """Which campaigns to list."""

    model_config = ConfigDict(extra="forbid")

    state: str | None = None
    tag: str | None = None
    app_id: str | None = None
    key: str | None = None
    limit: int = Field(50, ge=1, le=1_000)
    before: str | None = Field(None, description="Only those made before this one: the next page.")
    tests: bool = False


class ListedChunks(BaseModel):
    """Which chunks of a campaign to list."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[str | None, WithJsonSchema({"type": "string", "enum": [*LISTED_CHUNKS]})] = (
        None
    )
    first: int = Field(1, ge=1, lt=2**31, description="Only those from this number on.")
    limit: int = Field(50, ge=1, le=1_000)


class ListedAttempts(BaseModel):
    """Which attempts at a chunk to list."""

    model_config = ConfigDict(extra="forbid")

    before: int | None = Field(None, ge=1, lt=2**31, description="Only those before this one.")
    limit: int = Field(50, ge=1, le=1_000)


class OfApp(BaseModel):
    """Whose standing list it is about."""

    model_config = ConfigDict(extra="forbid")

    app_id: str


class Newest(BaseModel):
    """How many of the newest to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=10_000)


class NewestActs(Newest):
    """Which acts to list."""

    actor: str | None = Field(None, description="Only what this one did.")
    before: int | None = Field(None, ge=1, lt=2**63, description="Only older acts.")
