"""The tag of each try at a gateway, in the places where its audit row repeats it.

Generation C repeats request id and reason, B the request id only (its log redacts reasons), A the
first 120 characters of the reason only. So the tag is the request id, and stands at the front of
the reason; that of a hold is cut off in the log of A, whose rows then match nothing.
"""

from __future__ import annotations

from typing import Final

from approvals.registry import EffectRun
from audit.importing import decision_tag_hmac
from audit.importing.decision_tag_hmac import Content
from audit.importing.mapping.decision_tag_matches import tag_of_act
from audit.importing.source_row_identity import SourceRow
from enforcement.gateways.client import Listed

BLOCK: Final = "api-enforce-block"
UNBLOCK: Final = "api-enforce-unblock"
ALLOW: Final = "api-enforce-allow"

HOLD_MARK: Final = "ATA hold "


def mint(run: EffectRun, action: str, kind: str, name: str) -> str:
    """The tag of this try; `action` is what the gateway logs the call as."""
    content = Content(action, kind, name, run.instance)
    return decision_tag_hmac.mint(run.operation, run.attempt, content)


def reason_with(tag: str, reason: str) -> str:
    """`[ATA <tag>] reads all of home`; a hold has it at the end, so that it still reads as one."""
    if reason.startswith(HOLD_MARK):
        return f"{reason} [ATA {tag}]"
    return f"[ATA {tag}] {reason}".strip()


def is_ours(listed: Listed, run: EffectRun, action: str, reason: str) -> bool:
    """Whether a line of the gateway's list is what an earlier try of this step wrote."""
    if listed.reason == reason and run.operation in reason:
        return True  # written before tries had tags
    content = Content(action, listed.kind, listed.name, run.instance)
    return decision_tag_hmac.without(listed.reason) == reason and any(
        tag.operation == run.operation and tag.verifies(content)
        for tag in decision_tag_hmac.find(listed.reason)
    )


def is_of_this_portal(listed: Listed, instance: str, action: str) -> bool:
    """Whether a line of the gateway's list has the tag of any try of this portal for it; who copied
    one passes too."""
    content = Content(action, listed.kind, listed.name, instance)
    return any(tag.verifies(content) for tag in decision_tag_hmac.find(listed.reason))


def operation_of(reason: str, kind: str, name: str, instance: str) -> str:
    """The operation whose try wrote a reason of the gateway about this thing; empty where none of
    this portal did. Who copied the tag into the same place passes too."""
    contents = [Content(action, kind, name, instance) for action in (BLOCK, ALLOW)]
    found = decision_tag_hmac.find(reason)
    return next((t.operation for t in found if any(map(t.verifies, contents))), "")


def names_person(row: SourceRow, run: EffectRun, action: str, kind: str, name: str) -> bool:
    """Whether a row of the gateway's log is what an earlier try of this step wrote."""
    tag = tag_of_act(row, run.instance)
    if tag is None or tag.operation != run.operation:
        return False
    return tag.verifies(Content(action, kind, name, run.instance))
