"""What an event claims about people, and what evidence that was not checked leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from audit.ledger import person_and_log_levels
from audit.ledger.format.allowed_field_values import IMPORTED
from audit.ledger.packs import report_sentences as words
from audit.ledger.packs.pack_check_result import WHO_ACTED, WHO_APPROVED, Claim, Named
from audit.ledger.person_and_log_levels import Judged, Level


def claim_of(
    event: dict[str, Any],
    judged: Sequence[Judged],
    human: Level,
    gaps: Iterable[tuple[str, str]],
) -> Claim:
    """What an event says about people, whose evidence was judged; `gaps` as `Claim.gaps`."""
    actor = event["actor"]
    named = words.text(actor["sub"]) or (event["via"] != "task" and words.text(actor["name"]))
    approved = (
        () if person_and_log_levels.is_refusal(event) else person_and_log_levels.approvers(event)
    )
    imported = event["source"] in IMPORTED
    acts = frozenset(str(event[key]) for key in ("approval", "operation") if event[key])
    counted = [one for one in judged if one.counts]
    signatures = counted if human.code >= "H2" else []
    return Claim(
        actor=_person(actor) if named else None,
        approvers=tuple(dict.fromkeys(map(_person, approved))),
        signed_in=frozenset(one.person for one in counted if one.kind == "id_token"),
        signed=frozenset(one.person for one in signatures if one.kind != "id_token"),
        acts=frozenset() if imported else acts,
        intent=event["intent_hash"],
        imported=imported,
        gaps=tuple(gaps),
    )


def _person(who: Mapping[str, Any]) -> Named:
    iss, sub = who.get("iss"), who.get("sub")
    if isinstance(iss, str) and isinstance(sub, str):
        return Named(words.person(who), (iss, sub))
    return Named(words.person(who), ("", ""))


def unproven(judged: Sequence[Judged]) -> Iterable[tuple[str, Judged]]:
    """What the evidence that was not checked leaves open; of two signatures one is enough."""
    signed = any(one.counts and one.kind != "id_token" for one in judged)
    for one in judged:
        if one.state == "unknown" and one.kind == "id_token":
            yield WHO_ACTED, one
        elif one.state == "unknown" and not signed:
            yield WHO_APPROVED, one
