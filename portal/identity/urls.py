"""Sign-in routes; un-namespaced, since mozilla-django-oidc reverses them by these names."""

from django.urls import path

from portal.identity import backchannel, views
from portal.identity.breakglass.views import break_glass
from portal.identity.kept_forms import resume

urlpatterns = [
    path("oidc/authenticate/", views.SignIn.as_view(), name="oidc_authentication_init"),
    path("oidc/callback/", views.Callback.as_view(), name="oidc_authentication_callback"),
    path("oidc/logout/", views.SignOut.as_view(), name="oidc_logout"),
    path("oidc/go-on/<str:handle>/", resume, name="resume"),
    path("oidc/break-glass/", break_glass, name="break-glass"),
    path(
        "oidc/backchannel-logout/",
        backchannel.backchannel_logout,
        name="oidc_backchannel_logout",
    ),
]
