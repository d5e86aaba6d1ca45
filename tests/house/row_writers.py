"""Which modules write rows, and who alone may refer to what leads to a commit."""

from __future__ import annotations

from typing import Final

WRITERS: Final[dict[str, tuple[str, str]]] = {
    "approvals.absence.set_absence": ("instance", "until when an approver is away"),
    "approvals.person_access_ends.set_access_end": (
        "AccessEnd instance",
        "commit of the verb person.set_access_end",
    ),
    "approvals.models.person_access_end": (
        "instance",
        "seals of the ends of access, by another key",
    ),
    "approvals.step_up.take_ciba_or_passkey_answer": ("instance", "the answer on its ask"),
    "approvals.step_up.ask_next_approver": (
        "Ask Person instance",
        "whom a request was sent to, and when they were",
    ),
    "approvals.pipeline.deny_expire_cancel": ("instance", "how a request ended"),
    "approvals.pipeline.commit": ("Effect", "remote steps of what was just committed"),
    "approvals.outbox.step_execution": ("Effect instance", "how far a remote step is"),
    "approvals.erasure.erase_and_legal_hold": (
        "LegalHold instance",
        "commits of erasures and holds",
    ),
    "approvals.erasure.approved_scope": ("instance", "writes and seals the row of an erasure"),
    "approvals.erasure.record_of_emptied_columns": (
        "instance",
        "which rows an erasure emptied before their events",
    ),
    "approvals.erasure.job": ("Erasure instance", "how far an erasure is"),
    "approvals.erasure.changed_scope_refusal": ("Erasure", "that an erasure was refused"),
    "approvals.erasure.replay": ("instance", "how far an erasure is that was taken up again"),
    "approvals.erasure.erased_or_altered_documents": (
        "instance",
        "which sealed documents an erasure stated anew",
    ),
    "approvals.erasure.stores": (
        "AccessEnd Ask Effect LegalHold Passkey instance",
        "takes an erased person out of requests and the directory",
    ),
    "approvals.pipeline.target_holds": ("instance", "that a request holds something"),
    "approvals.idempotency": ("IdempotencyRecord instance", "answers by their key, for a day"),
    "approvals.passkeys.enrol_and_revoke": (
        "Passkey instance",
        "commits of the verbs passkey.*",
    ),
    "approvals.passkeys.assertions": ("instance", "when a passkey was last used"),
    "approvals.passkeys.queries": ("instance", "the person's own name for their passkey"),
    "approvals.people_and_roles": ("instance", "what the issuer says about a person"),
    "approvals.pipeline.service": ("Approval", "the request"),
    "approvals.policy.policy_change": ("PolicyVersion", "commit of the verb policy.change"),
    "approvals.step_up.ciba": ("Approval Ask Person", "how far a push is"),
    "approvals.step_up.sealed_secrets": ("ShortLivedSecret", "secrets that polling needs"),
    "approvals.outbox.seals": (
        "Effect instance",
        "seals of remote steps, and that one was refused",
    ),
    "approvals.due_work": ("instance", "leases of due rows"),
    "approvals.notifications.delivery": ("instance", "whether a letter was sent"),
    "approvals.notifications.approver_notices": ("Notice", "letters that are due"),
    "approvals.notifications.saved_view_notices": (
        "ViewNotification instance",
        "how many new rows a saved view has, and when its owner was notified",
    ),
    "approvals.notifications.saved_view_weekly_digest": (
        "instance",
        "when the weekly digest of somebody's saved views was sent, and is due next",
    ),
    "approvals.step_up.rate_limit": (
        "Approval Ask",
        "whose turn a push is, and until when the others wait",
    ),
    "approvals.step_up.requests_nobody_was_asked": (
        "Approval",
        "when a request is looked at again",
    ),
    "audit.db.bulk_insert": ("sql", "inserts of events, openings and search rows"),
    "audit.search.rollup_counts": ("sql", "reads counts"),
    "audit.erasure.erase_openings": ("instance", "openings of a person who is erased"),
    "audit.erasure.vacuum": ("sql", "writes the database anew without its free pages"),
    "audit.erasure.audit_app_stores": (
        "instance",
        "drops rows set aside that name an erased person",
    ),
    "audit.evidence.storage": ("EvidenceItem", "bodies of evidence"),
    "audit.exports.line_block_cache": ("ExportBlock", "packed lines, a cache"),
    "audit.exports.erase_exports": ("instance", "drops files that held an erased person's values"),
    "audit.exports.jobs": ("ExportJob instance", "exports that were asked for"),
    "audit.exports.lines_in_query_order": ("sql", "reads lines of an export"),
    "audit.search.fulltext_index": ("sql", "the index of words"),
    "audit.db.insert_only": ("sql", "makes and checks the triggers"),
    "audit.importing.quarantine.writer": ("QuarantinedRow", "rows that were set aside"),
    "audit.importing.row_batch_writer": (
        "RepeatedTag",
        "which row had the tag of a decision first",
    ),
    "audit.importing.source_database": ("sql", "reads a database of DefenseClaw"),
    "audit.ingest.pushes.missing_pushes": (
        "PushProgress instance",
        "how far a gateway's pushes have come",
    ),
    "audit.ingest.pushes.scan_targets": ("sql", "reads names in a database of DefenseClaw"),
    "audit.verification.checks.fulltext_index": ("sql", "reads the index of words"),
    "audit.db.process_locks": ("sql", "locks"),
    "audit.db.leases": ("instance", "who does a due row, and until when"),
    "audit.coverage.event_counts_by_filter": ("sql", "reads"),
    "audit.search.projection": (
        "EventRow ExportBlock instance sql",
        "search rows, made from entries",
    ),
    "audit.search.rollups": ("Rollup sql", "counts, made from entries"),
    "audit.search.exact_or_estimated_matches": ("sql", "reads words and estimates"),
    "audit.proofs.cosigned_note": ("sql", "reads cosignatures"),
    "audit.search.search_sql": ("sql", "reads search rows"),
    "audit.erasure.erase_names_in_text": (
        "model",
        "replaces an erased person's words in rows of every room",
    ),
    "audit.sequencing.sequencer": ("Checkpoint", "what it signed"),
    "audit.saved_views.weekly_digest_schedule": (
        "WeeklyDigest",
        "that a person wants a weekly digest",
    ),
    "audit.saved_views.person_erasure": (
        "ViewNotification WeeklyDigest instance",
        "takes an erased person out of saved views",
    ),
    "audit.saved_views.notify_setting_and_count": (
        "ViewNotification instance",
        "whether the owner of a saved view is notified of new rows",
    ),
    "audit.saved_views.changes": ("SavedView instance", "views of the trail that people save"),
    "audit.sequencing.stored_tree_queries": ("sql", "reads tiles and leaves"),
    "audit.proofs.timestamping": ("TimeToken", "what a time authority said about a checkpoint"),
    "audit.sequencing.checkpoint_thinning": (
        "Checkpoint",
        "removes old checkpoints that its rule does not keep",
    ),
    "audit.verification.requested_runs": (
        "VerificationRun instance",
        "verifications and their progress",
    ),
    "audit.recording.trail_viewed_events": ("instance", "who read the trail lately"),
    "audit.db.installed_triggers": ("sql", "reads which triggers there are"),
    "audit.witnesses.pushing": (
        "Cosignature WitnessState instance",
        "cosignatures that verify, and how each witness is",
    ),
    "auth0_client.oauth_form_post": ("instance", "a form, no row"),
    "auth0_client.my_account": ("instance", "a request to Auth0, no row"),
    "connections.application_grants.consent_and_token_revocation": (
        "instance",
        "commit and remote step of access.revoke",
    ),
    "connections.application_grants.consent_and_token_sync": (
        "instance",
        "what Auth0 lists of applications",
    ),
    "connections.component_manifests.allow_required_before_credentials": (
        "AllowRule",
        "commit of the verb component.configure",
    ),
    "connections.consent.new_account": ("instance", "commit of the verb connection.connect"),
    "connections.revocation.deletion_step": (
        "instance",
        "remote steps of connection.revoke, and deletions that wait for their owner",
    ),
    "connections.sync.update_accounts": ("instance", "what Auth0 says about an account"),
    "connections.rows_to_erase": (
        "Freeze ReviewItem ReviewLines instance",
        "drops what is an erased person's",
    ),
    "connections.scope_escalation.allowance_and_rule_decisions": (
        "Allowance ScopeRule instance",
        "commits of the verbs scope.*",
    ),
    "connections.scope_escalation.refuse_or_ask": (
        "instance",
        "which request asks about what was tried",
    ),
    "connections.scope_escalation.attempt_limits": (
        "Attempts Escalation instance",
        "what was tried beyond a manifest, and how often",
    ),
    "connections.lifecycle.freezes": (
        "Freeze instance",
        "commits of the verbs *.freeze and *.unfreeze",
    ),
    "connections.sync.person_queue": ("PersonLook", "people to compare with Auth0 soon"),
    "connections.idle_access.change_setting_and_wake_account": (
        "JustInTime",
        "commits of the verbs connection.restrict, relax and wake",
    ),
    "connections.idle_access.idle_and_active_events": (
        "instance",
        "that the trail was told of a sleep",
    ),
    "connections.notifications.owner_emails_and_webhook": ("OwnerLetter", "letters to owners"),
    "connections.component_manifests.manifest_store": (
        "HeldVariables Manifest ManifestNeed instance",
        "commits of the verbs manifest.*",
    ),
    "connections.consent.prompts_for_missing_connections": (
        "Need instance",
        "connections that an allowed component wants",
    ),
    "connections.notifications.notices_on_owner_pages": ("Notice", "what the owner is told"),
    "connections.broker.accounts_and_uses": (
        "ConnectedAccount Use instance",
        "which agent used what, and when",
    ),
    "connections.sync.connected_accounts": ("ConnectedAccount ConnectionSetting", "what Auth0 has"),
    "connections.lifecycle.restriction_stack": (
        "instance",
        "commits of the verbs connection.* and selection.*",
    ),
    "connections.access_reviews.open_decide_close": (
        "Review ReviewItem instance",
        "commits of the verbs review.*",
    ),
    "connections.access_reviews.reassign_reviewer": (
        "instance",
        "commit of the verb review.reassign",
    ),
    "connections.access_reviews.work_lease": (
        "instance",
        "that who opens or closes a review lives",
    ),
    "connections.access_reviews.queued_job_seals": (
        "instance",
        "the seal of what was asked, and that it was altered",
    ),
    "connections.access_reviews.store_closing_result": (
        "Review ReviewLines instance",
        "the lines of the result of a review that closes",
    ),
    "connections.consistent_read": ("sql", "begins a transaction that only reads"),
    "connections.access_reviews.store_opening_list": (
        "ReviewItem instance",
        "the list of a review that opens",
    ),
    "connections.access_reviews.reminders": (
        "ReviewLetter instance",
        "letters before a review is due",
    ),
    "connections.access_reviews.remediation": ("ReviewItem", "what became of a review's decision"),
    "connections.access_reviews.large_reviews": (
        "ReviewWork instance",
        "large reviews that somebody asked to open or to close",
    ),
    "connections.sync.run_progress": ("ReconcileRun", "how far a comparison is, and what it found"),
    "connections.sync.schedule": ("Schedule instance", "when it is compared next"),
    "connections.tenant_log.unreadable_deliveries": ("QuarantinedRow", "what is no log entry"),
    "connections.tenant_log.feed_gaps": ("LogFeed LogGap", "how far each feed is, and its gaps"),
    "connections.tenant_log.reader": ("instance", "how far the reader is"),
    "connections.tenant_log.record_entries": (
        "ConnectedAccount LogFact SeenUse instance",
        "entries of the tenant log, and what they tell of accounts",
    ),
    "enforcement.findings.automatic_requests": ("Scan", "which scan asked"),
    "enforcement.decisions.acknowledge_and_dismiss": ("instance", "commits of the verbs alert.*"),
    "enforcement.decisions.claim_responsibility_for_bypass": (
        "instance",
        "commit of the verb bypass.claim",
    ),
    "enforcement.bypasses.record_acts": ("instance", "acts of people that gateways recorded"),
    "enforcement.decisions.enrol_and_revoke_outpost": (
        "instance",
        "commits of the verbs outpost.*",
    ),
    "enforcement.decisions.fleet_codes": (
        "EnrolmentCode",
        "fleet codes that an admin ended",
    ),
    "enforcement.decisions.configure_gateway": (
        "PostureBaseline",
        "commits of gateway.configure",
    ),
    "enforcement.posture.drift": (
        "PostureDifference instance",
        "settings that are not as approved",
    ),
    "enforcement.outposts.report_chain": (
        "OutpostReport OutpostState instance",
        "reports of outposts, and what they read last",
    ),
    "enforcement.outposts.enrolment": (
        "EnrolmentCode instance",
        "codes shown, used and ended, new keys",
    ),
    "enforcement.outposts.sealed_rows": (
        "RevokedEnrolment instance",
        "outposts, their codes and revocations together with their seals",
    ),
    "enforcement.outposts.issued_commands": (
        "Effect OutpostCommand instance",
        "commands to outposts and their results; wakes their steps",
    ),
    "enforcement.decisions.steps.steps_at_outposts": (
        "instance",
        "withdraws commands that nobody fetched",
    ),
    "enforcement.outposts.request_proofs": ("SeenProof", "proofs that were used"),
    "enforcement.rows_to_erase": (
        "Asset Effect Finding OutpostCommand instance",
        "takes an erased person out of who decided",
    ),
    "enforcement.findings.read_dispositions_from_gateway": (
        "Finding",
        "closed at the gateway itself",
    ),
    "enforcement.findings.intake": ("Finding Scan", "scans and findings that arrived"),
    "enforcement.audit_database.files_in_quarantine": ("sql", "reads a gateway's database"),
    "enforcement.audit_database.gateway_quarantine_and_content_digest": (
        "sql",
        "reads a gateway's database",
    ),
    "enforcement.audit_database.open_read_only": ("sql", "opens a gateway's database, read-only"),
    "enforcement.audit_database.alert_disposition_rows": ("sql", "reads a gateway's database"),
    "enforcement.audit_database.scan_rows": ("sql", "reads a gateway's database"),
    "enforcement.decisions.stored_decisions_and_holds": (
        "Approval Asset instance",
        "commits of hold, release, block, allow …",
    ),
    "enforcement.findings.unreadable_row_quarantine": (
        "instance",
        "scans that cannot be read or stored",
    ),
    "enforcement.audit_database.periodic_scan_import": (
        "Watch",
        "how far a gateway's database was read",
    ),
    "enforcement.gateways.enforcement_entries": ("sql", "reads a gateway's entries"),
    "enforcement.gateways.one_call_at_a_time": (
        "GatewayCall",
        "whose turn it is at a gateway of 0.2.0",
    ),
    "enforcement.gateways.effect_change_events": (
        "ConcludedEffect instance",
        "what was last concluded at a gateway",
    ),
    "enforcement.gateways.health_checks": ("instance", "how a gateway is"),
    "enforcement.waiting_steps": ("Effect", "when steps at a gateway are tried next"),
    "approvals.api.absence": ("instance", "a route that is called delete, no row"),
    "connections.api.manifests": ("instance", "a route that is called delete, no row"),
    "audit.api.saved_views": ("instance", "a method of the API, no row"),
    "accounts.api": ("CommandLineSignIn", "the newest sign-in of a command line"),
    "connections.views.connect": ("instance", "the connect flow in the session"),
    "accounts.views.backchannel_logout": ("SeenLogoutToken", "logout tokens that were used"),
    "accounts.oidc_backend": ("User", "the account of a person who signed in"),
    "accounts.break_glass.accounts": ("BreakGlassAccount BreakGlassTries", "who may use it"),
    "accounts.break_glass.sessions": ("SignedInSession User instance", "a session"),
    "accounts.break_glass.credential_check": (
        "BreakGlassAccount BreakGlassTries instance",
        "attempts",
    ),
    "accounts.rows_to_erase": (
        "CommandLineSignIn Session User",
        "drops an erased person's account",
    ),
    "accounts.access_refusal_events": (
        "SeenRefusal instance",
        "which refusals are on the trail already",
    ),
    "accounts.sessions.hashed_key_store": (
        "instance",
        "sessions of browsers, by a digest of the key",
    ),
    "accounts.anonymous_events": (
        "SeenRefusal instance",
        "slots of a minute, for all anonymous callers",
    ),
    "accounts.sessions.service": (
        "Session SignedInSession instance",
        "sessions begin, are used and end",
    ),
    "accounts.expired_row_cleanup": (
        "SeenLogoutToken SeenRefusal Session SignedInSession",
        "forgets what ran out",
    ),
    "audit.verification.tampered_copy": ("sql", "edits a copy of the database"),
    "portal.ops.storage_unavailable": ("instance sql", "tries whether the database can be written"),
    "portal.ops.doctor_checks.exposed_files_and_sessions": (
        "Session",
        "ends sessions that others could read",
    ),
    "portal.ops.doctor_checks.unconfirmed_roles": (
        "Person",
        "lowers roles that only old tokens restored",
    ),
}
"""Modules that write rows: through which models (`instance`: rows they hold), and what."""

