"""Auth0's own paths."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from local.tenant import control
from local.tenant.api_v2 import dialect
from local.tenant.endpoints import authorize, device, discovery, logout, token, userinfo
from local.tenant.env import env
from local.tenant.pages import accounts, activate

handler404 = "local.tenant.pages.errors.not_found"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", accounts.home, name="home"),
    path(".well-known/openid-configuration", discovery.configuration, name="configuration"),
    path(".well-known/oauth-authorization-server", discovery.configuration),
    path(".well-known/jwks.json", discovery.key_set),
    path("authorize", authorize.authorize),
    path("authorize/resume", authorize.resume),
    path("authorize/consent", authorize.consent, name="consent"),
    path("u/login", accounts.login, name="login"),
    path("switch", accounts.switch, name="switch"),
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
    path("api/v2/<path:rest>", dialect.unknown),
]

if env().tenant_control:
    urlpatterns.append(path("__control/clock", control.move_clock))
