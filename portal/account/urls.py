"""`/account/` (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path

from portal.account import passkeys, views

urlpatterns = [
    path("account/", views.account, name="account"),
    path("account/sessions/<str:public_id>/end/", views.end_session, name="account-end-session"),
    path("account/sessions/end-others/", views.end_others, name="account-end-others"),
    path("account/history/download/", views.download_history, name="account-history"),
    path("account/passkeys/", passkeys.everyone, name="account-passkeys-everyone"),
    path("account/passkeys/trust-file/", passkeys.trust_file, name="account-passkeys-file"),
    path("account/passkeys/new/", passkeys.new, name="account-passkey-new"),
    path("account/passkeys/<str:handle>/name/", passkeys.rename, name="account-passkey-rename"),
    path(
        "account/passkeys/<str:handle>/approver/",
        passkeys.approver,
        name="account-passkey-approver",
    ),
    path("account/passkeys/<str:handle>/revoke/", passkeys.revoke, name="account-passkey-revoke"),
]
