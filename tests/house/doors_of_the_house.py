"""What each way into the portal may do: one reason each.

`decides` leads to a verb's commit, through `approvals.pipeline.service` or an answer; `records`
leads to a named recorder of facts and to no commit; `keeps` writes neither, only what is the
caller's own or can be made again; `reads` writes nothing although it takes any method.
"""

from __future__ import annotations

from typing import Final

type Doors = dict[str, tuple[str, str]]

ROUTES: Final[Doors] = {
    "oidc/authenticate/": ("records", "a sign-in that cannot begin says so"),
    "oidc/callback/": ("records", "the sign-in, or why it failed"),
    "oidc/logout/": ("records", "the sign-out"),
    "oidc/break-glass/": ("records", "the break-glass sign-in; every use is an alarm"),
    "oidc/backchannel-logout/": ("records", "sessions that the issuer ended"),
    "account/sessions/<str:public_id>/end/": ("records", "ends the person's own session"),
    "account/sessions/end-others/": ("records", "ends the person's own sessions"),
    "account/history/download/": ("records", "that the person took their own history away"),
    "account/passkeys/new/": ("decides", "passkey.enrol"),
    "account/passkeys/<str:handle>/name/": ("keeps", "the person's own name for their passkey"),
    "account/passkeys/<str:handle>/approver/": (
        "decides",
        "passkey.enrol of an approver key, by two people",
    ),
    "account/passkeys/<str:handle>/revoke/": ("decides", "passkey.revoke"),
    "healthz": ("reads", "whether the process answers"),
    "readyz": ("reads", "whether the parts answer"),
    "audit/": ("records", "that the trail was read, once a person, query and ten minutes"),
    "audit/ledger/verify/": ("keeps", "that a verification was asked for"),
    "audit/ledger/entries": ("records", "that the whole log was taken away"),
    "audit/erasures/": ("reads", "looks for a person by what is posted, so that no address has it"),
    "audit/erasures/<str:subject>/decide/": (
        "decides",
        "subject.erase, legal_hold.place, legal_hold.lift",
    ),
    "audit/views/new/": ("records", "a view that everybody sees; a private one leaves no event"),
    "audit/views/<uuid:view_id>/": ("records", "a view that everybody sees, or no longer"),
    "audit/views/<uuid:view_id>/remove/": ("records", "that everybody lost a view"),
    "audit/views/<uuid:view_id>/restore/": ("records", "that everybody has a view again"),
    "audit/sample/": ("records", "that a sample was asked for"),
    "audit/sample/<uuid:sample_id>/": ("records", "what was drawn, and that it was looked at"),
    "audit/exports/new/": ("records", "the export that was asked for"),
    "audit/exports/<uuid:job_id>/download": ("records", "the export that is written when read"),
    "audit/pack": ("records", "that an evidence pack was taken away"),
    "audit/events/<uuid:event_id>/pack": ("records", "that an evidence pack was taken away"),
    "audit/evidence/<str:digest>/": ("records", "that a body of evidence was read"),
    "approvals/policy/edit/": ("keeps", "a draft in the person's session; proposing is its own"),
    "approvals/policy/propose/": ("decides", "policy.change"),
    "approvals/<uuid:approval_id>/cancel/": ("records", "the requester withdraws their request"),
    "approvals/<uuid:approval_id>/again/": ("records", "the same request, under a new code"),
    "approvals/<uuid:approval_id>/passkey/": ("decides", "the asked person's signed answer"),
    "approvals/<uuid:approval_id>/denied/": ("records", "the asked person says it was their no"),
    "connections/finish/": ("records", "a connect flow that did not finish"),
    "connections/notices/seen/": ("keeps", "the person read their notices"),
    "connections/needs/<int:need_id>/dismiss/": ("keeps", "the person hides a suggestion"),
    "connections/connect/<any_name:connection>/": ("records", "a connect flow that cannot begin"),
    "connections/token/callback/": ("decides", "connection.connect and the owner's own deletion"),
    "connections/callback/": ("decides", "connection.connect"),
    "connections/inventory/reconcile/": ("keeps", "makes the comparison due now"),
    "connections/access/read/": ("records", "what Auth0 lists of the person, compared"),
    "connections/inventory/export/": ("records", "that the inventory was taken away"),
    "audit/coverage/download": ("records", "that a coverage report was taken away"),
    "connections/inventory/ibom/": ("records", "that the inventory was taken away"),
    "connections/access/<uuid:access_id>/revoke/": ("decides", "access.revoke"),
    "connections/freeze/now/": ("decides", "person.freeze, connection.freeze, agent.freeze"),
    "connections/freeze/me/": ("decides", "person.freeze, of oneself"),
    "connections/freeze/<str:kind>/<any_name:name>/unfreeze/": (
        "decides",
        "the verbs *.unfreeze",
    ),
    "connections/remediations/<uuid:step>/retry/": (
        "keeps",
        "a remote step of what was decided is due now",
    ),
    "connections/inventory/selection/": ("decides", "selection.revoke, selection.suspend"),
    "connections/settings/<any_name:connection>/": (
        "decides",
        "connection.restrict, connection.relax",
    ),
    "connections/scopes/<any_name:connection>/": ("decides", "scope.configure"),
    "connections/allow/": ("decides", "component.configure"),
    "connections/<uuid:account_id>/allowances/<uuid:allowance_id>/withdraw/": (
        "decides",
        "scope.withdraw",
    ),
    "connections/reviews/new/": ("decides", "review.open"),
    "connections/reviews/<uuid:review_id>/close/": ("decides", "review.close"),
    "connections/reviews/<uuid:review_id>/cancel/": (
        "keeps",
        "stops the opening or closing that was asked for: nothing was decided yet",
    ),
    "connections/reviews/<uuid:review_id>/result/": ("records", "that the result was taken away"),
    "connections/reviews/<uuid:review_id>/<uuid:item_id>/": ("decides", "review.decide"),
    "connections/reviews/<uuid:review_id>/<uuid:item_id>/revoke/": (
        "decides",
        "connection.revoke, as a review asked for it",
    ),
    "connections/<uuid:account_id>/revoke/": ("decides", "connection.revoke"),
    "connections/<uuid:account_id>/suspend/": ("decides", "connection.suspend"),
    "connections/<uuid:account_id>/wake/": ("decides", "connection.wake"),
    "connections/<uuid:account_id>/resume/": ("decides", "connection.resume"),
    "enforcement/findings/<int:pk>/": ("decides", "alert.acknowledge, alert.dismiss"),
    "enforcement/<kind:kind>/<asset_name:name>/": ("decides", "hold, release, block, allow …"),
}
"""Pages that take another method than GET, or whose GET leads to a commit or a recorder."""

