"""Which modules may write which events."""

from __future__ import annotations

from typing import Final

RECORDERS: Final[dict[str, tuple[frozenset[str], str]]] = {
    "approvals.pipeline.deny_expire_cancel": (
        frozenset({"*.override_logged"}),
        "a person refused a finding's request",
    ),
    "approvals.pipeline.commit": (frozenset({"*"}), "THE commit: the verb's own event"),
    "approvals.outbox.step_execution": (
        frozenset({"*"}),
        "the result of a remote step of a committed act",
    ),
    "approvals.erasure.replay": (
        frozenset({"erasure.replayed"}),
        "the certificate of an erasure that a restored database lacked",
    ),
    "approvals.pipeline.target_holds": (
        frozenset({"*"}),
        "the hold while an approval waits, and its end",
    ),
    "approvals.passkeys.sealed_registration": (
        frozenset({"passkey.refused"}),
        "an enrolment that was not",
    ),
    "approvals.absence.set_absence": (
        frozenset({"person.away_set", "person.away_cleared"}),
        "an approver set until when they are away, or ended it; who may approve does not change",
    ),
    "approvals.audit_events": (frozenset({"*"}), "the room's own facts: approval.*"),
    "audit.evidence.body_and_pack_access": (
        frozenset({"audit.exported", "evidence.read"}),
        "evidence and packs that left the store",
    ),
    "audit.exports.jobs": (frozenset({"audit.exported"}), "an export was written"),
    "audit.ingest.reported_events": (frozenset({"*"}), "external.*, claimed by whoever reports it"),
    "audit.importing.changed_rows": (frozenset({"*"}), "a row of DefenseClaw that changed"),
    "audit.importing.mapping.mapper": (frozenset({"defenseclaw.*"}), "a row of DefenseClaw"),
    "audit.importing.mapping.decision_tag_matches": (
        frozenset({"defenseclaw.tag_misused"}),
        "the tag of one decision on a row that it was not made for",
    ),
    "audit.ingest.pushes.missing_pushes": (
        frozenset({"defenseclaw.push_gap"}),
        "what a gateway pushed and is missing",
    ),
    "audit.importing.import_run_events": (
        frozenset({"audit.imported", "audit.quarantined"}),
        "what an import came to",
    ),
    "audit.keys.restored_database_adoption": (
        frozenset({"ledger.adopted"}),
        "a restore was adopted",
    ),
    "audit.keys.key_events": (frozenset({"ledger.key_changed"}), "a key of the log began or ended"),
    "approvals.erasure.changed_scope_refusal": (
        frozenset({"ledger.alarm"}),
        "an erasure is not the one that was approved",
    ),
    "approvals.outbox.seals": (
        frozenset({"ledger.alarm"}),
        "a remote step is not what was committed",
    ),
    "connections.access_reviews.queued_job_seals": (
        frozenset({"ledger.alarm"}),
        "what a worker was to do is not what was asked",
    ),
    "audit.verification.continuous": (
        frozenset({"ledger.alarm"}),
        "what continuous verification found twice",
    ),
    "portal.ops.management.commands.rotate_evidence_key": (
        frozenset({"evidence.key_changed"}),
        "EVIDENCE_KEY changed",
    ),
    "audit.sampling.sample_requests": (
        frozenset({"audit.sample_asked"}),
        "who wants a sample of what",
    ),
    "audit.sampling.draw_and_record": (frozenset({"audit.sampled"}), "what the signed tree drew"),
    "audit.saved_views.changes": (
        frozenset({"audit.view_shared", "audit.view_unshared"}),
        "what others are shown to look at, as it comes, changes and goes",
    ),
    "audit.sequencing.sequencer": (
        frozenset({"ledger.alarm"}),
        "the log does not fit what was signed",
    ),
    "audit.coverage.signed_report_manifest": (
        frozenset({"audit.exported"}),
        "a coverage report was taken",
    ),
    "audit.audit_files.zip_file": (
        frozenset({"audit.exported"}),
        "an audit file or its workpaper was downloaded",
    ),
    "audit.exports.full_log": (frozenset({"audit.exported"}), "the whole log was taken away"),
    "audit.sequencing.checkpoint_thinning": (
        frozenset({"ledger.thinned"}),
        "old checkpoints go, by a rule",
    ),
    "audit.verification.requested_runs": (
        frozenset({"audit.verified", "ledger.alarm"}),
        "a verification",
    ),
    "audit.recording.trail_viewed_events": (frozenset({"audit.viewed"}), "who read the trail"),
    "connections.application_grants.consent_and_token_sync": (
        frozenset({"access.reconciled"}),
        "a difference to what Auth0 lists of applications",
    ),
    "connections.broker.token_broker": (
        frozenset({"*"}),
        "token.exchanged, token.refused, scope.escalated",
    ),
    "connections.consent.connect_flow": (
        frozenset({"connection.connected"}),
        "a connect flow that failed, always with the outcome failure",
    ),
    "connections.sync.update_accounts": (
        frozenset({"connection.reconciled"}),
        "a difference to Auth0",
    ),
    "connections.application_grants.export_file": (
        frozenset({"connection.exported"}),
        "a list of applications was taken away",
    ),
    "connections.inventory.export_table": (
        frozenset({"connection.exported"}),
        "an inventory was taken away",
    ),
    "connections.access_reviews.signed_result_file": (
        frozenset({"connection.exported"}),
        "the signed result of a review was taken away",
    ),
    "connections.auth_ibom.export": (
        frozenset({"connection.exported"}),
        "an inventory was taken away",
    ),
    "connections.idle_access.idle_and_active_events": (
        frozenset({"connection.fell_asleep", "connection.awake"}),
        "what is derived anyway, told once",
    ),
    "connections.component_manifests.manifest_store": (
        frozenset({"manifest.declared"}),
        "manifests that ship with the portal, before there is anybody to ask",
    ),
    "connections.tenant_log.unreadable_deliveries": (
        frozenset({"audit.quarantined"}),
        "a log stream sent what is no entry",
    ),
    "connections.tenant_log.feed_gaps": (
        frozenset({"tenant_log.gap_found"}),
        "entries of the tenant log may be missing",
    ),
    "connections.tenant_log.record_entries": (
        frozenset({"connection.use_seen"}),
        "use by other applications, once a day each",
    ),
    "enforcement.decisions.fleet_codes": (
        frozenset({"outpost.suspended"}),
        "a fleet code ended as when an admin ends it, since its requester is no admin any more",
    ),
    "enforcement.gateways.effect_change_events": (
        frozenset({"effect.*"}),
        "what a gateway does about a decision is another effect than before",
    ),
    "enforcement.findings.read_dispositions_from_gateway": (
        frozenset({"defenseclaw.alert_*"}),
        "somebody acknowledged or dismissed it at the gateway itself",
    ),
    "enforcement.findings.intake": (frozenset({"finding.opened"}), "a finding arrived"),
    "enforcement.bypasses.record_acts": (
        frozenset({"bypass.found"}),
        "a gateway recorded an act of a person that no decision covers",
    ),
    "enforcement.outposts.report_chain": (
        frozenset({"outpost.contested", "ledger.alarm"}),
        "two continuations of the reports of an outpost, or two histories of the log",
    ),
    "enforcement.outposts.command_results": (
        frozenset({"outpost.result_refused"}),
        "a result of a command that was not issued so",
    ),
    "enforcement.decisions.steps.steps_at_outposts": (
        frozenset({"ledger.alarm"}),
        "a command that somebody wrote or changed",
    ),
    "enforcement.outposts.report_contents": (
        frozenset({"defenseclaw.rows"}),
        "rows that stay at a gateway, or were lost there",
    ),
    "enforcement.posture.drift": (
        frozenset({"posture.changed"}),
        "a setting of a gateway is not as approved, or is so again",
    ),
    "enforcement.outposts.enrolment": (
        frozenset({"outpost.code_issued", "outpost.key_enrolled"}),
        "the code of an approved enrolment was shown; a device used it",
    ),
    "enforcement.findings.unreadable_row_quarantine": (
        frozenset({"audit.quarantined"}),
        "a scan that cannot be read or stored",
    ),
    "accounts.api": (frozenset({"operator.signed_in"}), "the command line signed in"),
    "accounts.views.backchannel_logout": (frozenset({"session.revoked"}), "the issuer ended it"),
    "accounts.break_glass.accounts": (frozenset({"breakglass.changed"}), "who may use it"),
    "accounts.break_glass.sessions": (frozenset({"breakglass.used"}), "somebody came in"),
    "accounts.anonymous_events": (
        frozenset({"access.refused", "*"}),
        "what strangers cause: failed sign-ins, tries at break-glass, refusals",
    ),
    "accounts.access_refusal_events": (
        frozenset({"access.refused"}),
        "what a door refused, folded",
    ),
    "accounts.sessions.service": (
        frozenset({"operator.signed_in", "session.revoked"}),
        "sessions begin, and are ended by their person or by an admin when the person left",
    ),
    "accounts.views.sign_in_and_sign_out": (
        frozenset({"operator.signed_out"}),
        "the person signed out",
    ),
    "portal.people.offboarding_history": (
        frozenset({"person.offboarding_started"}),
        "an admin started offboarding somebody; what follows are decisions of their own",
    ),
    "portal.ops.doctor_checks.suspensions_lifted_without_approval": (
        frozenset({"connection.reconciled"}),
        "a suspension that its owner had lifted, restored by the doctor",
    ),
    "portal.ops.doctor_checks.exposed_files_and_sessions": (
        frozenset({"session.revoked"}),
        "a session that others could read, ended by the doctor",
    ),
}
"""Modules that may write an event, which ones (`*`: chosen at run time), and why."""
