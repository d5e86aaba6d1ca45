"""Who acted, as far as a DefenseClaw row tells, and how much that is worth.

DefenseClaw knows no person. In generations 0 and 7 the actor of a block is always `defenseclaw`;
in v8 the actor column of schema-derived families names the producing component. A person may stand
in the payload, but everybody with the shared gateway token can write any name there. So every
imported actor carries its provenance, and none is more than asserted (human level H0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

ASSERTED: Final = "asserted"
SHARED: Final = "shared-token"
SYSTEM: Final = "system"
UNATTRIBUTED: Final = "unattributed"
PROVENANCES: Final = (ASSERTED, SHARED, SYSTEM, UNATTRIBUTED)

_SHARED_NAMES: Final = frozenset({"cli", "cli:operator", "operator", "api", "cli:auth0-ata"})
_PRODUCERS: Final = frozenset(
    {"audit_logger", "observability_runtime", "observability_alert_projection"}
)
_SYSTEM_NAMES: Final = frozenset({"system", "openshell", "cli:upgrade", "scanner", "watcher"})
_COMPONENTS: Final = ("defenseclaw-", "defenseclaw.", "gateway.", "gateway_api")
_PREFIX: Final = re.compile(r"(?:operator|principal|user|cli):", re.IGNORECASE)
_PROVIDER: Final = re.compile(r"[a-z0-9][a-z0-9-]*[/|].+", re.IGNORECASE)
# What only a person does, however the row calls the actor.
_PERSONS_ACT: Final = re.compile(
    r"(?:api-(?:enforce|config|skill|plugin|mcp)|setup|registry|policy|config|init)-"
    r"|(?:skill|plugin|tool|mcp)-(?:block|unblock|allow|enable|disable|quarantine|restore|set|unset"
    r"|install|remove)|(?:block|allow)-mcp|(?:block|allow|enable|disable|deploy)\Z"
    r"|(?:acknowledge|dismiss)-alert"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a row says about who acted: a subject, or only a name, or nobody."""

    provenance: str
    sub: str = ""
    name: str = ""


def resolve(
    body: Mapping[str, Any], details: Mapping[str, Any], column: str, *, action: str, source: str
) -> Claim:
    """The effective actor: principal_ref, actor_ref, payload actor, details actor, user, column.

    `source` is that of v8: through the operator API the shared token was presented.
    """
    for name in _candidates(body, details):
        claim = _claim(name, action, source)
        if claim.provenance != UNATTRIBUTED:
            return claim
    return _claim(column, action, source)


def _candidates(body: Mapping[str, Any], details: Mapping[str, Any]) -> Iterable[str]:
    for source, key in (
        (body, "defenseclaw.admin.principal_ref"),
        (body, "defenseclaw.admin.actor_ref"),
        (body, "actor"),
        (details, "actor"),
    ):
        value = source.get(key)
        if isinstance(value, str) and value.strip():
            yield value.strip()
    if user := _user_of_the_host(body):
        yield user


def _user_of_the_host(body: Mapping[str, Any]) -> str:
    """The user that an agent or a command ran as: its name, where the id is only a number."""
    number, name = body.get("user.id"), body.get("defenseclaw.user.name")
    if not isinstance(number, str) or not number.strip():
        return ""
    if not number.strip().isdecimal():
        return number.strip()
    named = name.strip() if isinstance(name, str) else ""
    return f"user:{named}" if named else f"uid {number.strip()}"


def _claim(name: str, action: str, source: str) -> Claim:
    word = name.strip()
    lower = word.lower()
    person = _PERSONS_ACT.match(action) is not None
    if not word:
        return Claim(UNATTRIBUTED)
    if lower in _SHARED_NAMES:
        return Claim(SHARED, name=word)
    if lower in _PRODUCERS:
        return Claim(UNATTRIBUTED) if person else Claim(SYSTEM, name="DefenseClaw")
    if lower == "defenseclaw":
        if not person:
            return Claim(SYSTEM, name="DefenseClaw")
        by_api = action.startswith("api-") or source in {"operator_api", "cli"}
        return Claim(SHARED, name="DefenseClaw operator") if by_api else Claim(UNATTRIBUTED)
    if lower in _SYSTEM_NAMES or lower.startswith(_COMPONENTS):
        return Claim(SYSTEM, name=word)
    return asserted(word)


def asserted(word: str) -> Claim:
    """A person somebody named: `operator:auth0/65f0…` is the subject `auth0|65f0…`."""
    prefix = _PREFIX.match(word)
    bare = word[prefix.end() :] if prefix else word
    if not bare:
        return Claim(UNATTRIBUTED)
    if "|" in bare:
        return Claim(ASSERTED, sub=bare)
    # DefenseClaw's identities have no "|"; only its prefixed forms stand for it with "/".
    if prefix and _PROVIDER.fullmatch(bare):
        return Claim(ASSERTED, sub=bare.replace("/", "|"))
    return Claim(ASSERTED, name=bare)