OPERATIONS: Final[Doors] = {
    "GET /v1/session/command-line": ("records", "what Auth0 lists of one's own sessions"),
    "POST /v1/session": ("records", "the sign-in of a command line"),
    "POST /v1/decisions": ("decides", "every verb"),
    "POST /v1/approvals/{approval_id}/cancel": ("records", "the requester withdraws"),
    "GET /v1/auth/token": (
        "decides",
        "asks for scope.grant, does connection.wake; records each exchange and refusal",
    ),
    "PUT /v1/manifests/{kind}/{path:name}": ("decides", "manifest.declare"),
    "DELETE /v1/manifests/{kind}/{path:name}": ("decides", "manifest.remove"),
    "POST /v1/ingest/auth0-logs": ("records", "entries of Auth0's tenant log"),
    "POST /v1/connections/{connection_id}/revoke": ("decides", "connection.revoke"),
    "PUT /v1/connections/settings/{connection}": (
        "decides",
        "connection.restrict, connection.relax",
    ),
    "POST /v1/connections/allowances/{allowance_id}/end": ("decides", "scope.withdraw"),
    "POST /v1/connections/unfinished/{step}/retry": (
        "keeps",
        "a remote step of what was decided is due now",
    ),
    "POST /v1/reviews/{review_id}/accounts/{account_id}/decide": (
        "decides",
        "review.decide, and connection.revoke where that was the answer",
    ),
    "POST /v1/reviews/{review_id}/accounts/{account_id}/revoke": (
        "decides",
        "connection.revoke, as a review asked for it",
    ),
    "GET /v1/reviews/{review_id}/result": ("records", "that the result was taken away"),
    "GET /v1/connections/export": ("records", "that the inventory was taken away"),
    "GET /v1/connections/ibom": ("records", "that the inventory was taken away"),
    "GET /v1/audit/events": ("records", "that the trail was read"),
    "GET /v1/audit/events/{event_id}/pack": ("records", "that a pack was taken away"),
    "GET /v1/audit/evidence/{digest}": ("records", "that a body of evidence was read"),
    "POST /v1/audit/events": ("records", "what others report, as external.*"),
    "POST /v1/audit/views": (
        "records",
        "a view that everybody sees; a private one leaves no event",
    ),
    "PUT /v1/audit/views/{view_id}": ("records", "a view that everybody sees, or no longer"),
    "DELETE /v1/audit/views/{view_id}": ("records", "that everybody lost a view"),
    "POST /v1/audit/samples": ("records", "that a sample was asked for"),
    "GET /v1/audit/samples/{sample_id}": ("records", "what was drawn, and that it was looked at"),
    "POST /v1/audit/exports": ("keeps", "that an export was asked for"),
    "GET /v1/audit/entries": ("records", "that the whole log was taken away"),
    "GET /v1/audit/exports/{export_id}/download": ("records", "the export, written when read"),
}

