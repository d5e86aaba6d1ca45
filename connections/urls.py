"""Routes of connected accounts (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path, register_converter

from connections.views import (
    access_review_pages,
    application_grants,
    connect,
    connect_agent,
    connection_detail,
    escalation_list_and_rules,
    freeze,
    idle_access_settings,
    my_connections,
    pending_steps,
    review_item_decision,
    sync_runs_and_sources,
)
from connections.views.inventory import (
    access_map,
    bulk_actions,
    changes_between_dates,
    inventory_and_exports,
)
from ui.path_converters import NameConverter

register_converter(NameConverter, "any_name")

app_name = "connections"
urlpatterns = [
    path("connections/", my_connections.mine, name="mine"),
    path("connections/pending/", my_connections.pending_fragment, name="pending"),
    path("connections/agents/", connect_agent.connect_agent, name="connect-agent"),
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
    path("connections/remediations/", pending_steps.unfinished, name="remediations"),
    path(
        "connections/remediations/<uuid:step>/retry/", pending_steps.retry, name="remediation-retry"
    ),
    path("connections/inventory/selection/", bulk_actions.selected, name="selection"),
    path("connections/settings/", idle_access_settings.settings, name="settings"),
    path(
        "connections/settings/<any_name:connection>/", idle_access_settings.setting, name="setting"
    ),
    path("connections/scopes/", escalation_list_and_rules.watch, name="watch"),
    path("connections/allow/", escalation_list_and_rules.require_allow, name="require-allow"),
    path(
        "connections/scopes/<any_name:connection>/",
        escalation_list_and_rules.configure,
        name="scope-rules",
    ),
    path("connections/access/", application_grants.applications, name="applications"),
    path("connections/access/read/", application_grants.read_again, name="access-read"),
    path(
        "connections/access/<uuid:access_id>/revoke/",
        application_grants.revoke,
        name="access-revoke",
    ),
    path("connections/inventory/", inventory_and_exports.inventory, name="inventory"),
    path("connections/map/", access_map.access_map, name="map"),
    path("connections/inventory/changes/", changes_between_dates.changes, name="changes"),
    path("connections/inventory/export/", inventory_and_exports.export_file, name="export"),
    path(
        "connections/inventory/export/<uuid:event_id>/manifest/",
        inventory_and_exports.export_manifest,
        name="export-manifest",
    ),
    path("connections/inventory/ibom/", inventory_and_exports.ibom, name="ibom"),
    path("connections/inventory/reconcile/", inventory_and_exports.reconcile_now, name="reconcile"),
    path("connections/inventory/sources/", sync_runs_and_sources.comparisons, name="sources"),
    path("connections/inventory/status/", inventory_and_exports.status, name="reconcile-status"),
    path("connections/reviews/", access_review_pages.reviews, name="reviews"),
    path("connections/reviews/new/", access_review_pages.new, name="review-new"),
    path("connections/reviews/<uuid:review_id>/", access_review_pages.review, name="review"),
    path(
        "connections/reviews/<uuid:review_id>/next/",
        review_item_decision.following,
        name="review-next",
    ),
    path(
        "connections/reviews/<uuid:review_id>/close/",
        access_review_pages.close,
        name="review-close",
    ),
    path(
        "connections/reviews/<uuid:review_id>/cancel/",
        access_review_pages.cancel,
        name="review-cancel",
    ),
    path(
        "connections/reviews/<uuid:review_id>/result/",
        access_review_pages.result,
        name="review-result",
    ),
    path(
        "connections/reviews/<uuid:review_id>/<uuid:item_id>/",
        review_item_decision.item,
        name="review-item",
    ),
    path(
        "connections/reviews/<uuid:review_id>/<uuid:item_id>/revoke/",
        review_item_decision.revoke,
        name="review-revoke",
    ),
    path("connections/<uuid:account_id>/", connection_detail.detail, name="detail"),
    path(
        "connections/<uuid:account_id>/allowances/<uuid:allowance_id>/withdraw/",
        escalation_list_and_rules.withdraw,
        name="withdraw",
    ),
    path("connections/<uuid:account_id>/revoke/", connection_detail.revoke, name="revoke"),
    path("connections/<uuid:account_id>/suspend/", connection_detail.suspend, name="suspend"),
    path("connections/<uuid:account_id>/wake/", connection_detail.wake, name="wake"),
    path("connections/<uuid:account_id>/resume/", connection_detail.resume, name="resume"),
]
