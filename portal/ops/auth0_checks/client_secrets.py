"""Whether the client secrets are right, without starting anything.

The web and broker secrets are tried with a grant that must be refused: a code and a token that
nobody issued. The tenant authenticates the client first, so *which* refusal comes tells whether the
secret is right. Each try leaves one failed event in the tenant log.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from auth0_client import token_vault
from auth0_client.config import Client
from auth0_client.errors import FAILURES
from auth0_client.grants.authorization_code_and_refresh import OAuth
from auth0_client.oauth_form_post import Endpoints, Reply
from auth0_client.tenant_facade import Auth0
from http_client.client import HttpClient
from portal.ops.auth0_checks.check_result import Finding, bad, not_checked, ok, warn

_NOBODYS = "ata-check-auth0-nobody-issued-this"
# What Auth0 says about the code or token itself, after it has authenticated the client.
_CLIENT_PASSED = frozenset({"invalid_grant", "invalid_token"})
_GRANT_REFUSED = frozenset({"unauthorized_client", "unsupported_grant_type"})


def web(endpoints: Endpoints, client: Client, redirect_uri: str) -> Finding:
    """A code that nobody issued: ``invalid_grant`` proves the secret."""
    form = {
        "grant_type": "authorization_code",
        "code": _NOBODYS,
        "code_verifier": _NOBODYS + "-padded-to-the-43",
        "redirect_uri": redirect_uri,
    }
    return _try("Portal", "AUTH0_CLIENT", endpoints, client, form)


def broker(endpoints: Endpoints, client: Client) -> Finding:
    """An exchange of a token that nobody issued."""
    form = {
        "grant_type": token_vault.GRANT,
        "subject_token": _NOBODYS,
        "subject_token_type": token_vault.SUBJECT_TYPE,
        "requested_token_type": token_vault.REQUESTED_TYPE,
        "connection": "github",
    }
    return _try("Broker", "AUTH0_VAULT_CLIENT", endpoints, client, form)


def management(auth0: Auth0, outbound: HttpClient) -> Finding:
    """A client-credentials token for the Management API is really issued, and dropped."""
    check, tenant = "Management credentials", auth0.tenant
    if not tenant.management.secret:
        return not_checked(check, "AUTH0_MGMT_CLIENT_SECRET is not set")
    endpoints = Endpoints(auth0.discovery, outbound)
    try:
        machine = OAuth(tenant.management, auth0.discovery, endpoints, time.time)
        machine.client_credentials(tenant.management_audience)
    except FAILURES as error:
        return bad(
            check,
            f"no token for {tenant.management_audience}: {error}",
            "AUTH0_MGMT_CLIENT_ID, AUTH0_MGMT_CLIENT_SECRET; dashboard: Applications → Management "
            "→ Credentials, and its APIs tab → Auth0 Management API → authorized",
        )
    return ok(check, "token issued")


def _try(
    name: str, setting: str, endpoints: Endpoints, client: Client, form: Mapping[str, str]
) -> Finding:
    check = f"{name} credentials"
    fix = f"{setting}_ID, {setting}_SECRET; dashboard: Applications → {name} → Credentials"
    if not client.secret:
        return bad(check, f"{setting}_SECRET is not set", fix)
    try:
        reply = endpoints.post("doctor.credentials", "token_endpoint", form, client)
    except FAILURES as error:
        return not_checked(check, str(error))
    return judge(check, reply, fix, f"dashboard: Applications → {name} → Advanced → Grant Types")


def judge(check: str, reply: Reply, fix: str, grants: str) -> Finding:
    """What a refusal tells of the secret; only a refusal of the code or token proves it right.

    ``fix`` is where credentials are set, ``grants`` where grant types are.
    """
    said = f"{reply.error}: {reply.words}"
    status = reply.answer.status
    if reply.error is None:
        return bad(check, "the tenant accepted a code that no one issued", "Do not use this tenant")
    if status == 429 or status >= 500:
        return not_checked(check, said, "Run it again shortly")
    # Auth0 also says access_denied where RFC 6749 section 5.2 has invalid_client.
    if reply.error == "invalid_client" or (reply.error == "access_denied" and status == 401):
        return bad(check, f"refused ({said})", fix)
    if reply.error in _GRANT_REFUSED:
        return bad(check, f"the application may not use this grant ({said})", grants)
    if reply.error in _CLIENT_PASSED:
        return ok(check, f"secret accepted; the made-up grant was refused with {reply.error}")
    return warn(check, f"not rejected, yet this answer does not prove them right ({said})", fix)
