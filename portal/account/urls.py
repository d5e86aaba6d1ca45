"""`/account/` (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path

from portal.account import views

urlpatterns = [
    path("account/", views.account, name="account"),
    path("account/sessions/<str:public_id>/end/", views.end_session, name="account-end-session"),
    path("account/sessions/end-others/", views.end_others, name="account-end-others"),
]
