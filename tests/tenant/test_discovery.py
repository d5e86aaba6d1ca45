"""Discovery, keys and the refusal to be anything but local."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
from joserfc.jwk import KeySet

from tests.support.tenant import CHECKOUT, LocalTenant


def test_discovery_names_this_issuer_with_its_slash_and_only_its_own_endpoints(
    tenant_server: LocalTenant,
) -> None:
    document = httpx.get(f"{tenant_server.url}/.well-known/openid-configuration").json()
    assert document["issuer"] == tenant_server.issuer
    endpoints = {v for k, v in document.items() if k.endswith(("_endpoint", "_uri"))}
    assert len(endpoints) == 8
    assert all(url.startswith(tenant_server.issuer) for url in endpoints)
    assert document["backchannel_token_delivery_modes_supported"] == ["poll"]


def test_both_discovery_addresses_give_the_same_document(tenant_server: LocalTenant) -> None:
    first, second = (
        httpx.get(f"{tenant_server.url}/.well-known/{name}").json()
        for name in ("openid-configuration", "oauth-authorization-server")
    )
    assert first == second


def test_discovery_does_not_advertise_ciba_or_token_vault_as_grants(
    tenant_server: LocalTenant,
) -> None:
    document = httpx.get(f"{tenant_server.url}/.well-known/openid-configuration").json()
    grants = " ".join(document["grant_types_supported"])
    assert "ciba" not in grants
    assert "federated" not in grants


def test_rotating_publishes_the_new_key_beside_the_old_one(tenant_server: LocalTenant) -> None:
    def published() -> list[dict[str, object]]:
        answer = httpx.get(f"{tenant_server.url}/.well-known/jwks.json")
        KeySet.import_key_set(answer.json())
        return list(answer.json()["keys"])

    before = published()
    tenant_server.run("rotate-keys")
    after = published()
    assert len(after) == 2
    assert after[1]["kid"] == before[0]["kid"]
    assert after[0]["kid"] != before[0]["kid"]
    for key in after:
        assert {"kty", "use", "alg", "kid", "n", "e", "x5c", "x5t"} == set(key)
    tenant_server.run("rotate-keys")
    assert before[0]["kid"] not in {key["kid"] for key in published()}


@pytest.mark.parametrize(
    ("variable", "value", "fix"),
    [
        ("PORTAL_ENV", "production", "AUTH0_ISSUER"),
        ("AUTH0_ISSUER", "http://tenant.example/", "loopback"),
        ("TENANT_PORT", "eight", "TENANT_PORT"),
    ],
)
def test_the_tenant_refuses_to_start_where_it_does_not_belong(
    tenant_server: LocalTenant, variable: str, value: str, fix: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local.tenant", "migrate"],
        cwd=CHECKOUT,
        env=tenant_server.environment() | {variable: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert fix in done.stderr


def test_an_unknown_address_gets_a_page_that_leads_back(tenant_server: LocalTenant) -> None:
    answer = httpx.get(f"{tenant_server.url}/nowhere")
    assert answer.status_code == 404
    assert "LOCAL TENANT" in answer.text
    assert "Open the portal" in answer.text
