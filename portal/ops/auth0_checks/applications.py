"""How the three applications must be set (README, *Applications*); pure over what was read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from auth0_client import token_vault
from auth0_client.grants import ciba, device
from http_client.json_fields import Fields
from portal.ops.auth0_checks.check_result import Finding, bad, equals, includes, ok, warn

CALLBACKS = ("/oidc/callback/", "/connections/callback/", "/connections/token/callback/")
_PUSH_LIMIT_S = 300
_PORTAL = "dashboard: Applications → Portal → "
_CLI = "dashboard: Applications → Command line → "
_BROKER = "dashboard: Applications → Broker → "


def portal(app: Fields, portal_url: str, step_up_expiry_s: int) -> list[Finding]:
    """The web application; ``step_up_expiry_s`` in seconds decides whether e-mail is needed."""
    grants = app.texts("grant_types")
    channels = ["guardian-push"] + (["email"] if step_up_expiry_s > _PUSH_LIMIT_S else [])
    return [
        includes(
            "Portal grant types",
            grants,
            ["authorization_code", ciba.GRANT],
            _PORTAL + "Advanced → Grant Types",
        ),
        includes(
            "Portal CIBA channels",
            app.texts("async_approval_notification_channels"),
            channels,
            _PORTAL + "Settings → CIBA notification channel",
        ),
        _urls(
            "Portal callback URLs",
            app.texts("callbacks"),
            [portal_url + path for path in CALLBACKS],
            _PORTAL + "Settings → Allowed Callback URLs",
        ),
        _urls(
            "Portal logout URLs",
            app.texts("allowed_logout_urls"),
            [portal_url + "/"],
            _PORTAL + "Settings → Allowed Logout URLs",
        ),
        _backchannel(app, portal_url),
        _rotation(app, grants),
        _confidential("Portal", app, _PORTAL),
    ]


def command_line(app: Fields) -> list[Finding]:
    """The native application: device flow, refresh, no secret."""
    grants = app.texts("grant_types")
    found = [
        equals("Command line type", _text(app, "app_type"), "native", _CLI + "Application Type"),
        equals(
            "Command line has no secret",
            _text(app, "token_endpoint_auth_method"),
            "none",
            _CLI + "Credentials → Authentication Method → None",
        ),
        includes(
            "Command line grant types", grants, [device.GRANT], _CLI + "Advanced → Grant Types"
        ),
    ]
    if "refresh_token" not in grants:
        detail = "no Refresh Token grant: people sign in again when a token ends"
        found.append(warn("Command line refresh", detail, _CLI + "Advanced → Grant Types"))
    return found


def broker(app: Fields, api_audience: str) -> list[Finding]:
    """The Custom API Client of the access-token exchange."""
    kind = "made from the API: Applications → APIs → Auth0-ATA API → Add Application"
    return [
        equals("Broker type", _text(app, "app_type"), "resource_server", f"dashboard, {kind}"),
        equals(
            "Broker is linked to the API",
            _text(app, "resource_server_identifier"),
            api_audience,
            f"AUTH0_API_AUDIENCE; dashboard, {kind}",
        ),
        includes(
            "Broker grant types",
            app.texts("grant_types"),
            [token_vault.GRANT],
            _BROKER + "Advanced → Grant Types → Token Vault",
        ),
        _confidential("Broker", app, _BROKER),
    ]


def _rotation(app: Fields, grants: Iterable[str]) -> Finding:
    check = "Portal refresh token rotation"
    rotating = (
        "refresh_token" in app and _text(app.nested("refresh_token"), "rotation_type") == "rotating"
    )
    if not rotating:
        return ok(check, "off")
    fix = _PORTAL + "Settings → Refresh Token Rotation → off"
    if {"refresh_token", token_vault.GRANT} <= set(grants):
        return bad(check, "on, with Refresh Token and Token Vault grants: exchanges fail", fix)
    return warn(check, "on; a vault exchange with a refresh token would need it off", fix)


def _backchannel(app: Fields, portal_url: str) -> Finding:
    check, want = "Portal back-channel logout", f"{portal_url}/oidc/backchannel-logout/"
    have = (
        app.nested("oidc_logout").texts("backchannel_logout_urls")
        if app.values.get("oidc_logout")
        else ()
    )
    if want in have:
        return ok(check, want)
    detail = f"{want} is not set: a session ended at the tenant lives on in the portal"
    return warn(check, detail, _PORTAL + "Settings → Back-Channel Logout URI")


def _confidential(name: str, app: Fields, page: str) -> Finding:
    check = f"{name} is first-party and confidential"
    wrong = [
        words
        for words, is_wrong in (
            ("third-party", app.optional_flag("is_first_party") is False),
            ("not OIDC conformant", app.optional_flag("oidc_conformant") is False),
            (
                "does not authenticate with a client secret",
                _text(app, "token_endpoint_auth_method")
                not in (None, "client_secret_post", "client_secret_basic"),
            ),
        )
        if is_wrong
    ]
    if wrong:
        return bad(check, ", ".join(wrong), page + "Credentials, and Advanced → OAuth")
    return ok(check, _text(app, "token_endpoint_auth_method") or "Auth0's default method")


def _urls(check: str, have: Iterable[str], need: list[str], fix: str) -> Finding:
    """Like ``includes``; a registered ``*`` stands for one label of a host, as at Auth0."""
    patterns = [re.compile(re.escape(url).replace(r"\*", "[^./:]+")) for url in have]
    matched = [url for url in need if any(pattern.fullmatch(url) for pattern in patterns)]
    return includes(check, matched, need, fix)


def _text(found: Fields, name: str) -> str | None:
    return found.optional_text(name)
