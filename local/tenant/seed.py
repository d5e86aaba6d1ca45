"""``python -m local.tenant seed``: clients, APIs, connections, roles and accounts, idempotently."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from allauth.idp.oidc.models import Client
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from local.tenant.applications.apis import management_audience, my_account_audience
from local.tenant.directory.demo_accounts import ACCOUNTS, API_PERMISSIONS, ROLES
from local.tenant.env import TenantEnv, env
from local.tenant.models import ClientGrant, Connection, Person, ResourceServer, Role
from local.tenant.oauth import signing_keys
from local.tenant.oauth.engine import DEVICE_GRANT
from local.tenant.oauth.grant_registry import VAULT_GRANT

PACKAGES = ("local.tenant.ciba", "local.tenant.vault")
CIBA_GRANT = "urn:openid:params:grant-type:ciba"
RAR_TYPE = "urn:auth0:schemas:authorization-details:v1:ata-intent"
MY_ACCOUNT_SCOPES = [f"{verb}:me:connected_accounts" for verb in ("create", "read", "delete")]
MANAGEMENT_SCOPES = [
    "read:users", "read:roles", "read:role_members", "read:authentication_methods",
    "read:sessions", "delete:sessions", "read:refresh_tokens", "delete:refresh_tokens",
    "read:grants", "delete:grants", "read:logs", "read:logs_users", "read:connections",
    "read:clients", "read:resource_servers", "read:client_grants",
]  # fmt: skip
CALLBACKS = ("/oidc/callback/", "/connections/callback/", "/connections/token/callback/")
CONNECTIONS = (
    ("con_Github0000000001", "github", "github"),
    ("con_Slack00000000001", "slack", "oauth2"),
    ("con_Google0000000001", "google-oauth2", "google-oauth2"),
)


def run() -> str:
    """Create or update everything; returns one line that says what is there now.

    Raises ImproperlyConfigured when a client secret is missing from the environment.
    """
    settings = env()
    _require_secrets(settings)
    _core(settings)
    for package in PACKAGES:
        import_module(f"{package}.seed").seed()
    return (
        f"{settings.issuer} has {Person.objects.count()} accounts, "
        f"{Client.objects.count()} clients and {ResourceServer.objects.count()} APIs."
    )


@transaction.atomic
def _core(settings: TenantEnv) -> None:
    _apis(settings)
    _clients(settings)
    _connections()
    _people(settings)
    signing_keys.signing_key()


def _require_secrets(settings: TenantEnv) -> None:
    names = ("auth0_client_secret", "auth0_vault_client_secret", "auth0_mgmt_client_secret")
    missing = [name.upper() for name in names if not getattr(settings, name)]
    if missing:
        raise ImproperlyConfigured(
            f"Set {', '.join(missing)} (or NAME_FILE) to any long random value, the same for the "
            "portal; `make up` does it."
        )


def _apis(settings: TenantEnv) -> None:
    _api(
        settings.auth0_api_audience,
        "Auth0-ATA API",
        scopes=list(API_PERMISSIONS),
        rbac=True,
        allow_offline_access=True,
    )
    _api(
        settings.auth0_approval_audience,
        "Auth0-ATA approvals",
        token_lifetime=600,
        client_access="deny_all",
        authorization_details_types=[RAR_TYPE],
    )
    _api(
        my_account_audience(),
        "Auth0 My Account API",
        scopes=MY_ACCOUNT_SCOPES,
        user_access="require_client_grant",
        client_access="deny_all",
        token_lifetime=86400,
    )
    _api(
        management_audience(),
        "Auth0 Management API",
        scopes=MANAGEMENT_SCOPES,
        user_access="deny_all",
    )


def _api(identifier: str, name: str, **fields: Any) -> None:
    ResourceServer.objects.update_or_create(
        identifier=identifier, defaults={"name": name, **fields}
    )


def _clients(settings: TenantEnv) -> None:
    portal = settings.portal
    my_account = {"audience": my_account_audience(), "scope": MY_ACCOUNT_SCOPES}
    _client(
        settings.auth0_client_id,
        "Auth0-ATA",
        settings.auth0_client_secret,
        grants=["authorization_code", "refresh_token", CIBA_GRANT, VAULT_GRANT],
        redirects=[f"{portal}{path}" for path in CALLBACKS],
        logouts=[portal, f"{portal}/"],
        auth0={
            "backchannel_logout_urls": [f"{portal}/oidc/backchannel-logout/"],
            "approval_channels": ["guardian-push", "email"],
            "refresh_policies": [my_account],
        },
    )
    _client(
        settings.auth0_cli_client_id,
        "ata command line",
        "",
        grants=[DEVICE_GRANT, "refresh_token"],
        auth0={"app_type": "native", "rotating": True, "rotation_leeway": 30},
    )
    _client(
        settings.auth0_vault_client_id,
        "Auth0-ATA broker",
        settings.auth0_vault_client_secret,
        grants=[VAULT_GRANT],
        auth0={
            "app_type": "resource_server",
            "resource_server_identifier": settings.auth0_api_audience,
        },
    )
    _client(
        settings.auth0_mgmt_client_id,
        "Auth0-ATA management",
        settings.auth0_mgmt_client_secret,
        grants=["client_credentials"],
        auth0={"app_type": "non_interactive"},
    )
    _grant(settings.auth0_client_id, my_account_audience(), "user", MY_ACCOUNT_SCOPES)
    _grant(settings.auth0_mgmt_client_id, management_audience(), "client", MANAGEMENT_SCOPES)


def _client(
    client_id: str,
    name: str,
    secret: str,
    *,
    grants: Sequence[str],
    redirects: Sequence[str] = (),
    logouts: Sequence[str] = (),
    auth0: dict[str, Any],
) -> None:
    client = Client.objects.filter(id=client_id).first() or Client(id=client_id)
    client.name = name
    client.type = Client.Type.CONFIDENTIAL if secret else Client.Type.PUBLIC
    if secret and not client.check_secret(secret):
        client.set_secret(secret)
    client.set_grant_types(list(grants))
    client.set_redirect_uris(list(redirects))
    client.set_response_types(["code"])
    client.data = {"auth0": auth0}
    client.set_post_logout_redirect_uris(list(logouts))
    client.save()


def _grant(client_id: str, audience: str, subject_type: str, scope: list[str]) -> None:
    ClientGrant.objects.update_or_create(
        client_id=client_id,
        audience_id=audience,
        subject_type=subject_type,
        defaults={"scope": scope},
    )


def _connections() -> None:
    for identifier, name, strategy in CONNECTIONS:
        Connection.objects.update_or_create(
            id=identifier,
            defaults={"name": name, "strategy": strategy, "connected_accounts_active": True},
        )


def _people(settings: TenantEnv) -> None:
    roles = {}
    for spec in ROLES:
        permissions = {settings.auth0_api_audience: list(spec.permissions)}
        roles[spec.name], _ = Role.objects.update_or_create(
            name=spec.name, defaults={"description": spec.can, "permissions": permissions}
        )
    for account in ACCOUNTS:
        person, _ = Person.objects.update_or_create(
            sub=account.sub,
            defaults={
                "email": account.email,
                "name": account.name,
                "given_name": account.given_name,
                "family_name": account.family_name,
            },
        )
        person.roles.set([roles[account.role]] if account.role else [])
