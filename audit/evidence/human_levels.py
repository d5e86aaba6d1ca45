"""How strongly a person is tied to an event: the human scale H0 … H3 (DESIGN 1.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from audit.evidence import storage
from audit.ledger import person_and_log_levels
from audit.ledger.passkey_assertions import Passkey

type PasskeySource = Callable[[], Mapping[str, Passkey]]

_NOTHING = person_and_log_levels.Level("H0", ("No evidence was recorded.",))
_passkeys: PasskeySource = dict


def use_passkeys(source: PasskeySource) -> None:
    """Name the function that returns trusted passkeys by credential id.

    `approvals`, which enrols passkeys, imports this app, so it passes them in.
    """
    global _passkeys
    _passkeys = source


def explain(
    event: Mapping[str, Any], keys: person_and_log_levels.IssuerKeys | None = None
) -> person_and_log_levels.Level:
    """Level of a public event with its reasons, from the bodies in the evidence store.

    Never from mere presence: `audit.ledger.person_and_log_levels` verifies each body.
    """
    references = event["evidence"]
    if not references:
        return _NOTHING
    bodies = storage.bodies(reference["digest"] for reference in references)
    signed = any(reference["kind"] == "assertion" for reference in references)
    passkeys = _passkeys() if signed else {}
    trusted = storage.IssuerKeys() if keys is None else keys
    return person_and_log_levels.human(dict(event), bodies, trusted, passkeys)


def level(event: Mapping[str, Any], keys: person_and_log_levels.IssuerKeys | None = None) -> str:
    """Level code of a public event; `keys` are those of its issuers, where somebody read them."""
    return explain(event, keys).code