COMMANDS: Final[Doors] = {
    "breakglass": ("records", "who may come in without the issuer; an alarm each time"),
    "check_auth0": ("reads", "the doctor asks the tenant and prints"),
    "checkpoint": ("reads", "prints the newest signed checkpoint"),
    "declare_manifests": ("records", "manifests that ship with the portal, at setup"),
    "doctor": ("records", "what it repairs after asking: what earlier versions left"),
    "import_defenseclaw": ("records", "rows of DefenseClaw as they were found"),
    "ledger_adopt": ("records", "that a database which lacks signed entries was adopted"),
    "ledger_rotate_key": ("records", "which keys of the log began and ended"),
    "rebuild_projection": ("keeps", "search rows, made again from the entries"),
    "replay_erasures": ("records", "erasures that a restored database lacks, done again"),
    "rotate_evidence_key": ("records", "that the keys of the evidence store were wrapped again"),
    "sequence": ("records", "an alarm when the log does not fit what was signed"),
    "tamper_demo": ("reads", "edits a copy of the database"),
    "verify_ledger": ("reads", "prints what does not hold"),
}

LOOPS: Final[dict[str, tuple[str, str, str]]] = {
    "asking": ("approvals.due_work.ASKING", "decides", "commits what the asked person approved"),
    "remote-steps": ("approvals.due_work.STEPS", "records", "what each remote step came to"),
    "sequencer": ("audit.sequencing.sequencer.loop", "records", "an alarm when it refuses to sign"),
    "verifying": (
        "audit.verification.continuous.loop",
        "records",
        "an alarm when the log does not hold",
    ),
    "witnesses": ("audit.witnesses.pushing.loop", "keeps", "what witnesses signed or said"),
    "time": ("audit.proofs.timestamping.loop", "keeps", "time tokens about checkpoints"),
    "audit-due": ("audit.due_exports_and_cleanup.run", "records", "exports that are due"),
    "exports": ("audit.exports.jobs.run_due", "records", "exports that are due"),
    "audit-verify": (
        "audit.verification.requested_runs.run_due",
        "records",
        "verifications that are due",
    ),
    "thinning": (
        "audit.sequencing.checkpoint_thinning.run_due",
        "records",
        "which old checkpoints go",
    ),
    "erasures": (
        "approvals.erasure.replay.run_due",
        "records",
        "erasures that a restored database lacks, done again",
    ),
    "remembered": ("audit.erasure.process_caches.look", "keeps", "nothing: forgets who was erased"),
    "gateways": (
        "enforcement.gateways.periodic_scan_import.poll_due",
        "decides",
        "a CRITICAL finding asks automatically",
    ),
    "inventory": (
        "connections.sync.connected_accounts.run_due",
        "records",
        "what Auth0 knows, compared",
    ),
    "dozing": (
        "connections.idle_access.idle_and_active_events.run",
        "records",
        "what fell asleep or is awake",
    ),
    "tenant": (
        "connections.sync.auth0_reachability.run_due",
        "keeps",
        "whether the tenant answers",
    ),
    "applications": (
        "connections.application_grants.consent_and_token_sync.run_due",
        "records",
        "consents and refresh tokens at Auth0, compared",
    ),
    "tenant-log": (
        "connections.tenant_log.reader.run_due",
        "records",
        "entries of Auth0's tenant log, and the people they are about",
    ),
    "owner-letters": (
        "connections.notifications.owner_emails_and_webhook.LETTERS",
        "keeps",
        "letters to owners",
    ),
    "letters": ("approvals.due_work.LETTERS", "keeps", "letters about requests"),
    "reviews": (
        "connections.access_reviews.large_reviews.run_due",
        "decides",
        "review.open and review.close of many accounts, as admins asked for them",
    ),
    "tidy": ("approvals.due_work.tidy", "keeps", "forgets what is past its time"),
    "sessions": ("accounts.expired_row_cleanup.tidy", "keeps", "forgets sessions that ran out"),
}
"""Name of a loop, where it starts, what it may do."""

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
    "enforcement.findings.intake": (frozenset({"finding.opened"}), "a finding arrived"),
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
        "sessions begin and are ended by their person",
    ),
    "accounts.views.sign_in_and_sign_out": (
        frozenset({"operator.signed_out"}),
        "the person signed out",
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

WRITERS: Final[dict[str, tuple[str, str]]] = {
    "approvals.step_up.take_ciba_or_passkey_answer": ("instance", "the answer on its ask"),
    "approvals.step_up.ask_next_approver": (
        "Ask Person instance",
        "whom a request was sent to, and when they were",
    ),
    "approvals.pipeline.deny_expire_cancel": ("instance", "how a request ended"),
    "approvals.pipeline.commit": ("Effect", "remote steps of what was just committed"),
    "approvals.outbox.step_execution": ("Effect instance", "how far a remote step is"),
    "approvals.erasure.erase_and_hold_decisions": (
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
        "Ask Effect LegalHold Passkey instance",
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
    "approvals.people_and_roster": ("instance", "what the issuer says about a person"),
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
    "audit.importing.quarantine_writer": ("QuarantinedRow", "rows that were set aside"),
    "audit.importing.run": ("RepeatedTag", "which row had the tag of a decision first"),
    "audit.importing.source": ("sql", "reads a database of DefenseClaw"),
    "audit.verification.checks.fulltext_index": ("sql", "reads the index of words"),
    "audit.db.process_locks": ("sql", "locks"),
    "audit.db.leases": ("instance", "who does a due row, and until when"),
    "audit.coverage.event_counts_by_filter": ("sql", "reads"),
    "audit.search.exact_or_estimated_matches": ("sql", "reads words"),
    "audit.search.projection": (
        "EventRow ExportBlock instance sql",
        "search rows, made from entries",
    ),
    "audit.search.rollups": ("Rollup sql", "counts, made from entries"),
    "audit.search.sampled_estimates": ("sql", "reads estimates"),
    "audit.proofs.cosigned_note": ("sql", "reads cosignatures"),
    "audit.search.statements": ("sql", "reads search rows"),
    "audit.erasure.erase_names_in_text": (
        "model",
        "replaces an erased person's words in rows of every room",
    ),
    "audit.sequencing.sequencer": ("Checkpoint", "what it signed"),
    "audit.saved_views.person_erasure": ("instance", "takes an erased person out of saved views"),
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
    "connections.component_manifests.allow_required_setting": (
        "AllowRule",
        "commit of the verb component.configure",
    ),
    "connections.consent.new_account": ("instance", "commit of the verb connection.connect"),
    "connections.revocation.deletion_step": (
        "instance",
        "remote steps of connection.revoke, and deletions that wait for their owner",
    ),
    "connections.sync.update_accounts": ("instance", "what Auth0 says about an account"),
    "connections.erasure": (
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
    "connections.access_reviews.work_lease": (
        "instance",
        "that who opens or closes a review lives",
    ),
    "connections.access_reviews.queued_job_seals": (
        "instance",
        "the seal of what was asked, and that it was altered",
    ),
    "connections.access_reviews.write_result": (
        "Review ReviewLines instance",
        "the lines of the result of a review that closes",
    ),
    "connections.consistent_read": ("sql", "begins a transaction that only reads"),
    "connections.access_reviews.write_opening": (
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
    "enforcement.erasure": ("Asset Finding instance", "takes an erased person out of who decided"),
    "enforcement.findings.intake": ("Finding Scan instance", "scans and findings that arrived"),
    "enforcement.gateways.audit_database_scans": ("sql", "reads a gateway's database"),
    "enforcement.decisions.stored_decisions_and_holds": (
        "Approval Asset instance",
        "commits of hold, release, block, allow …",
    ),
    "enforcement.findings.unreadable_row_quarantine": (
        "instance",
        "scans that cannot be read or stored",
    ),
    "enforcement.gateways.periodic_scan_import": ("Watch", "how far a gateway's database was read"),
    "enforcement.gateways.health_checks": ("Effect instance", "how a gateway is; wakes its steps"),
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
    "accounts.erasure": (
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
    "portal.ops.management.commands.tamper_demo": ("sql", "edits a copy of the database"),
    "portal.ops.full_disk": ("instance sql", "tries whether the database can be written"),
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
    "approvals.pipeline.deny_expire_cancel.cancel": ("approvals.cancel_resend_confirm_denial",),
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
    "audit.recording.record.prepare": ("audit.ingest.reported_events", "audit.importing.run"),
    "audit.recording.record.prepared": ("audit.importing.run",),
    "audit.recording.record.write": ("audit.ingest.reported_events",),
    "audit.ingest.bulk_event_writer.made": ("audit.importing.run",),
    "audit.ingest.bulk_event_writer.Ingest": ("audit.importing.run",),
    "audit.db.bulk_insert.insert": ("audit.importing.run", "audit.search.projection"),
    "audit.db.bulk_insert.insert_values": (
        "audit.ingest.bulk_event_writer",
        "audit.recording.record",
        "audit.sequencing.sequencer",
    ),
}
"""Who may refer to the functions on the way to a commit."""
