"""OIDC back-channel logout: tell the clients of a session that it ended.

Facts auth0-wire section 1.9: form POST, 5 s to answer, one attempt, delivered in the background.
"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
from allauth.idp.oidc.models import Client
from django.db import connection, transaction

from local.tenant import clock
from local.tenant.applications.clients import settings_of
from local.tenant.env import env
from local.tenant.models import LoginSession
from local.tenant.oauth import token_formats
from local.tenant.tenant_log import log_events

TIMEOUT_S = 5.0
LIFETIME_S = 120
EVENT = "http://schemas.openid.net/event/backchannel-logout"

_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="backchannel-logout")


def announce(session: LoginSession) -> None:
    """Queue one logout token per client of the session, once the end is committed."""
    for client in session.clients.all():
        for url in settings_of(client).backchannel_logout_urls:
            transaction.on_commit(partial(_pool.submit, _deliver, client, session, url))


def logout_token(client: Client, session: LoginSession) -> str:
    """The signed logout token (header ``typ`` is ``JWT``, life 120 s, no nonce)."""
    now = clock.epoch()
    return token_formats.sign(
        {
            "iss": env().issuer,
            "sub": session.person.sub,
            "aud": client.id,
            "iat": now,
            "exp": now + LIFETIME_S,
            "jti": str(uuid.uuid4()),
            "sid": session.sid,
            "trace_id": uuid.uuid4().hex[:16],
            "events": {EVENT: {}},
        }
    )


def _deliver(client: Client, session: LoginSession, url: str) -> None:
    try:
        delivered, description = _post(url, logout_token(client, session))
        log_events.write(
            f"oidc_backchannel_logout_{'succeeded' if delivered else 'failed'}",
            client=client,
            person=session.person,
            session_id=session.sid,
            description=description,
        )
    finally:
        connection.close()


def _post(url: str, token: str) -> tuple[bool, str]:
    try:
        answer = httpx.post(url, data={"logout_token": token}, timeout=TIMEOUT_S)
    except httpx.TimeoutException:
        return False, ""  # Auth0 logs a timeout with an empty description
    except httpx.HTTPError as error:
        return False, f"Could not reach {url}: {type(error).__name__}"
    return answer.status_code == 200, f"{url} answered {answer.status_code}"
