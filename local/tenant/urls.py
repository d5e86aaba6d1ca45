"""Auth0's own paths."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from local.tenant import clock_control
from local.tenant.api_v2 import errors_and_rate_limits
from local.tenant.endpoints import authorize, device, discovery, logout, token, userinfo
from local.tenant.env import env
from local.tenant.pages import activate, one_click_sign_in

handler404 = "local.tenant.pages.errors.not_found"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", one_click_sign_in.home, name="home"),
    path(".well-known/openid-configuration", discovery.configuration, name="configuration"),
    path(".well-known/oauth-authorization-server", discovery.configuration),
    path(".well-known/jwks.json", discovery.key_set),
    path("authorize", authorize.authorize),
    path("authorize/resume", authorize.resume),
    path("authorize/consent", authorize.consent, name="consent"),
    path("u/login", one_click_sign_in.login, name="login"),
    path("switch", one_click_sign_in.switch, name="switch"),
    path("activate", activate.activate, name="activate"),
    path("oauth/token", token.token),
    path("oauth/revoke", token.revoke),
    path("oauth/device/code", device.code),
    path("userinfo", userinfo.userinfo),
    path("oidc/logout", logout.oidc_logout, name="logout"),
    path("v2/logout", logout.v2_logout),
    path("api/v2/", include("local.tenant.api_v2.urls")),
    path("", include("local.tenant.ciba.urls")),
    path("", include("local.tenant.vault.urls")),
    path("api/v2/<path:rest>", errors_and_rate_limits.unknown),
]

if env().tenant_control:
    urlpatterns.append(path("__control/clock", clock_control.move_clock))
