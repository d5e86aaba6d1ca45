"""Routes of the auditor's pages and of the public log (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path

from audit.api import gateway_pushes
from audit.views import (
    audit_file_request_and_download,
    coverage_page,
    erasures_and_legal_holds,
    exports,
    pack_and_verifier_downloads,
    quarantine_list,
    sample_request_and_download,
    saved_views,
)
from audit.views.event import (
    event_page,
    evidence_body_page,
)
from audit.views.log import (
    ledger_page,
    public_tiles_and_checkpoints,
    whole_log_download,
)
from audit.views.trail import (
    new_event_count,
    trail_page,
    value_completion,
)

urlpatterns = [
    path("services/collector/event", gateway_pushes.hec, name="gateway-push-hec"),
    path("audit/", trail_page.trail, name="audit"),
    path("audit/live/", new_event_count.poll, name="audit-live"),
    path("audit/values/", value_completion.values, name="audit-values"),
    path("audit/events/<uuid:event_id>/", event_page.event, name="audit-event"),
    path("audit/events/<uuid:event_id>/proof", event_page.event_proof, name="audit-event-proof"),
    path("audit/events/<uuid:event_id>/entry", event_page.event_entry, name="audit-event-entry"),
    path(
        "audit/events/<uuid:event_id>/pack",
        pack_and_verifier_downloads.event_pack,
        name="audit-event-pack",
    ),
    path("audit/views/", saved_views.views, name="audit-views"),
    path("audit/views/count/", saved_views.count, name="audit-view-count"),
    path("audit/views/new/", saved_views.new, name="audit-view-new"),
    path("audit/views/<uuid:view_id>/", saved_views.edit, name="audit-view"),
    path("audit/views/<uuid:view_id>/open/", saved_views.open_view, name="audit-view-open"),
    path("audit/views/<uuid:view_id>/remove/", saved_views.remove, name="audit-view-remove"),
    path("audit/views/<uuid:view_id>/restore/", saved_views.bring_back, name="audit-view-restore"),
    path("audit/sample/", sample_request_and_download.new, name="audit-sample-new"),
    path("audit/sample/<uuid:sample_id>/", sample_request_and_download.sample, name="audit-sample"),
    path(
        "audit/sample/<uuid:sample_id>/sample.json",
        sample_request_and_download.download,
        {"kind": "json"},
        name="audit-sample-json",
    ),
    path(
        "audit/sample/<uuid:sample_id>/sample.csv",
        sample_request_and_download.download,
        {"kind": "csv"},
        name="audit-sample-csv",
    ),
    path("audit/file/", audit_file_request_and_download.page, name="audit-file"),
    path("audit/file/zip", audit_file_request_and_download.zip_download, name="audit-file-zip"),
    path(
        "audit/file/workpaper",
        audit_file_request_and_download.workpaper_download,
        name="audit-file-workpaper",
    ),
    path("audit/pack", pack_and_verifier_downloads.filter_pack, name="audit-pack"),
    path("audit/evidence/<str:digest>/", evidence_body_page.body, name="audit-evidence"),
    path("audit/coverage/", coverage_page.coverage, name="coverage"),
    path("audit/coverage/download", coverage_page.download, name="coverage-download"),
    path(
        "audit/coverage/files/<uuid:event_id>/manifest",
        coverage_page.manifest,
        name="coverage-manifest",
    ),
    path("audit/quarantine/", quarantine_list.rows, name="quarantine"),
    path("audit/quarantine/<int:row_id>/", quarantine_list.row, name="quarantined-row"),
    path("audit/erasures/", erasures_and_legal_holds.erasures, name="erasures"),
    path("audit/erasures/<str:subject>/", erasures_and_legal_holds.person, name="erasure-person"),
    path(
        "audit/erasures/<str:subject>/decide/",
        erasures_and_legal_holds.decide,
        name="erasure-decide",
    ),
    path(
        "audit/erasures/<uuid:erasure_id>/certificate",
        erasures_and_legal_holds.certified,
        name="erasure-certificate",
    ),
    path("audit/ledger/", ledger_page.ledger, name="ledger"),
    path("audit/ledger/entries", whole_log_download.entries, name="ledger-entries"),
    path("audit/ledger/verify/", ledger_page.verify, name="ledger-verify"),
    path("audit/ledger/runs/<uuid:run_id>/", ledger_page.run, name="ledger-run"),
    path("audit/exports/", exports.exports, name="exports"),
    path("audit/exports/new/", exports.new, name="export-new"),
    path("audit/exports/<uuid:job_id>/", exports.export, name="export"),
    path("audit/exports/<uuid:job_id>/download", exports.download, name="export-download"),
    path("audit/exports/<uuid:job_id>/manifest", exports.manifest, name="export-manifest"),
    path("log/checkpoint", public_tiles_and_checkpoints.checkpoint, name="log-checkpoint"),
    path("log/key", public_tiles_and_checkpoints.key, name="log-key"),
    path("log/keys", public_tiles_and_checkpoints.keys, name="log-keys"),
    path("log/time/<int:size>", public_tiles_and_checkpoints.time_token, name="log-time"),
    path("log/verify.html", pack_and_verifier_downloads.verifier, name="pack-verifier"),
    path("log/<path:tile>", public_tiles_and_checkpoints.tile, name="log-tile"),
]
