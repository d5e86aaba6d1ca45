"""`check_auth0` against the real local tenant over HTTP, healthy and broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from approvals import auth0_clients
from auth0_client.tenant_facade import Auth0
from http_client.address_guard import Guard
from http_client.client import HttpClient
from portal.ops.auth0_checks.check_result import Finding, Status
from portal.ops.auth0_checks.examine import Portal, examine, failed
from tests.support.ports import free_port
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.usefixtures("portal_tenant")

type Broken = Callable[[str], AbstractContextManager[None]]


def look(portal_url: str = "", expiry: int = 300, **changed: Any) -> dict[str, Finding]:
    tenant = replace(auth0_clients.auth0().tenant, **changed)
    outbound = HttpClient(guard=Guard.only(tenant.issuer))
    portal = Portal(portal_url or settings.ENV.portal_url, expiry)
    return {f.check: f for f in examine(Auth0(tenant, outbound), outbound, portal)}


@pytest.fixture
def broken(portal_tenant: LocalTenant) -> Broken:
    """Changes the tenant's own rows for a while, then seeds it again."""

    @contextmanager
    def change(program: str) -> Iterator[None]:
        imports = "from allauth.idp.oidc.models import Client\nfrom local.tenant.models import *\n"
        try:
            portal_tenant.execute(imports + program)
            yield
        finally:
            portal_tenant.execute("from local.tenant import seed; seed.run()")

    return change


