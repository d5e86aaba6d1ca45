"""What is set for a connection about scopes beyond manifests and about callers without one."""

from __future__ import annotations

from typing import Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from connections.models import ScopeRule

SHORTEST_S: Final = 300
LONGEST_S: Final = 7 * 86_400


class Rules(BaseModel):
    """All rules of one connection.

    Attributes:
        excess: what happens when Auth0 returns scopes that no manifest of the caller declares:
            `flag` hands the token out and says so, `refuse` drops it.
        anonymous: whether a caller without a manifest gets a token although manifests name this
            connection.
        allow_for_s: seconds that an approved escalation lasts at most.
    """

    model_config = ConfigDict(extra="forbid")

    excess: Literal["flag", "refuse"]
    anonymous: bool
    allow_for_s: int = Field(ge=SHORTEST_S, le=LONGEST_S)

    def looser_than(self, other: Rules) -> bool:
        """Whether this lets through anything that the other does not."""
        return (
            (self.excess == "flag" and other.excess == "refuse")
            or (self.anonymous and not other.anonymous)
            or self.allow_for_s > other.allow_for_s
        )


def of(connection: str) -> Rules:
    """The rules of a connection, the default where nobody set any; one indexed read."""
    row = ScopeRule.objects.filter(name=connection).first()
    return default_rules() if row is None else _read(row)


def default_rules() -> Rules:
    """The rules of a connection for which nobody set any; reads nothing."""
    return _read(ScopeRule())


def of_all() -> dict[str, Rules]:
    """The rules of every connection that has some."""
    return {row.name: _read(row) for row in ScopeRule.objects.all()}


def _read(row: ScopeRule) -> Rules:
    """As it is stored: a row that was edited by hand refuses, and breaks no page."""
    return Rules.model_construct(
        excess=cast("Literal['flag', 'refuse']", row.excess),
        anonymous=row.anonymous,
        allow_for_s=row.allow_for_s,
    )
