"""The policy in force as sentences, made from the policy itself and the registered verbs."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings

from approvals import actor_json, policy, proven_approvals, registry
from approvals.erasure.erased_or_altered_documents import Standing
from approvals.models import Approval, Outcome, PolicyVersion
from approvals.pipeline.intent import digest
from approvals.policy import diff, policy_change, policy_in_force, rule_summaries, sentences
from approvals.policy.document import BadDocument, Document, read
from approvals.policy.policy_in_force import InForce
from approvals.registry import Stance, Verb

_STANCES = {
    Stance.TIGHTEN: "Tightening: at once",
    Stance.RECORD: "Taking note: at once",
    Stance.FINAL: "Final: by the rules above",
    Stance.LOOSEN: "Loosening: by the rules above",
}
_ORDER = (Stance.TIGHTEN, Stance.RECORD, Stance.FINAL, Stance.LOOSEN)
_HISTORY = 50

ALWAYS = (
    "Holding, suspending, freezing and acknowledging need no approval at any severity.",
    "You decide about your own accounts at once. Ending what someone else restricted takes them or "
    "an approval.",
    "Severity is the highest of open findings, the latest scan and what the caller says: a caller "
    "may raise it, never lower it. What relaxes a component counts at least as grave as a request "
    "to block that waits, a hold and each earlier finding that no one settled. Dismissing a "
    "finding counts as that finding, and ends no hold and no block.",
    "What is final or relaxes something at HIGH or CRITICAL always needs a person. So does what a "
    "finding requests automatically. CRITICAL, the policy and keys need another one than the one "
    "who asks. Where no one else holds the role, the one who asks may approve, and the record says "
    "single-person. No policy can go below that.",
    "An approval takes effect only if nothing has changed and the same policy is in force.",
    "A manifest gains no permission, connection or address that another person did not approve.",
    "A component that a caller names gets a credential only after an allow, unless an admin left "
    "those open that no one decided on.",
    "The broker goes by the component that a caller names. The name is asserted: a caller "
    "that gives another component's name gets its rights.",
)
"""What holds under every policy."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One rule: its place, its name and what it says in short."""

    place: int
    id: str
    said: rule_summaries.Summary


@dataclass(frozen=True, slots=True)
class Group:
    """Verbs of one stance, as `(what, who may)`."""

    title: str
    verbs: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Version:
    """One version in the history: who asked, who approved, when, and where that is recorded."""

    digest: str
    number: int
    created: datetime | None
    author: str
    approval: str
    event_id: UUID | None
    in_force: bool
    changes: list[diff.Change]

    @property
    def name(self) -> str:
        """How pages call it."""
        return version_name(self.digest, self.number)


@dataclass(frozen=True, slots=True)
class Policy:
    """A document in words, with its digest and exact text."""

    rules: list[Shown]
    otherwise: list[str]
    groups: list[str]
    roster: list[str]
    number: int
    digest: str
    text: str
    broken: bool
    standing: Standing
    table: list[rule_summaries.Line]
    about_holds: str
    about_time: str

    @property
    def name(self) -> str:
        """How pages call it."""
        return version_name(self.digest, self.number)


def version_name(its_digest: str, number: int) -> str:
    """`Default policy`, or `Version 3` of what an admin made."""
    is_default = its_digest == policy_in_force.default().digest
    return "Default policy" if is_default else f"Version {number:,}"


