"""Routes of connected accounts (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path, register_converter

from portal.connections_pages import (
    access,
    changes,
    comparisons,
    connect,
    detail,
    freeze,
    inventory,
    mine,
    remediations,
    review_items,
    reviews,
    scope_watch,
    selection,
    settings,
)
from portal.web.name_converter import NameConverter

register_converter(NameConverter, "any_name")

app_name = "connections"
urlpatterns = [
    path("connections/", mine.mine, name="mine"),
    path("connections/pending/", mine.pending_fragment, name="pending"),
    path("connections/finish/", connect.finish, name="finish"),
    path("connections/notices/seen/", mine.put_notices_away, name="notices-seen"),
    path("connections/needs/<int:need_id>/dismiss/", mine.dismiss_need, name="dismiss-need"),
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
    path("connections/inventory/selection/", selection.selected, name="selection"),
    path("connections/settings/", settings.settings, name="settings"),
    path("connections/settings/<any_name:connection>/", settings.setting, name="setting"),
    path("connections/scopes/", scope_watch.watch, name="watch"),
    path("connections/allow/", scope_watch.require_allow, name="require-allow"),
    path("connections/scopes/<any_name:connection>/", scope_watch.configure, name="scope-rules"),
    path("connections/access/", access.applications, name="applications"),
    path("connections/access/read/", access.read_again, name="access-read"),
    path("connections/access/<uuid:access_id>/revoke/", access.revoke, name="access-revoke"),
    path("connections/inventory/", inventory.inventory, name="inventory"),
    path("connections/inventory/changes/", changes.changes, name="changes"),
    path("connections/inventory/export/", inventory.export_file, name="export"),
    path(
        "connections/inventory/export/<uuid:event_id>/manifest/",
        inventory.export_manifest,
        name="export-manifest",
    ),
    path("connections/inventory/ibom/", inventory.ibom, name="ibom"),
    path("connections/inventory/reconcile/", inventory.reconcile_now, name="reconcile"),
    path("connections/inventory/sources/", comparisons.comparisons, name="sources"),
    path("connections/inventory/status/", inventory.status, name="reconcile-status"),
    path("connections/reviews/", reviews.reviews, name="reviews"),
    path("connections/reviews/new/", reviews.new, name="review-new"),
    path("connections/reviews/<uuid:review_id>/", reviews.review, name="review"),
    path("connections/reviews/<uuid:review_id>/next/", review_items.following, name="review-next"),
    path("connections/reviews/<uuid:review_id>/close/", reviews.close, name="review-close"),
    path("connections/reviews/<uuid:review_id>/cancel/", reviews.cancel, name="review-cancel"),
    path("connections/reviews/<uuid:review_id>/result/", reviews.result, name="review-result"),
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
    path("connections/<uuid:account_id>/", detail.detail, name="detail"),
    path(
        "connections/<uuid:account_id>/allowances/<uuid:allowance_id>/withdraw/",
        scope_watch.withdraw,
        name="withdraw",
    ),
    path("connections/<uuid:account_id>/revoke/", detail.revoke, name="revoke"),
    path("connections/<uuid:account_id>/suspend/", detail.suspend, name="suspend"),
    path("connections/<uuid:account_id>/wake/", detail.wake, name="wake"),
    path("connections/<uuid:account_id>/resume/", detail.resume, name="resume"),
]
