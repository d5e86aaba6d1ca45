"""Rows of each DefenseClaw table as events."""

from __future__ import annotations

from audit.importing.mapping.decision_tag_matches import Matches
from audit.importing.mapping.mapper import Malformed, Mapper

__all__ = ["Malformed", "Mapper", "Matches"]
