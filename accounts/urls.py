"""Sign-in routes; un-namespaced, since mozilla-django-oidc reverses them by these names."""

from django.urls import path

from accounts.recent_sign_in.saved_forms import resume
from accounts.views import backchannel_logout, sign_in
from accounts.views.break_glass import break_glass

urlpatterns = [
    path("oidc/authenticate/", sign_in.SignIn.as_view(), name="oidc_authentication_init"),
    path("oidc/callback/", sign_in.Callback.as_view(), name="oidc_authentication_callback"),
    path("oidc/logout/", sign_in.SignOut.as_view(), name="oidc_logout"),
    path("oidc/go-on/<str:handle>/", resume, name="resume"),
    path("oidc/break-glass/", break_glass, name="break-glass"),
    path(
        "oidc/backchannel-logout/",
        backchannel_logout.backchannel_logout,
        name="oidc_backchannel_logout",
    ),
]
