"""Routes of connected accounts (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path, register_converter

from connections.views import (
    access_reviews,
    application_grants,
    comparisons,
    connect,
    connection_detail,
    freeze,
    my_connections,
    remediations,
    review_items,
    scope_escalation,
    settings,
)
from connections.views.inventory import (
    bulk_selection,
    changes,
    inventory_page,
)
from ui.path_converters import NameConverter

register_converter(NameConverter, "any_name")

app_name = "connections"
urlpatterns = [
    path("connections/", my_connections.mine, name="mine"),
    path("connections/pending/", my_connections.pending_fragment, name="pending"),
    path("connections/finish/", connect.finish, name="finish"),
    path("connections/notices/seen/", my_connections.put_notices_away, name="notices-seen"),
    path(
        "connections/needs/<int:need_id>/dismiss/", my_connections.dismiss_need, name="dismiss-need"
    ),
    path("connections/connect/<any_name:connection>/", connect.connect, name="connect"),
    path("connections/token/callback/", connect.token_callback, name="token-callback"),
    path("connections/callback/", connect.callback, name="callback"),
    path("connections/freeze/", freeze.frozen, name="freeze"),
    path("connections/freeze/now/", freeze.freeze, name="freeze-now"),
    path("connections/freeze/me/", freeze.freeze_me, name="freeze-me"),
    path(
        "connections/freeze/<str:kind>/<any_name:name>/unfreeze/",
        freeze.unfreeze,
        name="unfreeze",
    ),
    path("connections/remediations/", remediations.unfinished, name="remediations"),
    path(
        "connections/remediations/<uuid:step>/retry/", remediations.retry, name="remediation-retry"
    ),
    path("connections/inventory/selection/", bulk_selection.selected, name="selection"),
    path("connections/settings/", settings.settings, name="settings"),
    path("connections/settings/<any_name:connection>/", settings.setting, name="setting"),
    path("connections/scopes/", scope_escalation.watch, name="watch"),
    path("connections/allow/", scope_escalation.require_allow, name="require-allow"),
    path(
        "connections/scopes/<any_name:connection>/", scope_escalation.configure, name="scope-rules"
    ),
    path("connections/access/", application_grants.applications, name="applications"),
    path("connections/access/read/", application_grants.read_again, name="access-read"),
    path(
        "connections/access/<uuid:access_id>/revoke/",
        application_grants.revoke,
        name="access-revoke",
    ),
    path("connections/inventory/", inventory_page.inventory, name="inventory"),
    path("connections/inventory/changes/", changes.changes, name="changes"),
    path("connections/inventory/export/", inventory_page.export_file, name="export"),
    path(
        "connections/inventory/export/<uuid:event_id>/manifest/",
        inventory_page.export_manifest,
        name="export-manifest",
    ),
    path("connections/inventory/ibom/", inventory_page.ibom, name="ibom"),
    path("connections/inventory/reconcile/", inventory_page.reconcile_now, name="reconcile"),
    path("connections/inventory/sources/", comparisons.comparisons, name="sources"),
    path("connections/inventory/status/", inventory_page.status, name="reconcile-status"),
    path("connections/reviews/", access_reviews.reviews, name="reviews"),
    path("connections/reviews/new/", access_reviews.new, name="review-new"),
    path("connections/reviews/<uuid:review_id>/", access_reviews.review, name="review"),
    path("connections/reviews/<uuid:review_id>/next/", review_items.following, name="review-next"),
    path("connections/reviews/<uuid:review_id>/close/", access_reviews.close, name="review-close"),
    path(
        "connections/reviews/<uuid:review_id>/cancel/", access_reviews.cancel, name="review-cancel"
    ),
    path(
        "connections/reviews/<uuid:review_id>/result/", access_reviews.result, name="review-result"
    ),
    path(
        "connections/reviews/<uuid:review_id>/<uuid:item_id>/",
        review_items.item,
        name="review-item",
    ),
    path(
        "connections/reviews/<uuid:review_id>/<uuid:item_id>/revoke/",
        review_items.revoke,
        name="review-revoke",
    ),
    path("connections/<uuid:account_id>/", connection_detail.detail, name="detail"),
    path(
        "connections/<uuid:account_id>/allowances/<uuid:allowance_id>/withdraw/",
        scope_escalation.withdraw,
        name="withdraw",
    ),
    path("connections/<uuid:account_id>/revoke/", connection_detail.revoke, name="revoke"),
    path("connections/<uuid:account_id>/suspend/", connection_detail.suspend, name="suspend"),
    path("connections/<uuid:account_id>/wake/", connection_detail.wake, name="wake"),
    path("connections/<uuid:account_id>/resume/", connection_detail.resume, name="resume"),
]