ONLY: Final[dict[str, tuple[str, ...]]] = {
    "approvals.pipeline.commit.commit_now": (
        "approvals.pipeline.final_approval",
        "approvals.pipeline.target_holds",
        "approvals.pipeline.service",
    ),
    "approvals.pipeline.commit.add_effects": ("approvals.pipeline.target_holds",),
    "approvals.pipeline.final_approval.approve": ("approvals.step_up.take_ciba_or_passkey_answer",),
    "approvals.pipeline.deny_expire_cancel.deny": (
        "approvals.step_up.take_ciba_or_passkey_answer",
    ),
    "approvals.pipeline.deny_expire_cancel.cancel": (
        "approvals.cancel_resend_confirm_denial",
        "approvals.pipeline.leavers_requests",
    ),
    "approvals.pipeline.deny_expire_cancel.confirm_denial": (
        "approvals.step_up.requests_nobody_was_asked",
        "approvals.cancel_resend_confirm_denial",
    ),
    "approvals.step_up.take_ciba_or_passkey_answer.give": (
        "approvals.step_up.ciba_answer_verification",
        "approvals.passkeys.assertions",
    ),
    "approvals.pipeline.target_holds.place_hold": ("approvals.pipeline.service",),
    "approvals.pipeline.target_holds.hold_without_request": (
        "enforcement.findings.automatic_requests",
    ),
    "approvals.pipeline.target_holds.release_hold": ("approvals.pipeline.deny_expire_cancel",),
    "approvals.audit_events.approval_approved": (
        "approvals.step_up.take_ciba_or_passkey_answer",
        "approvals.pipeline.final_approval",
    ),
    "audit.recording.record.prepare": (
        "audit.ingest.reported_events",
        "audit.importing.row_batch_writer",
    ),
    "audit.recording.record.prepared": ("audit.importing.row_batch_writer",),
    "audit.recording.record.write": ("audit.ingest.reported_events",),
    "audit.ingest.bulk_event_writer.made": ("audit.importing.row_batch_writer",),
    "audit.ingest.bulk_event_writer.Ingest": (
        "audit.importing.row_batch_writer",
        "audit.ingest.pushes.drain",
    ),
    "audit.db.bulk_insert.insert": ("audit.importing.row_batch_writer", "audit.search.projection"),
    "audit.db.bulk_insert.insert_values": (
        "audit.ingest.bulk_event_writer",
        "audit.recording.record",
        "audit.sequencing.sequencer",
    ),
}
"""Who may refer to the functions on the way to a commit."""
