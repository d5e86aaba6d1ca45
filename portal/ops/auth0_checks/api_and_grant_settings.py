"""How the APIs, their grants and the connections must be set; pure over what was read."""

from __future__ import annotations

from collections.abc import Sequence

from auth0_client.config import Tenant
from auth0_client.my_account import SCOPES as MY_ACCOUNT_SCOPES
from http_client.json_fields import Fields
from portal.ops.auth0_checks.check_result import Finding, bad, equals, includes, ok, warn

RAR_TYPE = "urn:auth0:schemas:authorization-details:v1:ata-intent"
MANAGEMENT_SCOPES = (
    "read:users", "read:roles", "read:role_members", "read:authentication_methods",
    "read:connections", "read:logs", "read:logs_users",
)  # fmt: skip
APPLICATION_SCOPES = (
    "read:grants", "read:refresh_tokens", "delete:grants", "delete:refresh_tokens",
)  # fmt: skip
ENDING_SCOPES = ("delete:sessions", "delete:refresh_tokens")
_APIS = "dashboard: Applications → APIs → "


def apis(servers: Sequence[Fields], tenant: Tenant) -> list[Finding]:
    """The three APIs of the README, by identifier."""
    by_identifier = {server.text("identifier", limit=2048): server for server in servers}
    found = [_apart(tenant)]
    for name, setting, identifier, judged in (
        ("Auth0-ATA API", "AUTH0_API_AUDIENCE; ", tenant.api_audience, _api),
        ("Approvals API", "AUTH0_APPROVAL_AUDIENCE; ", tenant.approval_audience, _approvals),
    ):
        server = by_identifier.get(identifier)
        if server is None:
            fix = f"{setting}{_APIS}Create API"
            found.append(bad(name, f"there is no API {identifier}", fix))
        else:
            found += judged(server)
    if tenant.my_account_audience in by_identifier:
        found.append(ok("My Account API", "active"))
    else:
        fix = _APIS + "My Account API → Activate"
        found.append(bad("My Account API", f"{tenant.my_account_audience} is not active", fix))
    return found


def my_account_grant(grants: Sequence[Fields], client_id: str) -> list[Finding]:
    """The Portal's *user* grant; one stored as *client* is a known trap and named as such."""
    check, fix = "My Account grant", _APIS + "My Account API → Applications → Portal → user access"
    ours = [grant for grant in grants if grant.optional_text("client_id") == client_id]
    users = [grant for grant in ours if grant.optional_text("subject_type") == "user"]
    if users:
        scopes = {scope for grant in users for scope in grant.texts("scope")}
        return [includes(check, scopes, sorted(MY_ACCOUNT_SCOPES), fix)]
    if ours:
        return [bad(check, "the Portal's grant is for client access, it must say user", fix)]
    return [bad(check, "the Portal has no grant for it", fix)]


def management_grant(grants: Sequence[Fields], client_id: str) -> list[Finding]:
    """The scopes the portal reads with; fewer mean fewer features, not a failure."""
    page = "dashboard: Applications → Management → APIs → Auth0 Management API → Permissions"
    ours = [grant for grant in grants if grant.optional_text("client_id") == client_id]
    held = {scope for grant in ours for scope in grant.texts("scope")}
    found = []
    for check, wanted, lost in (
        ("Management scopes", MANAGEMENT_SCOPES, "directory, inventory and log are incomplete"),
        (
            "Management scopes for applications",
            APPLICATION_SCOPES,
            "what applications may do as people cannot be listed and ended",
        ),
        ("Management scopes to end sessions", ENDING_SCOPES, "sessions cannot be ended"),
    ):
        missing = [scope for scope in wanted if scope not in held]
        if missing:
            found.append(warn(check, f"missing: {', '.join(missing)}; {lost}", page))
        else:
            found.append(ok(check, ", ".join(wanted)))
    return found


def connections(rows: Sequence[Fields]) -> list[Finding]:
    """Somebody can connect something."""
    check, fix = "Connected accounts", "dashboard: Authentication → Social → (name) → Purpose"
    active = [
        row.text("name", limit=256)
        for row in rows
        if row.values.get("connected_accounts")
        and row.nested("connected_accounts").optional_flag("active")
    ]
    if not active:
        detail = "no connection is enabled for Connected Accounts for Token Vault"
        return [bad(check, detail, fix)]
    return [ok(check, f"enabled for: {', '.join(sorted(active))}")]


def _apart(tenant: Tenant) -> Finding:
    check = "Audiences differ"
    if tenant.api_audience == tenant.approval_audience:
        detail = "AUTH0_API_AUDIENCE and AUTH0_APPROVAL_AUDIENCE are the same: an approval's token "
        return bad(check, detail + "would open the API", _APIS + "Create API, one for each")
    return ok(check, "approval tokens open no API")


def _api(server: Fields) -> list[Finding]:
    page = _APIS + "Auth0-ATA API → Settings"
    found = [_signing("Auth0-ATA API signing", server, page)]
    rbac = server.optional_flag("enforce_policies")
    dialect = server.optional_text("token_dialect") or ""
    if rbac and "authz" in dialect:
        found.append(ok("Auth0-ATA API permissions", "RBAC, permissions in the token"))
    else:
        detail = "RBAC with permissions in the access token is off"
        found.append(bad("Auth0-ATA API permissions", detail, page + " → RBAC"))
    if server.optional_flag("allow_offline_access"):
        found.append(ok("Auth0-ATA API offline access", "allowed"))
    else:
        detail = "off: the command line gets no refresh token"
        found.append(warn("Auth0-ATA API offline access", detail, page + " → Access Settings"))
    return found


def _approvals(server: Fields) -> list[Finding]:
    page = _APIS + "Auth0-ATA approvals → Settings"
    types = [kind.text("type") for kind in server.objects("authorization_details")]
    found = [
        _signing("Approvals API signing", server, page),
        includes("Approvals API RAR type", types, [RAR_TYPE], page + " → Authorization Details"),
    ]
    if server.optional_text("consent_policy") == "transactional-authorization-with-mfa":
        detail = "transactional authorization with MFA does not go with CIBA"
        found.append(bad("Approvals API consent policy", detail, page + " → Consent policy"))
    if _client_policy(server) != "deny_all":
        detail = "machine clients may ask for it; only a person's approval should"
        found.append(warn("Approvals API client access", detail, page + " → Client access"))
    if server.optional_flag("allow_offline_access"):
        detail = "on; an approval needs no refresh token"
        found.append(warn("Approvals API offline access", detail, page + " → Access Settings"))
    return found


def _client_policy(server: Fields) -> str | None:
    if not server.values.get("subject_type_authorization"):
        return None
    access = server.nested("subject_type_authorization")
    return access.nested("client").optional_text("policy") if "client" in access else None


def _signing(check: str, server: Fields, page: str) -> Finding:
    return equals(
        check, server.optional_text("signing_alg"), "RS256", page + " → Signing Algorithm"
    )
