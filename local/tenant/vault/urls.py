"""Connected accounts at Auth0's paths, the providers' APIs, and their pages."""

from __future__ import annotations

from django.urls import include, path

from local.tenant.api_v2.errors_and_rate_limits import resource
from local.tenant.vault import consent_views, management_api_list, my_account, settings_views
from local.tenant.vault.providers import github, google, slack

_ME = "me/v1/connected-accounts/"

urlpatterns = [
    path(f"{_ME}connect", my_account.connect),
    path(f"{_ME}complete", my_account.complete),
    path(f"{_ME}accounts", my_account.list_accounts),
    path(f"{_ME}accounts/<str:account_id>", my_account.delete),
    path(f"{_ME}connections", my_account.list_connections),
    path("connected-accounts/connect", consent_views.consent, name="connect-consent"),
    path(
        "api/v2/users/<str:user_id>/connected-accounts",
        resource(get=(management_api_list.connected_accounts, "read:users")),
    ),
    path("providers/<str:name>/settings", settings_views.settings, name="provider-settings"),
    path(
        "providers/<str:name>/settings/<int:grant_id>/revoke",
        settings_views.revoke,
        name="provider-revoke",
    ),
    path("providers/github/", include(github)),
    path("providers/slack/", include(slack)),
    path("providers/google-oauth2/", include(google)),
]
