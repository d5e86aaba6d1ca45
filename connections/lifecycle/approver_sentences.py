"""What approvers of decisions about accounts read: whose account, why it is risky, what follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from audit.ledger.format import safe_display
from audit.recording.actors import Target
from connections import account_names, permissions, phone_sentence_length

IF_REVOKED: Final = (
    "The portal gives no new token of it. Auth0 deletes it once the owner next visits the portal; "
    "someone who left may never do so. Tokens issued earlier stay valid until they expire. "
    "The provider keeps its own consent."
)
IF_ALL_REVOKED: Final = (
    "The portal gives no new token of them. Auth0 deletes each once its owner next visits the "
    "portal; who left may never do so. Tokens issued earlier stay valid until they expire. "
    "Each provider keeps its own consent."
)


def account(target: Target, _params: Mapping[str, Any]) -> str:
    """Such as `Mia Member's GitHub account octo-dev, id 671075 at GitHub`; empty where it is gone.

    The name is what its owner calls it, so the provider’s own id follows; an account
    without either is known by the day on which it was connected.
    """
    found = permissions.by_id(target.name)
    if found is None:
        return ""
    said = account_names.to_approve(found, account_names.LONGEST_NAME)
    if found.label and found.provider_user:
        number = safe_display.short(found.provider_user, account_names.LONGEST_NAME)
        return f"{said}, id {number} at {phone_sentence_length.title(found.connection)}"
    if not found.named and found.connected_at:
        return f"{said}, connected on {found.connected_at:%d %b %Y}"
    return said


def risk_of_revoking(_target: Target, _params: Mapping[str, Any]) -> str:
    """Of an account of another person."""
    return "agents lose this account until its owner connects it again"


def risk_of_letting_in(_target: Target, _params: Mapping[str, Any]) -> str:
    """Of an account that is suspended or asleep."""
    return "agents can use this account again"
