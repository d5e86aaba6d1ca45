"""Hooks between apps that must not import each other (DESIGN 1.2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from approvals.passkeys import verifier_trust_file
from approvals.policy import policy_in_force
from audit import packs
from audit.audit_files import policy_and_review_hooks
from audit.evidence import human_levels
from audit.importing import row_batch_writer
from audit.recording.actors import Target
from connections.access_reviews import signed_result_file
from connections.component_manifests import enforcement_decision_hook, manifest_store
from connections.consent import prompts_for_missing_connections
from connections.scopes import catalogue
from enforcement import known_component_names
from enforcement.bypasses import record_acts
from enforcement.decisions import block_allow_hold
from enforcement.gateways import instances
from enforcement.models import Asset

_STRICTEST = ("hold", "block", "allow")


def wire() -> None:
    """Called once at start: the broker learns decisions, an allow learns what it needs, acts at
    gateways are compared with decisions, levels and packs learn which passkeys to trust, and
    audit files the policies and the results of reviews."""
    enforcement_decision_hook.answer_with(decisions_of)
    block_allow_hold.prerequisites.append(missing_connections)
    block_allow_hold.when_allowed.append(prompts_for_missing_connections.ask_members)
    known_component_names.declared_names.append(manifest_store.names_of)
    row_batch_writer.when_taken.append(record_acts.record_acts)
    human_levels.use_passkeys(verifier_trust_file.trusted)
    packs.use_directory(verifier_trust_file.document)
    policy_and_review_hooks.use_policies(policy_in_force.version_documents)
    policy_and_review_hooks.use_review_results(signed_result_file.result_of)


def decisions_of(components: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The strictest standing of each component that counts for credentials; `none` without one.
    One query for all of them."""
    placed: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    kinds, names = {kind for kind, _ in components}, {name for _, name in components}
    for asset in Asset.objects.filter(kind__in=kinds, name__in=names):
        placed[asset.kind, asset.name].add((asset.instance, asset.standing))
    return {one: _strictest(placed[one]) for one in components}


def _strictest(decided: set[tuple[str, str]]) -> str:
    if any(instance for instance, _ in decided):
        counts = instances.fleet().counts_for_credentials
        decided = {(instance, word) for instance, word in decided if counts(instance, word)}
    standing = {word for _, word in decided}
    return next((word for word in _STRICTEST if word in standing), "none")


def missing_connections(target: Target) -> list[str]:
    """One sentence for each connection that the component needs and somebody has not made."""
    return [
        f"Needs {catalogue.title(connection)}; {count} "
        f"{'person has' if count == 1 else 'people have'} not connected it."
        for connection, count in prompts_for_missing_connections.who_lacks(target).items()
    ]
