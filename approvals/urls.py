"""Pages about approvals (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path

from approvals.views import (
    passkey_answers,
    passkey_management,
    request_list_detail_cancel_resend,
)
from approvals.views.policy import (
    policy_and_version_pages,
    policy_edit,
)

urlpatterns = [
    path("approvals/", request_list_detail_cancel_resend.index, name="approvals"),
    path(
        "approvals/waiting/", request_list_detail_cancel_resend.index_live, name="approvals-waiting"
    ),
    path("approvals/policy/", policy_and_version_pages.read, name="approvals-policy"),
    path("approvals/policy/edit/", policy_edit.edit, name="approvals-policy-edit"),
    path("approvals/policy/review/", policy_edit.review, name="approvals-policy-review"),
    path("approvals/policy/propose/", policy_edit.propose, name="approvals-policy-propose"),
    path(
        "approvals/policy/<str:policy_digest>/",
        policy_and_version_pages.version,
        name="approvals-policy-version",
    ),
    path("approvals/<uuid:approval_id>/", request_list_detail_cancel_resend.one, name="approval"),
    path(
        "approvals/<uuid:approval_id>/live/",
        request_list_detail_cancel_resend.one_live,
        name="approval-live",
    ),
    path(
        "approvals/<uuid:approval_id>/cancel/",
        request_list_detail_cancel_resend.cancel,
        name="approval-cancel",
    ),
    path(
        "approvals/<uuid:approval_id>/again/",
        request_list_detail_cancel_resend.send_again,
        name="approval-again",
    ),
    path("approvals/<uuid:approval_id>/passkey/", passkey_answers.answer, name="approval-passkey"),
    path(
        "approvals/<uuid:approval_id>/denied/",
        request_list_detail_cancel_resend.confirm_denial,
        name="approval-denied",
    ),
    path("account/passkeys/", passkey_management.everyone, name="account-passkeys-everyone"),
    path(
        "account/passkeys/trust-file/", passkey_management.trust_file, name="account-passkeys-file"
    ),
    path("account/passkeys/new/", passkey_management.new, name="account-passkey-new"),
    path(
        "account/passkeys/<str:handle>/name/",
        passkey_management.rename,
        name="account-passkey-rename",
    ),
    path(
        "account/passkeys/<str:handle>/approver/",
        passkey_management.approver,
        name="account-passkey-approver",
    ),
    path(
        "account/passkeys/<str:handle>/revoke/",
        passkey_management.revoke,
        name="account-passkey-revoke",
    ),
]
