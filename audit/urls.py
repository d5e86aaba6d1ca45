"""Routes of the auditor's pages and of the public log (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path

from audit.views import (
    coverage_page,
    erasures,
    exports,
    packs,
    quarantine_pages,
    sample_pages,
    saved_views,
)
from audit.views.event import (
    event_page,
    evidence_bodies,
)
from audit.views.log import (
    log_status,
    public_log,
    whole_log_download,
)
from audit.views.trail import (
    new_events,
    trail_page,
)

urlpatterns = [
    path("audit/", trail_page.trail, name="audit"),
    path("audit/live/", new_events.poll, name="audit-live"),
    path("audit/events/<uuid:event_id>/", event_page.event, name="audit-event"),
    path("audit/events/<uuid:event_id>/proof", event_page.event_proof, name="audit-event-proof"),
    path("audit/events/<uuid:event_id>/entry", event_page.event_entry, name="audit-event-entry"),
    path("audit/events/<uuid:event_id>/pack", packs.event_pack, name="audit-event-pack"),
    path("audit/views/", saved_views.views, name="audit-views"),
    path("audit/views/count/", saved_views.count, name="audit-view-count"),
    path("audit/views/new/", saved_views.new, name="audit-view-new"),
    path("audit/views/<uuid:view_id>/", saved_views.edit, name="audit-view"),
    path("audit/views/<uuid:view_id>/remove/", saved_views.remove, name="audit-view-remove"),
    path("audit/views/<uuid:view_id>/restore/", saved_views.bring_back, name="audit-view-restore"),
    path("audit/sample/", sample_pages.new, name="audit-sample-new"),
    path("audit/sample/<uuid:sample_id>/", sample_pages.sample, name="audit-sample"),
    path(
        "audit/sample/<uuid:sample_id>/sample.json",
        sample_pages.download,
        {"kind": "json"},
        name="audit-sample-json",
    ),
    path(
        "audit/sample/<uuid:sample_id>/sample.csv",
        sample_pages.download,
        {"kind": "csv"},
        name="audit-sample-csv",
    ),
    path("audit/pack", packs.filter_pack, name="audit-pack"),
    path("audit/evidence/<str:digest>/", evidence_bodies.body, name="audit-evidence"),
    path("audit/coverage/", coverage_page.coverage, name="coverage"),
    path("audit/coverage/download", coverage_page.download, name="coverage-download"),
    path(
        "audit/coverage/files/<uuid:event_id>/manifest",
        coverage_page.manifest,
        name="coverage-manifest",
    ),
    path("audit/quarantine/", quarantine_pages.rows, name="quarantine"),
    path("audit/quarantine/<int:row_id>/", quarantine_pages.row, name="quarantined-row"),
    path("audit/erasures/", erasures.erasures, name="erasures"),
    path("audit/erasures/<str:subject>/", erasures.person, name="erasure-person"),
    path("audit/erasures/<str:subject>/decide/", erasures.decide, name="erasure-decide"),
    path(
        "audit/erasures/<uuid:erasure_id>/certificate",
        erasures.certified,
        name="erasure-certificate",
    ),
    path("audit/ledger/", log_status.ledger, name="ledger"),
    path("audit/ledger/entries", whole_log_download.entries, name="ledger-entries"),
    path("audit/ledger/verify/", log_status.verify, name="ledger-verify"),
    path("audit/ledger/runs/<uuid:run_id>/", log_status.run, name="ledger-run"),
    path("audit/exports/", exports.exports, name="exports"),
    path("audit/exports/new/", exports.new, name="export-new"),
    path("audit/exports/<uuid:job_id>/", exports.export, name="export"),
    path("audit/exports/<uuid:job_id>/download", exports.download, name="export-download"),
    path("audit/exports/<uuid:job_id>/manifest", exports.manifest, name="export-manifest"),
    path("log/checkpoint", public_log.checkpoint, name="log-checkpoint"),
    path("log/key", public_log.key, name="log-key"),
    path("log/keys", public_log.keys, name="log-keys"),
    path("log/time/<int:size>", public_log.time_token, name="log-time"),
    path("log/verify.html", packs.verifier, name="pack-verifier"),
    path("log/<path:tile>", public_log.tile, name="log-tile"),
]
