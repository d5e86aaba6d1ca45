"""A command to an outpost, `ata.outpost.command.v1`: its fields, its bytes and its signature."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from approvals import clock
from approvals.models import Effect
from audit.keys import outpost_command_key
from audit.ledger.format.canonical import canonical

SCHEMA: Final = "ata.outpost.command.v1"
_PREFIX: Final = f"{SCHEMA}\n".encode()
STEPS: Final[Mapping[str, str]] = {
    f"gateway.{act}": act for act in ("hold", "block", "release", "unblock", "allow")
}
"""The remote steps that an outpost carries out, and what its commands call them."""
RELAXING: Final = frozenset({"release", "unblock", "allow"})
_INSTALLED: Final = frozenset({"skill", "plugin"})


def rows_of(act: str, kind: str) -> tuple[str, ...]:
    """The actions under which a gateway logs what a command makes of a thing, the main one first.

    A skill or plugin is disabled by the gateway's command line, and all entries are made by REST.
    What ends the disable also restores files that a hold moved.
    """
    block, unblock, allow = (f"api-enforce-{one}" for one in ("block", "unblock", "allow"))
    if kind not in _INSTALLED:
        return {"hold": (block,), "block": (block,), "allow": (allow,)}.get(act, (unblock,))
    stops, ends, back = (f"{kind}-{one}" for one in ("disable", "enable", "restore"))
    return {
        "hold": (stops,),
        "block": (stops, block),
        "release": (ends, back),
        "unblock": (ends, back, unblock),
        "allow": (allow, ends, back),
    }[act]


def body(effect: Effect, outpost: str, n: int, tags: Mapping[str, str], now: datetime) -> str:
    """The canonical text of the command for a remote step.

    `strength` is how a thing is stopped: a skill or plugin is disabled, a server or tool blocked.
    `tags` name this step in the gateway's own log and lists, by the action of the row; `tag` is
    the main one. A hold that stays where another
    ends names the intent of the request that holds it.
    """
    installed = effect.target_kind in _INSTALLED
    return canonical(
        {
            "schema": SCHEMA,
            "id": str(effect.pk),
            "outpost": outpost,
            "instance": effect.instance,
            "n": n,
            "issued_at": clock.stamp(now),
            "act": STEPS[effect.kind],
            "kind": effect.target_kind,
            "name": effect.target_name,
            "strength": "disable" if installed else "block",
            "reason": str(effect.payload.get("reason", "")),
            "tag": next(iter(tags.values())),
            "tags": dict(tags),
            "intent_hash": str(effect.payload.get("kept_intent", effect.intent_hash)),
            "operation": effect.operation,
            "approval": str(effect.approval_id or ""),
        }
    ).decode()


def sign(text: str) -> str:
    """The command key's signature over a command's text, base64url.

    Raises:
        LedgerIdentityError: the key cannot be read.
    """
    return outpost_command_key.sign(_PREFIX + text.encode())
