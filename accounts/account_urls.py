"""`/account/` (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path

from accounts.views import account
from approvals.views import passkeys

urlpatterns = [
    path("account/", account.account, name="account"),
    path("account/sessions/<str:public_id>/end/", account.end_session, name="account-end-session"),
    path("account/sessions/end-others/", account.end_others, name="account-end-others"),
    path("account/history/download/", account.download_history, name="account-history"),
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
