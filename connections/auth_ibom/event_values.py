"""Values in an opened event, as a replay reads them. Pure Python."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connections.auth_ibom.record_types import ERASED


def text(value: object) -> str:
    """A personal value; what else stands in its place is the mark of an erasure."""
    return value if isinstance(value, str) else ERASED if value else ""


def moment(value: str) -> datetime:
    """A time as entries write it (RFC 3339)."""
    return datetime.fromisoformat(value)


def owner(data: Mapping[str, Any]) -> tuple[str | None, str, str] | None:
    """Issuer (None where it was erased), subject and e-mail of whose it is; None where the event
    does not say."""
    if "owner" not in data:
        return None
    owner = data["owner"]
    if isinstance(owner, Mapping) and "sub" in owner:
        return text(owner.get("iss")), text(owner.get("sub")), text(owner.get("email"))
    return None, ERASED, ERASED
