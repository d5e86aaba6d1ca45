"""The whole examination, in the order a person would set a tenant up."""

from __future__ import annotations

from dataclasses import dataclass

from auth0_client.management_api import Management
from auth0_client.oauth_form_post import Endpoints
from auth0_client.tenant_facade import Auth0
from http_client.client import HttpClient
from portal.ops.auth0_checks import (
    api_and_grant_settings,
    applications,
    client_secrets,
    issuer_checks,
)
from portal.ops.auth0_checks.check_result import Finding, Status, not_checked, ok
from portal.ops.auth0_checks.not_checked_on_read_failure import application, judge


@dataclass(frozen=True, slots=True)
class Portal:
    """What the tenant must know of us. ``step_up_expiry_s`` is in seconds."""

    url: str
    step_up_expiry_s: int
    log_stream_configured: bool = False


def examine(auth0: Auth0, outbound: HttpClient, portal: Portal) -> list[Finding]:
    """Every finding; raises nothing that a tenant can cause. Changes nothing at the tenant."""
    document, first = issuer_checks.discovery(auth0)
    if document is None:
        rest = ("signing keys", "endpoints", "credentials", "settings", "Roles claim")
        return [first, *(not_checked(name, "discovery cannot be read") for name in rest)]
    endpoints = Endpoints(auth0.discovery, outbound)
    callback = portal.url + applications.CALLBACKS[0]
    machine = client_secrets.management(auth0, outbound)
    return [
        first,
        issuer_checks.signing_keys(auth0),
        *issuer_checks.endpoints(document),
        client_secrets.web(endpoints, auth0.tenant.web, callback),
        client_secrets.broker(endpoints, auth0.tenant.vault),
        machine,
        *_settings(auth0, portal, machine),
        _roles_claim(auth0.tenant.roles_claim),
        _log_stream(portal),
    ]


def failed(findings: list[Finding]) -> bool:
    """Whether anything is bad; warnings and what could not be checked do not fail."""
    return any(finding.status is Status.BAD for finding in findings)


def _settings(auth0: Auth0, portal: Portal, machine: Finding) -> list[Finding]:
    if machine.status is not Status.OK:
        names = ("Portal", "Command line", "Broker")
        groups = (*(f"{name} application" for name in names), "APIs", "Grants", "Connections")
        return [not_checked(name, "needs the Management application") for name in groups]
    api = auth0.management
    return [*_applications(auth0, api, portal), *_apis(auth0, api)]


def _applications(auth0: Auth0, api: Management, portal: Portal) -> list[Finding]:
    tenant = auth0.tenant
    return [
        *application(
            api,
            "Portal",
            tenant.client_id,
            "AUTH0_CLIENT_ID",
            lambda app: applications.portal(app, portal.url, portal.step_up_expiry_s),
        ),
        *application(
            api,
            "Command line",
            tenant.cli_client_id,
            "AUTH0_CLI_CLIENT_ID",
            applications.command_line,
        ),
        *application(
            api,
            "Broker",
            tenant.vault_client_id,
            "AUTH0_VAULT_CLIENT_ID",
            lambda app: applications.broker(app, tenant.api_audience),
        ),
    ]


def _apis(auth0: Auth0, api: Management) -> list[Finding]:
    tenant = auth0.tenant
    return [
        *judge(
            "APIs",
            "read:resource_servers",
            api.resource_servers,
            lambda servers: api_and_grant_settings.apis(servers, tenant),
        ),
        *judge(
            "My Account grant",
            "read:client_grants",
            lambda: api.client_grants(tenant.my_account_audience),
            lambda grants: api_and_grant_settings.my_account_grant(grants, tenant.client_id),
        ),
        *judge(
            "Management scopes",
            "read:client_grants",
            lambda: api.client_grants(tenant.management_audience),
            lambda grants: api_and_grant_settings.management_grant(grants, tenant.mgmt_client_id),
        ),
        *judge(
            "Connected accounts",
            "read:connections",
            api.connections,
            api_and_grant_settings.connections,
        ),
    ]


def _roles_claim(claim: str) -> Finding:
    return not_checked(
        "Roles claim",
        f"{claim} is seen in a sign-in only: sign in as someone with a role and look at the "
        "account page",
        "dashboard: Actions → Triggers → post-login",
    )


def _log_stream(portal: Portal) -> Finding:
    if portal.log_stream_configured:
        return not_checked(
            "Log stream",
            f"deliveries are taken at {portal.url}/v1/ingest/auth0-logs; none was tried",
            "dashboard: Monitoring → Streams → (name) → Payload URL and Authorization Token",
        )
    return ok("Log stream", "none needed: the tenant log is read over the Management API")
