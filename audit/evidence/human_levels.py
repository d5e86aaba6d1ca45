"""How strongly a person is tied to an event: the human scale H0 … H3 (DESIGN 1.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    if not event["evidence"]:
        return _NOTHING
    trusted = storage.IssuerKeys() if keys is None else keys
    judged = _judged(event, trusted, _passkeys() if _has_assertion(event) else {})
    return person_and_log_levels.level_of(dict(event), judged)


def signatures(events: Sequence[Mapping[str, Any]]) -> list[set[tuple[str, str, str]]]:
    """Of each public event, issuer and subject of those whose signature over its very intent is in
    its evidence, and its kind: `approval_token` or `assertion`."""
    keys = storage.IssuerKeys()
    passkeys = _passkeys() if any(map(_has_assertion, events)) else {}
    return [
        {
            (*one.person, one.kind)
            for one in _judged(event, keys, passkeys)
            if one.counts and one.signs
        }
        for event in events
    ]


def _judged(
    event: Mapping[str, Any],
    keys: person_and_log_levels.IssuerKeys,
    passkeys: Mapping[str, Passkey],
) -> tuple[person_and_log_levels.Judged, ...]:
    bodies = storage.bodies(reference["digest"] for reference in event["evidence"])
    return tuple(person_and_log_levels.judge(dict(event), bodies, keys, passkeys))


def _has_assertion(event: Mapping[str, Any]) -> bool:
    return any(reference["kind"] == "assertion" for reference in event["evidence"])


def level(event: Mapping[str, Any], keys: person_and_log_levels.IssuerKeys | None = None) -> str:
    """Level code of a public event; `keys` are those of its issuers, where somebody read them."""
    return explain(event, keys).code
