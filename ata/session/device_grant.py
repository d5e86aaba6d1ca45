"""The device authorization grant (RFC 8628), in Auth0's dialect and in the RFC's.

Auth0 answers a pending poll with 403 and a hasty one with 429, the RFC with 400; so only the
`error` member decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ata.errors import AtaError, ExitCode, Unreachable
from ata.portal.http_connection import answering, open_client
from ata.session.oauth_requests import Endpoints, Refusal, Tokens, request_tokens

SCOPE = "openid profile email offline_access"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
DEFAULT_INTERVAL_S = 5.0
SLOW_DOWN_S = 5.0
_MINIMUM_INTERVAL_S = 1.0
_LONGEST_INTERVAL_S = 60.0


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What the issuer asks the person to confirm; times in seconds."""

    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: float
    interval: float
    device_code: str = field(repr=False)


def start(endpoints: Endpoints, *, client_id: str, audience: str) -> DeviceCode:
    """Ask for a code (RFC 8628 section 3.1).

    Raises:
        AtaError: `unreachable`, or `device_flow_refused` with the issuer's own words.
    """
    url = endpoints.device_authorization
    form = {"client_id": client_id, "scope": SCOPE, "audience": audience}
    fix = "For the local tenant, start it with `make up`."
    with open_client(url) as client, answering("The issuer", url, fix):
        response = client.post(url, data=form)
    try:
        return _parse(response.json())
    except (ValueError, KeyError, TypeError) as error:
        raise _start_refused(response.text, response.status_code) from error


def wait(
    endpoints: Endpoints,
    code: DeviceCode,
    *,
    client_id: str,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Tokens:
    """Poll until the person confirmed (RFC 8628 sections 3.4 and 3.5).

    The interval counts from the previous answer, grows by 5 s on `slow_down` and doubles when
    the issuer does not answer.

    Raises:
        AtaError: `access_denied` (exit code 3), `expired_token` (4), or the issuer's error.
    """
    form = {"grant_type": GRANT_TYPE, "device_code": code.device_code, "client_id": client_id}
    interval = max(code.interval, _MINIMUM_INTERVAL_S)
    deadline = monotonic() + code.expires_in
    with open_client(endpoints.token) as client:
        while monotonic() < deadline:
            sleep(interval)
            try:
                answer = request_tokens(client, endpoints.token, form)
            except Unreachable:
                interval = min(interval * 2, _LONGEST_INTERVAL_S)
                continue
            if isinstance(answer, Tokens):
                return answer
            if answer.error == "slow_down":
                interval += SLOW_DOWN_S
            elif answer.error != "authorization_pending":
                raise _refused(answer)
    raise _refused(Refusal("expired_token", ""))


def _parse(body: Mapping[str, object]) -> DeviceCode:
    uri = str(body["verification_uri"])
    return DeviceCode(
        user_code=str(body["user_code"]),
        verification_uri=uri,
        verification_uri_complete=str(body.get("verification_uri_complete") or uri),
        expires_in=float(str(body["expires_in"])),
        interval=float(str(body.get("interval", DEFAULT_INTERVAL_S))),
        device_code=str(body["device_code"]),
    )


def _start_refused(text: str, status: int) -> AtaError:
    return AtaError(
        f"The issuer did not start the sign-in ({status}): {text[:200]}",
        code="device_flow_refused",
        fix="The client needs type Native and the Device Code grant; "
        "`manage.py check_auth0` on the portal names the page.",
    )


def _refused(answer: Refusal) -> AtaError:
    if answer.error == "access_denied":
        return AtaError(
            "The sign-in was refused on the other device.",
            code="access_denied",
            fix="Run `ata login` again if that was a mistake.",
            exit_code=ExitCode.DENIED,
        )
    if answer.error == "expired_token":
        return AtaError(
            "The code expired before anyone confirmed it.",
            code="expired_token",
            fix="Run `ata login` again.",
            exit_code=ExitCode.EXPIRED,
        )
    return AtaError(
        f"The issuer ended the sign-in: {answer.description or answer.error}",
        code=answer.error,
        fix="Run `ata login` again.",
    )
