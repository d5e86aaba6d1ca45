"""Routes of the auditor's pages and of the public log (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path

from portal.audit_pages import (
    bodies,
    coverage,
    erasures,
    events,
    exporting,
    ledger,
    live,
    log,
    packing,
    saved_views,
    trail,
    whole_log,
)

urlpatterns = [
    path("audit/", trail.trail, name="audit"),
    path("audit/live/", live.poll, name="audit-live"),
    path("audit/events/<uuid:event_id>/", events.event, name="audit-event"),
    path("audit/events/<uuid:event_id>/proof", events.event_proof, name="audit-event-proof"),
    path("audit/events/<uuid:event_id>/entry", events.event_entry, name="audit-event-entry"),
    path("audit/events/<uuid:event_id>/pack", packing.event_pack, name="audit-event-pack"),
    path("audit/views/", saved_views.views, name="audit-views"),
    path("audit/views/count/", saved_views.count, name="audit-view-count"),
    path("audit/views/new/", saved_views.new, name="audit-view-new"),
    path("audit/views/<uuid:view_id>/", saved_views.edit, name="audit-view"),
    path("audit/views/<uuid:view_id>/remove/", saved_views.remove, name="audit-view-remove"),
    path("audit/views/<uuid:view_id>/restore/", saved_views.bring_back, name="audit-view-restore"),
    path("audit/pack", packing.filter_pack, name="audit-pack"),
    path("audit/evidence/<str:digest>/", bodies.body, name="audit-evidence"),
    path("audit/coverage/", coverage.coverage, name="coverage"),
    path("audit/coverage/download", coverage.download, name="coverage-download"),
    path("audit/erasures/", erasures.erasures, name="erasures"),
    path("audit/erasures/<str:subject>/", erasures.person, name="erasure-person"),
    path("audit/erasures/<str:subject>/decide/", erasures.decide, name="erasure-decide"),
    path(
        "audit/erasures/<uuid:erasure_id>/certificate",
        erasures.certified,
        name="erasure-certificate",
    ),
    path("audit/ledger/", ledger.ledger, name="ledger"),
    path("audit/ledger/entries", whole_log.entries, name="ledger-entries"),
    path("audit/ledger/verify/", ledger.verify, name="ledger-verify"),
    path("audit/ledger/runs/<uuid:run_id>/", ledger.run, name="ledger-run"),
    path("audit/exports/", exporting.exports, name="exports"),
    path("audit/exports/new/", exporting.new, name="export-new"),
    path("audit/exports/<uuid:job_id>/", exporting.export, name="export"),
    path("audit/exports/<uuid:job_id>/download", exporting.download, name="export-download"),
    path("audit/exports/<uuid:job_id>/manifest", exporting.manifest, name="export-manifest"),
    path("log/checkpoint", log.checkpoint, name="log-checkpoint"),
    path("log/key", log.key, name="log-key"),
    path("log/keys", log.keys, name="log-keys"),
    path("log/time/<int:size>", log.time_token, name="log-time"),
    path("log/verify.html", packing.verifier, name="pack-verifier"),
    path("log/<path:tile>", log.tile, name="log-tile"),
]
