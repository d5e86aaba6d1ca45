"""What is set for a connection about scopes beyond manifests and about callers without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, cast

from connections.models import ScopeRule

type Excess = Literal["flag", "refuse"]

SHORTEST_S: Final = 300
LONGEST_S: Final = 7 * 86_400
DEFAULT_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Rules:
    """What is set; the default is what holds where nobody set anything.

    Attributes:
        excess: what happens when Auth0 returns scopes that no manifest of the caller declares:
            `flag` hands the token out and says so, `refuse` drops it.
        anonymous: whether a caller without a manifest gets a token although manifests name this
            connection.
        allow_for_s: seconds that an approved escalation lasts at most.
    """

    excess: Excess = "flag"
    anonymous: bool = False
    allow_for_s: int = DEFAULT_S

    def as_json(self) -> dict[str, object]:
        """Plain JSON, every key there."""
        return {
            "excess": self.excess,
            "anonymous": self.anonymous,
            "allow_for_s": self.allow_for_s,
        }

    def looser_than(self, other: Rules) -> bool:
        """Whether this lets through anything that the other does not."""
        return (
            (self.excess == "flag" and other.excess == "refuse")
            or (self.anonymous and not other.anonymous)
            or self.allow_for_s > other.allow_for_s
        )


def of(connection: str) -> Rules:
    """The rules of a connection; one indexed read."""
    row = ScopeRule.objects.filter(name=connection).first()
    return _read(row) if row else Rules()


def of_all() -> dict[str, Rules]:
    """The rules of every connection that has some."""
    return {row.name: _read(row) for row in ScopeRule.objects.all()}


def _read(row: ScopeRule) -> Rules:
    return Rules(cast("Excess", row.excess), row.anonymous, row.allow_for_s)
