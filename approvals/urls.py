"""Pages about approvals (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path

from approvals.views import passkey_answers, passkeys, policy_edit, policy_pages, request_pages

urlpatterns = [
    path("approvals/", request_pages.index, name="approvals"),
    path("approvals/waiting/", request_pages.index_live, name="approvals-waiting"),
    path("approvals/policy/", policy_pages.read, name="approvals-policy"),
    path("approvals/policy/edit/", policy_edit.edit, name="approvals-policy-edit"),
    path("approvals/policy/review/", policy_edit.review, name="approvals-policy-review"),
    path("approvals/policy/propose/", policy_edit.propose, name="approvals-policy-propose"),
    path(
        "approvals/policy/<str:policy_digest>/",
        policy_pages.version,
        name="approvals-policy-version",
    ),
    path("approvals/<uuid:approval_id>/", request_pages.one, name="approval"),
    path("approvals/<uuid:approval_id>/live/", request_pages.one_live, name="approval-live"),
    path("approvals/<uuid:approval_id>/cancel/", request_pages.cancel, name="approval-cancel"),
    path("approvals/<uuid:approval_id>/again/", request_pages.send_again, name="approval-again"),
    path("approvals/<uuid:approval_id>/passkey/", passkey_answers.answer, name="approval-passkey"),
    path(
        "approvals/<uuid:approval_id>/denied/", request_pages.confirm_denial, name="approval-denied"
    ),
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
