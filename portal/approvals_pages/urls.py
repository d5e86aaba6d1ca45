"""Pages about approvals (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path

from portal.approvals_pages import by_passkey, policy, policy_edit, views

urlpatterns = [
    path("approvals/", views.index, name="approvals"),
    path("approvals/waiting/", views.index_live, name="approvals-waiting"),
    path("approvals/policy/", policy.read, name="approvals-policy"),
    path("approvals/policy/edit/", policy_edit.edit, name="approvals-policy-edit"),
    path("approvals/policy/review/", policy_edit.review, name="approvals-policy-review"),
    path("approvals/policy/propose/", policy_edit.propose, name="approvals-policy-propose"),
    path("approvals/policy/<str:policy_digest>/", policy.version, name="approvals-policy-version"),
    path("approvals/<uuid:approval_id>/", views.one, name="approval"),
    path("approvals/<uuid:approval_id>/live/", views.one_live, name="approval-live"),
    path("approvals/<uuid:approval_id>/cancel/", views.cancel, name="approval-cancel"),
    path("approvals/<uuid:approval_id>/again/", views.send_again, name="approval-again"),
    path("approvals/<uuid:approval_id>/passkey/", by_passkey.answer, name="approval-passkey"),
    path("approvals/<uuid:approval_id>/denied/", views.confirm_denial, name="approval-denied"),
]
