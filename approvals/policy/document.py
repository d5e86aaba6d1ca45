"""The policy document, schema `ata.policy.v2`: what admins edit and everybody reads.

Rules are tried in order and the first that matches applies. Shape is checked here, against JSON
that people and programs send; what no document may say is in `floor`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

SCHEMA: Final = "ata.policy.v2"
VERB_PATTERN: Final = r"^(\*|\*\.[a-z_]+|[a-z_]+\.(\*|[a-z_]+))$"
SHORTEST_S: Final = 30
LONGEST_S: Final = 86_400
PUSH_UP_TO_S: Final = 300
"""Auth0 pushes a request of at most this many seconds; a longer one it mails."""

Severity = Literal["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
Role = Literal["member", "auditor", "operator", "admin"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PersonRef(_Strict):
    """A person by identity; names are display and change."""

    iss: str = Field(min_length=1, max_length=255)
    sub: str = Field(min_length=1, max_length=255)


class Group(_Strict):
    """People who may approve together: all who hold a role, or those named."""

    role: Literal["operator", "admin"] | None = None
    people: list[PersonRef] = Field(default_factory=list, max_length=50)

    @model_validator(mode="after")
    def _one_of_both(self) -> Group:
        if (self.role is None) == (not self.people):
            raise ValueError("name a role or people, one of both")
        if len({(p.iss, p.sub) for p in self.people}) != len(self.people):
            raise ValueError("someone is named twice")
        return self


class Rule(_Strict):
    """One rule: what it is about, then what it asks for. Empty lists and null match anything."""

    id: Name
    verbs: list[Annotated[str, Field(pattern=VERB_PATTERN)]] = Field(min_length=1, max_length=40)
    severities: list[Severity] = Field(default_factory=list, max_length=5)
    roles: list[Role] = Field(default_factory=list, max_length=4)
    automatic: bool | None = None
    others: bool | None = None
    approver: Literal["none", "self", "another", "group"]
    group: str = Field("", max_length=40)
    count: int = Field(1, ge=1, le=9)
    channel: Literal["ciba", "passkey", "both", "either"] = "ciba"
    within_s: int | None = Field(None, ge=SHORTEST_S, le=LONGEST_S)
    escalate: bool = True
    while_pending: Literal["hold", "open"] = "hold"
    on_denial: Literal["release", "keep_hold"] = "release"
    on_expiry: Literal["keep_hold", "release"] = "keep_hold"

    @model_validator(mode="after")
    def _fits_together(self) -> Rule:
        if (self.approver == "group") != bool(self.group):
            raise ValueError("a group is named where a group approves, and only there")
        if self.count > 1 and self.approver != "group":
            raise ValueError("several people can approve only where a group does")
        return self


class Document(_Strict):
    """A whole policy. `number` counts versions, so that no two have the same digest."""

    schema_: Literal["ata.policy.v2"] = Field(SCHEMA, alias="schema")
    number: int = Field(ge=0, le=1_000_000)
    rules: list[Rule] = Field(min_length=1, max_length=60)
    groups: dict[Name, Group] = Field(default_factory=dict, max_length=20)
    roster: list[PersonRef] = Field(default_factory=list, max_length=100)
    never_scanned_loosening: Literal["HIGH", "CRITICAL"] = "HIGH"

    @model_validator(mode="after")
    def _names_are_known(self) -> Document:
        ids = [rule.id for rule in self.rules]
        for twice in (name for name, times in Counter(ids).items() if times > 1):
            raise ValueError(f"two rules are called {twice}")
        for rule in self.rules:
            if not rule.group:
                continue
            named = self.groups.get(rule.group)
            if named is None:
                raise ValueError(f"rule {rule.id} names the group {rule.group}, which is not there")
            if named.people and len(named.people) < rule.count:
                raise ValueError(f"rule {rule.id} needs {rule.count} of {len(named.people)} people")
        if len({(p.iss, p.sub) for p in self.roster}) != len(self.roster):
            raise ValueError("someone is on the roster twice")
        return self

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, every key there: what the digest covers."""
        return self.model_dump(mode="json", by_alias=True)


class BadDocument(ValueError):
    """A document that cannot be a policy: `(JSON pointer, words)` for each thing that is wrong."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{where}: {words}" for where, words in problems))
        self.problems = problems


def read(value: Mapping[str, Any]) -> Document:
    """The document that a JSON object is.

    Raises:
        BadDocument: naming each thing that is wrong.
    """
    try:
        return Document.model_validate(value)
    except ValidationError as error:
        raise BadDocument(
            [(_pointer(found["loc"]), _words(found)) for found in error.errors()]
        ) from None


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join(f"/{part}" for part in location)


_LIMITS: Final = {
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length}",
    "too_long": "at most {max_length}",
    "string_too_long": "at most {max_length} characters",
    "int_type": "a whole number",
    "literal_error": "one of {expected}",
    "extra_forbidden": "there is no such key",
    "missing": "is missing",
}


def _words(found: Any) -> str:
    if found["type"] == "string_pattern_mismatch":
        return _patterns(found)
    if limit := _LIMITS.get(found["type"]):
        return limit.format(**found.get("ctx", {}))
    return str(found["msg"]).removeprefix("Value error, ")


def _patterns(found: Any) -> str:
    if re.search(r"verbs", _pointer(found["loc"])):
        return f"{found['input']!r} is no verb; write skill.block, skill.*, *.block or *"
    return "use small letters, digits and hyphens, beginning with a letter"


def _rule(**said: Any) -> dict[str, Any]:
    return Rule.model_validate(said).model_dump(mode="json")


DEFAULT: Final[dict[str, Any]] = Document.model_validate(
    {
        "schema": SCHEMA,
        "number": 0,
        "rules": [
            _rule(id="findings-ask", verbs=["*"], automatic=True, approver="another"),
            _rule(
                id="policy-and-keys",
                verbs=[
                    "policy.*",
                    "passkey.*",
                    "outpost.*",
                    "gateway.*",
                    "subject.*",
                    "legal_hold.*",
                ],
                approver="another",
            ),
            _rule(id="others-things", verbs=["*"], others=True, approver="another"),
            _rule(id="critical", verbs=["*"], severities=["CRITICAL"], approver="another"),
            _rule(id="high", verbs=["*"], severities=["HIGH"], approver="self", escalate=False),
        ],
    }
).as_json()
"""In force until somebody changes it. What no rule matches is committed at once."""

SAFEST: Final[dict[str, Any]] = Document.model_validate(
    {
        "schema": SCHEMA,
        "number": 0,
        "rules": [_rule(id="safest", verbs=["*"], approver="another", on_denial="keep_hold")],
    }
).as_json()
"""In force where the stored document is not what its digest says: nothing passes without another
person, and nothing that was asked under another policy commits."""
