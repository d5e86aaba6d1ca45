"""The configured Auth0 tenant: one client for the process, made from the environment."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from functools import lru_cache

from django.conf import settings

from audit.evidence import storage
from audit.ledger.format.canonical import EntryError
from auth0_client.config import Tenant
from auth0_client.errors import Auth0Error
from auth0_client.management_api import Management
from auth0_client.tenant_facade import Auth0
from http_client.address_guard import Guard
from http_client.client import HttpClient
from http_client.errors import HttpClientError
from http_client.timeouts_and_retries import Retries, Timeouts

log = logging.getLogger(__name__)
TIMEOUTS = Timeouts(connect=2.0, read=8.0, write=8.0, pool=5.0, total=12.0)
"""How long one call to the tenant may take: a step and its retries fit into a sweep's lease."""
RETRIES = Retries()


@lru_cache(maxsize=1)
def auth0() -> Auth0:
    """Everything this process says to the tenant; it may call the tenant's host and no other."""
    env = settings.ENV
    tenant = Tenant(
        issuer=env.issuer,
        client_id=env.AUTH0_CLIENT_ID,
        client_secret=env.credential("AUTH0_CLIENT_SECRET"),
        api_audience=env.AUTH0_API_AUDIENCE,
        approval_audience=env.AUTH0_APPROVAL_AUDIENCE,
        cli_client_id=env.AUTH0_CLI_CLIENT_ID,
        vault_client_id=env.AUTH0_VAULT_CLIENT_ID,
        vault_client_secret=env.credential("AUTH0_VAULT_CLIENT_SECRET"),
        mgmt_client_id=env.AUTH0_MGMT_CLIENT_ID,
        mgmt_client_secret=env.credential("AUTH0_MGMT_CLIENT_SECRET"),
        roles_claim=env.AUTH0_ROLES_CLAIM,
    )
    return Auth0(tenant, outbound(), key_miss_floor=5.0)


@lru_cache(maxsize=1)
def outbound() -> HttpClient:
    """The HTTP client for calls to the tenant, and to nothing else."""
    return HttpClient(guard=Guard.only(settings.ENV.issuer), timeouts=TIMEOUTS, retries=RETRIES)


def management() -> Management | None:
    """The Management API; None where no machine client is configured."""
    return auth0().management if settings.ENV.secret("AUTH0_MGMT_CLIENT_SECRET") else None


def published_keys() -> list[dict[str, object]]:
    """The issuer's public keys as it publishes them now; none where it does not answer."""
    try:
        found = auth0().keys.snapshot().as_json().get("keys")
    except (Auth0Error, HttpClientError) as error:
        log.warning("the issuer's keys cannot be had: %s", type(error).__name__)
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def keep_snapshots() -> None:
    """Keep the tenant's key set and discovery document as evidence; unchanged ones stay.

    Raises:
        Auth0Error, HttpClientError: they cannot be had.
    """
    tenant = auth0()
    storage.put_issuer_keys(tenant.issuer, tenant.keys.snapshot().as_json())
    with suppress(EntryError):  # a document beyond I-JSON is no reason to keep anybody out
        document = json.loads(tenant.discovery.document().raw)
        storage.put_issuer_discovery(tenant.issuer, document)
