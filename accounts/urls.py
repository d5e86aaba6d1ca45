"""Sign-in and account routes (DESIGN 2.3); un-namespaced, since mozilla-django-oidc reverses
the first of them by these names."""

from django.urls import path

from accounts.views import (
    absence,
    account,
    backchannel_logout,
    resend_saved_form,
    sign_in_and_sign_out,
)
from accounts.views.break_glass import break_glass

urlpatterns = [
    path(
        "oidc/authenticate/", sign_in_and_sign_out.SignIn.as_view(), name="oidc_authentication_init"
    ),
    path(
        "oidc/callback/",
        sign_in_and_sign_out.Callback.as_view(),
        name="oidc_authentication_callback",
    ),
    path("oidc/logout/", sign_in_and_sign_out.SignOut.as_view(), name="oidc_logout"),
    path("oidc/go-on/<str:handle>/", resend_saved_form.resume, name="resume"),
    path("oidc/break-glass/", break_glass, name="break-glass"),
    path(
        "oidc/backchannel-logout/",
        backchannel_logout.backchannel_logout,
        name="oidc_backchannel_logout",
    ),
    path("account/", account.account, name="account"),
    path("account/away/", absence.away, name="account-away"),
    path("account/sessions/<str:public_id>/end/", account.end_session, name="account-end-session"),
    path("account/sessions/end-others/", account.end_others, name="account-end-others"),
    path("account/history/download/", account.download_history, name="account-history"),
]
