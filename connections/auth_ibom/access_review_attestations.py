"""What access reviews came to, as CycloneDX declarations against a standard of two requirements.

An account's newest closed review is what counts. Each decision is a claim about its credential, the
signed result of the review is the evidence, and one attestation a review maps claims to
requirements; what nobody decided is a counter claim, never a silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.conf import settings

from approvals.clock import stamp
from connections.auth_ibom.inventory_records import Decision, Reviewed

STANDARD: Final = "standard:ata.access-review.v1"
LOOKED_AT: Final = "requirement:looked-at"
FOLLOWED: Final = "requirement:followed"
_ASSESSOR: Final = "assessor:reviewers"
_PREDICATES: Final = {
    "keep": "Someone who may decide on it said that it is kept as it was.",
    "reduce": "Someone who may decide on it said that it has more scope than manifests need.",
    "revoke": "Someone who may decide on it said that it is revoked.",
    "": "No one decided on it before the review was closed.",
}
_ENDED: Final = frozenset({"revoked", "gone", "revocation_pending"})


def standard() -> dict[str, Any]:
    """The `definitions` of a document with declarations."""
    texts = (
        (LOOKED_AT, "AR-1", "Each credential is looked at",
         "Its owner or a named admin decides to keep, reduce or revoke each credential of a frozen "
         "list before the review is closed (SOC 2 CC6.1 to CC6.3)."),
        (FOLLOWED, "AR-2", "A decision has its consequence",
         "What was to be revoked is refused or gone, and what was to be reduced has no scope left "
         "that manifests do not need."),
    )  # fmt: skip
    return {
        "standards": [
            {
                "bom-ref": STANDARD,
                "name": "Access reviews of Auth0-ATA",
                "version": "1",
                "owner": "Auth0-ATA",
                "description": "docs/ibom.md says what each requirement is held to.",
                "requirements": [
                    {"bom-ref": ref, "identifier": id, "title": title, "text": text}
                    for ref, id, title, text in texts
                ],
            }
        ]
    }


def build(
    reviews: Iterable[Reviewed], states: Mapping[str, str], excess: Mapping[str, bool]
) -> dict[str, Any] | None:
    """The `declarations` about the credentials of a document; None where there is nothing to say.

    Args:
        reviews: closed ones, oldest first.
        states: how each account stands, by its id; others have no credential in the document.
        excess: whether an account has scopes that no manifest declares.
    """
    newest: dict[str, tuple[Reviewed, Decision]] = {}
    for review in reviews:
        for account, decision in review.decisions.items():
            if account in states:
                newest[account] = (review, decision)
    if not newest:
        return None
    claims, attestations, evidence = [], [], []
    for review, decisions in _by_review(newest.values()):
        evidence.append(_evidence(review))
        claims += [_claim(review, decision) for decision in decisions]
        attestations.append(_attestation(review, decisions, states, excess))
    return {
        "assessors": [
            {
                "bom-ref": _ASSESSOR,
                "thirdParty": False,
                "organization": {"name": "Owners and admins of this portal"},
            }
        ],
        "attestations": attestations,
        "claims": claims,
        "evidence": evidence,
    }


def _by_review(
    found: Iterable[tuple[Reviewed, Decision]],
) -> Iterator[tuple[Reviewed, list[Decision]]]:
    grouped: dict[str, tuple[Reviewed, list[Decision]]] = {}
    for review, decision in found:
        grouped.setdefault(review.id, (review, []))[1].append(decision)
    for _, (review, decisions) in sorted(grouped.items()):
        yield review, sorted(decisions, key=lambda one: one.account)


def _evidence(review: Reviewed) -> dict[str, Any]:
    url = f"{settings.PORTAL_URL}/connections/reviews/{review.id}/result/"
    found: dict[str, Any] = {
        "bom-ref": f"evidence:{review.id}",
        "propertyName": "ata:access_review.result",
        "description": f"The signed result of the access review “{review.title}”, SHA-256 "
        f"{review.result_sha256}; entry {review.index} of the log names that hash.",
        "data": [{"name": "result", "contents": {"url": url}, "classification": "confidential"}],
    }
    if review.closed is not None:
        found["created"] = stamp(review.closed)
    return found


def _ref(review: Reviewed, decision: Decision) -> str:
    return f"claim:{review.id}:{decision.account}"


def _claim(review: Reviewed, decision: Decision) -> dict[str, Any]:
    found: dict[str, Any] = {
        "bom-ref": _ref(review, decision),
        "target": f"credential:{decision.account}",
        "predicate": _PREDICATES[decision.choice],
        "evidence": [f"evidence:{review.id}"],
    }
    said = [decision.reason, "The owner decided." if decision.own else ""]
    if reasoning := " ".join(filter(None, said)):
        found["reasoning"] = reasoning
    if decision.event:
        found["externalReferences"] = references(decision.event, decision.index)
    return found


def references(event: str, index: int | None) -> list[dict[str, str]]:
    """Where an event's entry and its proof are, for a reader who checks them."""
    base, comment = f"{settings.PORTAL_URL}/v1/audit/events/{event}", f"entry {index} of the log"
    return [
        {"type": "log", "url": f"{base}/entry", "comment": comment},
        {"type": "evidence", "url": f"{base}/proof", "comment": comment},
    ]


def _attestation(
    review: Reviewed,
    decisions: list[Decision],
    states: Mapping[str, str],
    excess: Mapping[str, bool],
) -> dict[str, Any]:
    decided = [one for one in decisions if one.choice]
    acts = [one for one in decided if one.choice != "keep"]
    done = [one for one in acts if _followed(one, states, excess)]
    undecided = review.undecided
    return {
        "summary": f"Access review “{review.title}”: {review.accounts} accounts, {undecided} of "
        f"them undecided when it was closed. Here: {len(decisions)} whose newest review it is.",
        "assessor": _ASSESSOR,
        "map": [
            _mapped(LOOKED_AT, review, decisions, decided, "decided before the review was closed"),
            *([_mapped(FOLLOWED, review, acts, done, "has its consequence now")] if acts else []),
        ],
    }


def _followed(decision: Decision, states: Mapping[str, str], excess: Mapping[str, bool]) -> bool:
    if states[decision.account] in _ENDED:
        return True
    return decision.choice == "reduce" and not excess.get(decision.account, False)


def _mapped(
    requirement: str, review: Reviewed, decisions: list[Decision], good: list[Decision], words: str
) -> dict[str, Any]:
    counted = {id(one) for one in good}
    rest = [one for one in decisions if id(one) not in counted]
    found: dict[str, Any] = {
        "requirement": requirement,
        "claims": [_ref(review, one) for one in good],
        "conformance": {
            "score": round(len(good) / len(decisions), 4),
            "rationale": f"{len(good)} of {len(decisions)} {words}.",
        },
    }
    if rest:
        found["counterClaims"] = [_ref(review, one) for one in rest]
    return found