def in_words(found: InForce) -> Policy:
    """A version of the policy in words."""
    document = found.document
    named = policy_in_force.names_in(document)
    return Policy(
        rules=[
            Shown(place, rule.id, rule_summaries.summary(rule, settings.STEP_UP_EXPIRY_S))
            for place, rule in enumerate(document.rules, start=1)
        ],
        otherwise=[
            f"If no rule matches, it applies immediately, {rule_summaries.UNLESS_THE_MINIMUM}",
            f"Relaxing something that was never scanned counts as "
            f"{document.never_scanned_loosening}.",
        ],
        groups=[
            sentences.group_sentence(name, group, named) for name, group in document.groups.items()
        ],
        roster=[named.get((p.iss, p.sub), p.sub) for p in document.roster],
        number=document.number,
        digest=found.digest,
        text=json.dumps(document.as_json(), indent=2, sort_keys=True),
        broken=bool(found.broken),
        standing=found.standing,
        table=rule_summaries.lines(document, settings.STEP_UP_EXPIRY_S),
        about_holds=rule_summaries.about_holds(document.rules),
        about_time=rule_summaries.about_time(document.rules, settings.STEP_UP_EXPIRY_S),
    )


def differences(before: Document, after: Document) -> list[diff.Change]:
    """What a change changes, people by their names."""
    named = policy_in_force.names_in(before, after)
    return diff.changes(before, after, settings.STEP_UP_EXPIRY_S, named)


def history() -> list[Version]:
    """Every version, newest first; the last is what was in force before anybody changed it."""
    rows = list(PolicyVersion.objects.order_by("-id")[: _HISTORY + 1])
    documents = [policy_in_force.shown(row.digest).document for row in rows]
    default = policy_in_force.default()
    found = [
        Version(
            digest=row.digest,
            number=document.number,
            created=row.created,
            author=_author(row),
            approval=row.approval,
            event_id=row.event_id,
            in_force=place == 0,
            changes=differences(before, document),
        )
        for place, (row, document, before) in enumerate(
            zip(rows, documents, [*documents, default.document][1:], strict=True)
        )
    ][:_HISTORY]
    if len(rows) <= _HISTORY:
        found.append(
            Version(default.digest, default.document.number, None, "", "", None, not rows, [])
        )
    return found


def approver(version: Version) -> str:
    """By whom a version was approved, and how where one person did both; empty where nobody did."""
    found = Approval.objects.filter(pk=version.approval).first() if version.approval else None
    if found is None or found.outcome != Outcome.APPROVED:
        return ""
    names = " and ".join(str(ask.person) for ask in proven_approvals.approved_asks(found))
    said = f"{names} (single-person)" if found.single_person else names
    signed = proven_approvals.signatures([found])[found.pk]
    if proven_approvals.all_signed(found, signed) and _made(found, version):
        return f"approved by {said}"
    return f"recorded as approved by {said or 'no one named'}; no proof found"


def _made(approval: Approval, version: Version) -> bool:
    """Whether a request was for this version; its row may name any request."""
    if approval.verb != policy_change.VERB:
        return False
    try:
        return digest(read(approval.params["document"]).as_json()) == version.digest
    except (BadDocument, KeyError):
        return False


def _author(row: PolicyVersion) -> str:
    who = actor_json.from_json(row.author)
    return who.name or who.email or who.sub


def in_force() -> Policy:
    """The policy that the next decision will meet."""
    return in_words(policy.in_force())


def verb_groups() -> list[Group]:
    """The registered verbs by stance, with who may take them."""
    by_stance: dict[Stance, dict[tuple[str, str], list[str]]] = defaultdict(dict)
    for name in registry.names():
        verb = registry.get(name)
        key = (verb.label, _who_may(verb))
        kinds = by_stance[verb.stance].setdefault(key, [])
        kinds += [kind.replace("_", " ") for kind in sorted(verb.target_kinds)]
    return [
        Group(
            _STANCES[stance],
            [
                (f"{label}: {_list(kinds)}", who)
                for (label, who), kinds in by_stance[stance].items()
            ],
        )
        for stance in _ORDER
        if by_stance[stance]
    ]


def _who_may(verb: Verb) -> str:
    roles = " or ".join(sorted(verb.roles))
    if verb.owns is None:
        return roles
    return f"its owner, or {roles}" if roles else "its owner"


_CALLED = {"mcp": "MCP server", "subject": "person"}


def _list(kinds: list[str]) -> str:
    unique = sorted({_CALLED.get(kind, kind) for kind in kinds})
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} or {unique[-1]}"