def test_a_tenant_as_seeded_is_well_and_exits_zero() -> None:
    out = StringIO()
    call_command("check_auth0", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert [f for f in found if f["status"] in ("bad", "warn")] == []
    assert [f["check"] for f in found if f["status"] == "not checked"] == ["Roles claim"]
    assert len(found) > 30


def test_the_table_says_each_status_in_words_and_no_secret() -> None:
    out = StringIO()
    call_command("check_auth0", stdout=out, no_color=True)
    text = out.getvalue()
    assert "\nok           Portal grant types: authorization_code" in text
    assert "\nnot checked  Roles claim" in text
    assert "0 warn, 0 bad, 1 not checked." in text
    tenant = auth0_clients.auth0().tenant
    for secret in (tenant.web.secret, tenant.vault.secret, tenant.management.secret):
        assert secret and secret not in text


@pytest.mark.parametrize(
    ("field", "check", "setting"),
    [
        ("client_secret", "Portal credentials", "AUTH0_CLIENT_SECRET"),
        ("vault_client_secret", "Broker credentials", "AUTH0_VAULT_CLIENT_SECRET"),
        ("mgmt_client_secret", "Management credentials", "AUTH0_MGMT_CLIENT_SECRET"),
    ],
)
def test_a_wrong_secret_is_told_from_a_refused_grant(field: str, check: str, setting: str) -> None:
    changed: dict[str, Any] = {field: "wrong-but-not-to-be-shown"}
    found = look(**changed)
    assert [f.check for f in found.values() if f.status is Status.BAD] == [check]
    assert setting in found[check].fix
    assert "wrong-but-not-to-be-shown" not in repr(found)


def test_without_the_management_application_settings_are_not_checked() -> None:
    found = look(mgmt_client_secret="")
    assert not failed(list(found.values()))
    for name in ("Management credentials", "Portal application", "APIs", "Connections"):
        assert found[name].status is Status.NOT_CHECKED
    assert found["Portal credentials"].status is Status.OK


def test_an_issuer_that_nobody_serves_is_bad_and_ends_the_examination() -> None:
    found = look(issuer=f"http://localhost:{free_port()}/")
    assert found["discovery"].status is Status.BAD
    assert "AUTH0_ISSUER" in found["discovery"].fix
    assert {f.status for f in found.values() if f.check != "discovery"} == {Status.NOT_CHECKED}


def test_another_issuer_than_the_configured_one_is_bad() -> None:
    port = settings.ENV.TENANT_PORT
    assert look(issuer=f"http://127.0.0.1:{port}/")["discovery"].status is Status.BAD


def test_an_issuer_without_its_slash_is_a_warning() -> None:
    found = look(issuer=auth0_clients.auth0().tenant.issuer.rstrip("/"))
    assert found["discovery"].status is Status.WARN
    assert not failed(list(found.values()))


def test_another_portal_address_is_missing_from_callbacks_and_logouts() -> None:
    found = look("https://elsewhere.example")
    assert "https://elsewhere.example/oidc/callback/" in found["Portal callback URLs"].detail
    assert found["Portal logout URLs"].status is Status.BAD
    assert found["Portal back-channel logout"].status is Status.WARN


def test_an_application_that_does_not_exist_is_bad() -> None:
    found = look(cli_client_id="no-such-application")
    assert found["Command line application"].status is Status.BAD


def test_audiences_that_do_not_exist_or_are_the_same_are_bad() -> None:
    other = look(approval_audience="https://no.such/approvals")
    assert other["Approvals API"].status is Status.BAD
    same = look(approval_audience=auth0_clients.auth0().tenant.api_audience)
    assert same["Audiences differ"].status is Status.BAD


BREAKS = [
    (
        "c = Client.objects.get(id='ata-web'); c.set_grant_types(['authorization_code']); c.save()",
        "Portal grant types",
    ),
    (
        "c = Client.objects.get(id='ata-web'); c.data['auth0']['approval_channels'] = ['email']; "
        "c.save()",
        "Portal CIBA channels",
    ),
    (
        "c = Client.objects.get(id='ata-web'); c.data['auth0']['rotating'] = True; c.save()",
        "Portal refresh token rotation",
    ),
    (
        "c = Client.objects.get(id='ata-cli'); c.data['auth0']['app_type'] = 'spa'; c.save()",
        "Command line type",
    ),
    (
        "c = Client.objects.get(id='ata-vault'); "
        "c.data['auth0']['resource_server_identifier'] = 'https://other'; c.save()",
        "Broker is linked to the API",
    ),
    (
        "ResourceServer.objects.filter(identifier__endswith='/approvals')"
        ".update(authorization_details_types=[])",
        "Approvals API RAR type",
    ),
    (
        "ResourceServer.objects.filter(identifier__endswith='/api').update(rbac=False)",
        "Auth0-ATA API permissions",
    ),
    (
        "ClientGrant.objects.filter(client_id='ata-web').update(subject_type='client')",
        "My Account grant",
    ),
    (
        "ResourceServer.objects.filter(identifier__endswith='/me/').delete()",
        "My Account API",
    ),
    (
        "Connection.objects.update(connected_accounts_active=False)",
        "Connected accounts",
    ),
]


@pytest.mark.parametrize(("program", "check"), BREAKS, ids=[check for _, check in BREAKS])
def test_each_wrong_setting_is_bad_and_names_its_page(
    broken: Broken, program: str, check: str
) -> None:
    with broken(program):
        found = look()
    assert found[check].status is Status.BAD, found
    assert "dashboard" in found[check].fix


def test_a_missing_scope_is_unknown_and_not_wrong(broken: Broken) -> None:
    program = (
        "g = ClientGrant.objects.get(client_id='ata-mgmt')\n"
        "g.scope = [s for s in g.scope if s not in ('read:clients', 'read:logs')]; g.save()"
    )
    with broken(program):
        found = look()
    assert not failed(list(found.values()))
    assert found["Portal application"].status is Status.NOT_CHECKED
    assert "read:clients" in found["Portal application"].detail
    assert "Permissions" in found["Portal application"].fix
    assert found["Management scopes"].status is Status.WARN
    assert "read:logs" in found["Management scopes"].detail


def test_asks_longer_than_a_push_lives_need_the_mail_channel(broken: Broken) -> None:
    program = (
        "c = Client.objects.get(id='ata-web')\n"
        "c.data['auth0']['approval_channels'] = ['guardian-push']; c.save()"
    )
    with broken(program):
        assert look(expiry=300)["Portal CIBA channels"].status is Status.OK
        assert look(expiry=301)["Portal CIBA channels"].status is Status.BAD
