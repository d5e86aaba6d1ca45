"""What the portal decided about a skill, MCP server, plugin or tool, and a hold that stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.db import models

from audit.clock import rfc3339


class Decision(models.TextChoices):
    """The standing decision; a hold lies on top of it and does not change it."""

    NONE = "none", "no decision"
    BLOCK = "block", "blocked"
    ALLOW = "allow", "allowed"


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds it, until when and why; `holder` is the approval or operation that placed it."""

    holder: str
    by: str
    at: datetime | None
    until: str = ""
    approval: str = ""
    reason: str = ""

    def as_json(self) -> dict[str, str]:
        """As `Asset.holds_below` keeps it."""
        return {
            "holder": self.holder,
            "by": self.by,
            "at": rfc3339(self.at) if self.at else "",
            "until": self.until,
            "approval": self.approval,
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, str]) -> Self:
        """What `as_json` made."""
        at = datetime.fromisoformat(plain["at"]) if plain["at"] else None
        return cls(**{**plain, "at": at})  # type: ignore[arg-type]


class Asset(models.Model):
    """One thing on one instance, or on every instance where `instance` is empty.

    Several may hold it: the columns tell of the newest hold, `holds_below` of those that it lies
    on, the oldest first. Each ends separately, so that nobody ends another's.
    """

    kind = models.CharField(max_length=10)
    name = models.CharField(max_length=300)
    instance = models.CharField(max_length=60, blank=True)
    decision = models.CharField(max_length=10, choices=Decision, default=Decision.NONE)
    decided_by = models.CharField(max_length=254, blank=True)  # name for display
    decided_sub = models.CharField(max_length=255, blank=True)
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    approval = models.CharField(max_length=36, blank=True)
    operation = models.CharField(max_length=36, blank=True)
    holder = models.CharField(max_length=36, blank=True)  # approval or operation that holds it
    held_by = models.CharField(max_length=254, blank=True)
    held_at = models.DateTimeField(null=True)
    held_until = models.CharField(max_length=40, blank=True)
    hold_approval = models.CharField(max_length=36, blank=True)
    hold_reason = models.TextField(blank=True)
    holds_below = models.JSONField(default=list)  # as `Hold.as_json`, the oldest first
    also_by = models.JSONField(default=list)  # subjects whose holds or blocks this block replaced

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["kind", "name", "instance"], name="one_standing_per_asset"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.standing}"

    @property
    def standing(self) -> str:
        """`hold` while it is held, else the decision."""
        return "hold" if self.holder else self.decision

    @property
    def is_decided(self) -> bool:
        """Whether somebody decided on this scope: a hold that ended is no decision."""
        return self.decision != Decision.NONE or self.decided_at is not None

    @property
    def holds(self) -> list[Hold]:
        """Every hold on this scope, the newest first; none where nobody holds it."""
        if not self.holder:
            return []
        newest = Hold(
            self.holder,
            self.held_by,
            self.held_at,
            self.held_until,
            self.hold_approval,
            self.hold_reason,
        )
        return [newest, *map(Hold.from_json, reversed(self.holds_below))]

    def put_holds(self, holds: list[Hold]) -> None:
        """Set what holds it, the newest first (not saved)."""
        newest, *below = holds or [Hold("", "", None)]
        self.holder, self.held_by, self.held_at = newest.holder, newest.by, newest.at
        self.held_until, self.hold_approval = newest.until, newest.approval
        self.hold_reason = newest.reason
        self.holds_below = [one.as_json() for one in reversed(below)]
