"""What each way into the portal may do: one reason each.

`decides` leads to a verb's commit, through `approvals.pipeline.service` or an answer; `records`
leads to a named recorder of facts and to no commit; `keeps` writes neither, only what is the
caller's own or can be made again; `reads` writes nothing although it takes any method.
"""

from __future__ import annotations

from typing import Final

type Ways = dict[str, tuple[str, str]]

ROUTES: Final[Ways] = {
    "oidc/authenticate/": ("records", "a sign-in that cannot begin says so"),
    "oidc/callback/": ("records", "the sign-in, or why it failed"),
    "oidc/logout/": ("records", "the sign-out"),
    "oidc/break-glass/": ("records", "the break-glass sign-in; every use is an alarm"),
    "oidc/backchannel-logout/": ("records", "sessions that the issuer ended"),
    "account/sessions/<str:public_id>/end/": ("records", "ends the person's own session"),
    "account/sessions/end-others/": ("records", "ends the person's own sessions"),
    "account/away/": ("records", "that the person is away as an approver, or back"),
    "account/history/download/": ("records", "that the person took their own history away"),
    "account/passkeys/new/": ("decides", "passkey.enrol"),
    "account/passkeys/<str:handle>/name/": ("keeps", "the person's own name for their passkey"),
    "account/passkeys/<str:handle>/approver/": (
        "decides",
        "passkey.enrol of an approver key, by two people",
    ),
    "account/passkeys/<str:handle>/revoke/": ("decides", "passkey.revoke"),
    "services/collector/event": ("keeps", "what a gateway pushes, in the spool"),
    "demo/finding/": ("keeps", "a malicious skill in the folder of a DEMO gateway's agent"),
    "demo/remove/": ("keeps", "the request to move the demo aside, for `make up`"),
    "demo/tamper/": ("reads", "edits and verifies a copy of the database"),
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
    "audit/file/zip": ("records", "that an audit file was downloaded"),
    "audit/file/workpaper": ("records", "that the workpaper of an audit was downloaded"),
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
    "people/<int:person_id>/access-end/": ("decides", "person.set_access_end"),
    "people/<int:person_id>/offboard/": (
        "decides",
        "person.freeze, passkey.revoke, selection.revoke, access.revoke, review.reassign; records "
        "ended sessions and requests that were withdrawn or sent to a colleague",
    ),
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
    "enforcement/bypasses/<uuid:event_id>/": ("decides", "bypass.claim"),
    "enforcement/fleet/<str:name>/baseline/": ("decides", "gateway.configure"),
    "enforcement/outposts/new/": ("decides", "outpost.enrol"),
    "enforcement/outposts/<str:instance>/revoke/": ("decides", "outpost.suspend, outpost.revoke"),
    "enforcement/outposts/<uuid:approval_id>/end/": ("decides", "outpost.suspend of a fleet code"),
    "enforcement/outposts/<uuid:approval_id>/code/": (
        "records",
        "that the code of an approved enrolment was shown",
    ),
    "enforcement/<kind:kind>/<asset_name:name>/": ("decides", "hold, release, block, allow …"),
}
"""Pages that take another method than GET, or whose GET leads to a commit or a recorder."""

OPERATIONS: Final[Ways] = {
    "GET /v1/session/command-line": ("records", "what Auth0 lists of one's own sessions"),
    "POST /v1/session": ("records", "the sign-in of a command line"),
    "POST /v1/decisions": ("decides", "every verb"),
    "POST /v1/approvals/{approval_id}/cancel": ("records", "the requester withdraws"),
    "GET /v1/auth/token": (
        "decides",
        "asks for scope.grant, does connection.wake; records each exchange and refusal",
    ),
    "PUT /v1/absence": ("records", "that the person is away as an approver"),
    "DELETE /v1/absence": ("records", "that the person is back"),
    "PUT /v1/manifests/{kind}/{path:name}": ("decides", "manifest.declare"),
    "DELETE /v1/manifests/{kind}/{path:name}": ("decides", "manifest.remove"),
    "POST /v1/outposts/codes": ("records", "that the code of an approved enrolment was shown"),
    "POST /v1/outposts/enrol": ("records", "a device key that a code of a decision let in"),
    "POST /v1/outposts/reports": ("records", "what an outpost read next to its gateway"),
    "POST /v1/ingest/auth0-logs": ("records", "entries of Auth0's tenant log"),
    "POST /v1/ingest/defenseclaw/{instance}": ("keeps", "what a gateway pushes, in the spool"),
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

COMMANDS: Final[Ways] = {
    "breakglass": ("records", "who may come in without the issuer; an alarm each time"),
    "check_auth0": ("reads", "the doctor asks the tenant and prints"),
    "checkpoint": ("reads", "prints the newest signed checkpoint"),
    "declare_manifests": ("records", "manifests that ship with the portal, at setup"),
    "doctor": (
        "records",
        "reads what works now; what it repairs after asking: what earlier versions left",
    ),
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
    "export-lines": ("audit.exports.line_block_cache.fill", "keeps", "packed lines for exports"),
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
    "gateway-pushes": (
        "audit.ingest.pushes.drain.run_due",
        "records",
        "what gateways pushed, from the spool",
    ),
    "gateways": (
        "enforcement.audit_database.periodic_scan_import.poll_due",
        "decides",
        "a CRITICAL finding asks automatically",
    ),
    "fleet-codes": (
        "enforcement.decisions.fleet_codes.end_without_admin",
        "records",
        "the end of a fleet code whose requester is no admin",
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
    "view-notices": (
        "approvals.notifications.saved_view_notices.LETTERS",
        "keeps",
        "notices to owners of saved views that gained rows",
    ),
    "weekly-digests": (
        "approvals.notifications.saved_view_weekly_digest.LETTERS",
        "keeps",
        "one e-mail a week to owners of saved views that gained rows",
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
