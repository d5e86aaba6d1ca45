"""One DefenseClaw gateway over its REST API (`internal/gateway/api.go`; facts §4).

Every call carries the shared token, where the gateway has one, and `X-DefenseClaw-Client` (its
CSRF guard). One that changes something carries the tag of its try
(`enforcement.gateways.attempt_tags`) as `X-DefenseClaw-Request-Id`, which joins the gateway's audit
row to our decision.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from approvals import clock
from enforcement.effects.gateway_facts import V020
from enforcement.gateways.credentials import gateway_token_files, refused_tokens, tls_files
from enforcement.gateways.credentials.gateway_token_files import NoToken
from enforcement.gateways.credentials.tls_files import TlsFileUnusable
from enforcement.gateways.instances import Instance
from enforcement.gateways.reported_settings import ReportedSettings
from enforcement.posture import reported_by_gateway
from http_client import Answer, Guard, HttpClient, HttpClientError, Retries, Timeouts

_CLIENT = "auth0-ata"
_TOKEN_RETRY_S = 60.0
_BUSY_WAITS_S = (0.05, 0.1, 0.2, 0.4, 0.8)
_LONGEST_REASON = 2_200  # that of a decision of ours with its tag
TIMEOUTS = Timeouts(connect=2.0, read=5.0, write=5.0, pool=2.0, total=8.0)
"""How long one call to a gateway may take; it is near, and a person may be waiting."""


class GatewayError(Exception):
    """A call that did not bring the wanted answer. `detail` is for people and holds no secret."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotAnswering(GatewayError):
    """No usable answer; `maybe_done` when the gateway may have acted all the same."""

    def __init__(self, detail: str, *, maybe_done: bool, retry_in_s: float | None = None) -> None:
        super().__init__(detail)
        self.maybe_done = maybe_done
        self.retry_in_s = retry_in_s


class TokenRefused(NotAnswering):
    """The gateway answered, and refused our token or wants one."""


class _Busy(NotAnswering):
    """Its database was locked, and what was asked for was not written."""


class Refuses(GatewayError):
    """The gateway understood and said no; `status` is the HTTP status."""

    def __init__(self, detail: str, status: int) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the gateway's block or allow list."""

    kind: str
    name: str
    reason: str


def listed(items: Iterable[Any]) -> tuple[Listed, ...]:
    """The lines of a list as they can be kept."""
    return tuple(
        Listed(
            _text(item.get("target_type", "")),
            _text(item.get("target_name", "")),
            _text(item.get("reason") or ""),
        )
        for item in items
        if isinstance(item, dict)
    )


def _text(value: object) -> str:
    """What no database keeps, half a character and NUL, is written out (as by `scan_rows`)."""
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", "\\x00")


@dataclass(frozen=True, slots=True)
class Health:
    """What a gateway says about itself."""

    version: str
    connectors: tuple[str, ...]
    demo: bool
    settings: ReportedSettings = field(default_factory=ReportedSettings)
    posture: Mapping[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=64)
def _http(base_url: str, tls: ssl.SSLContext | None = None) -> HttpClient:
    return HttpClient(
        guard=Guard.only(base_url),
        timeouts=TIMEOUTS,
        retries=Retries(attempts=1),
        max_bytes=8_000_000,
        ssl_context=tls,
    )


class Gateway:
    """Calls to one instance; `tag` is that of the try."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def block(self, kind: str, name: str, reason: str, tag: str = "") -> None:
        """Block it; blocking what is blocked replaces the reason.

        Raises:
            NotAnswering, Refuses: it is not known to be blocked.
        """
        self._enforce("POST", "/enforce/block", _target(kind, name, reason), "blocked", tag)

    def unblock(self, kind: str, name: str, tag: str = "") -> None:
        """Lift a block or an allow; lifting nothing is no error. Raises as `block`."""
        self._enforce("DELETE", "/enforce/block", _target(kind, name), "unblocked", tag)

    def allow(self, kind: str, name: str, reason: str, tag: str = "") -> None:
        """Allow it, which also ends its block, quarantine and disable. Raises as `block`."""
        self._enforce("POST", "/enforce/allow", _target(kind, name, reason), "allowed", tag)

    def blocked(self) -> tuple[Listed, ...]:
        """The block list. Raises NotAnswering, Refuses."""
        return self._listed("/enforce/blocked")

    def allowed(self) -> tuple[Listed, ...]:
        """The allow list. Raises NotAnswering, Refuses."""
        return self._listed("/enforce/allowed")

    def health(self) -> Health:
        """Version, connectors and settings. Raises NotAnswering, Refuses."""
        said = _object(self._call("GET", "/status"))
        provenance = said.get("provenance") if isinstance(said.get("provenance"), dict) else {}
        modes = said.get("connector_modes")
        connectors = tuple(
            str(mode["connector"])[:60]
            for mode in (modes if isinstance(modes, list) else [])
            if isinstance(mode, dict) and mode.get("connector")
        )
        version = str(provenance.get("binary_version") or "")[:60] if provenance else ""
        settings, mode = ReportedSettings.from_status(said), ""
        if settings.generation == V020:
            mode = self._mode_of_020()
            settings = ReportedSettings.from_status(said, mode)
        demo = "DEMO" in str(said.get("health", ""))
        posture = reported_by_gateway.settings_in(said, mode)
        return Health(version, connectors, demo, settings, posture)

    def _mode_of_020(self) -> str:
        """The mode of 0.2.0, which its `/status` lacks; empty where it does not say it."""
        try:
            said = _object(self._call("GET", "/v1/guardrail/config")).get("mode")
        except GatewayError:
            return ""
        return said if said in {"observe", "action"} else ""

    def note_start_where_refused(self) -> None:
        """Where this gateway refused our token, see whether it was started since; never raises.

        `/health` needs no token, and asking it leaves no row.
        """
        token, now = self._token_or_empty(), clock.now()
        if refused_tokens.standing(self.instance.base_url, token, now) is None:
            return
        try:
            said = _object(self._call("GET", "/health", with_token=False))
        except GatewayError:
            return
        started = str(said.get("started_at") or "")[:60]
        refused_tokens.note_start(self.instance.base_url, token, started, now)

    def preview(self, kind: str, name: str, severity: str, findings: int) -> tuple[str, str]:
        """What the gateway's policy would decide about a scan result, and why; changes nothing.

        Raises NotAnswering, Refuses.
        """
        given: dict[str, Any] = {"target_type": kind, "target_name": name}
        if findings >= 0:
            given["scan_result"] = {"max_severity": severity, "total_findings": findings}
        body = {"domain": "admission", "input": given}
        said = _object(self._call("POST", "/policy/evaluate", body)).get("data")
        data: Mapping[str, Any] = said if isinstance(said, dict) else {}
        return str(data.get("verdict", ""))[:40], str(data.get("reason", ""))[:_LONGEST_REASON]

    def stamp(self, activity: Mapping[str, Any], tag: str = "") -> bool:
        """Put a row with the acting person into its audit log; False where it has no such route.

        Raises:
            NotAnswering, Refuses: the row is not known to be there.
        """
        try:
            body = {"kind": "activity", "activity": dict(activity)}
            answer = self._call("POST", "/api/v1/observability/cli", body, tag)
        except Refuses as no:
            if no.status in {404, 405}:
                return False
            raise
        if answer.status != 204:  # whoever answered with something else is not the gateway
            raise _unacknowledged(self.instance.name, "204")
        return True

    def note(self, event: Mapping[str, Any]) -> None:
        """The same for gateways before v8: `POST /audit/event`. Raises as `stamp`."""
        self._enforce("POST", "/audit/event", event, "ok", str(event.get("request_id", "")))

    def dispose(self, command: Mapping[str, Any], tag: str = "") -> dict[str, Any]:
        """Preview or apply an alert disposition (v8). Raises NotAnswering, Refuses."""
        said = _object(self._call("POST", "/api/v1/alerts/disposition", dict(command), tag))
        if not isinstance(said.get("matched"), int):
            raise _unacknowledged(self.instance.name, "matched")
        return said

    def _enforce(
        self, method: str, path: str, body: Mapping[str, Any], wanted: str, tag: str
    ) -> None:
        said = _object(self._change(method, path, body, tag)).get("status")
        if said != wanted:
            raise _unacknowledged(self.instance.name, wanted)

    def _change(self, method: str, path: str, body: Mapping[str, Any], tag: str) -> Answer:
        """A call that writes, repeated where the database was locked: 0.2.0 waits for no lock."""
        for wait in _BUSY_WAITS_S:
            try:
                return self._call(method, path, body, tag)
            except _Busy:
                time.sleep(wait)
        return self._call(method, path, body, tag)

    def _listed(self, path: str) -> tuple[Listed, ...]:
        answer = self._call("GET", path)
        try:
            items = answer.json()
        except HttpClientError:
            items = ""
        if items is None:  # Go encodes an empty list as null
            return ()
        if not isinstance(items, list):
            raise NotAnswering(f"{self.instance.name} sent no readable list.", maybe_done=False)
        return listed(items)

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        tag: str = "",
        *,
        with_token: bool = True,
    ) -> Answer:
        name, base_url = self.instance.name, self.instance.base_url
        token = self._token() if with_token else ""
        refused = refused_tokens.standing(base_url, token, clock.now()) if with_token else None
        if refused is not None:
            raise TokenRefused(refused.detail, maybe_done=False, retry_in_s=_TOKEN_RETRY_S)
        http = self._client()
        try:
            answer = http.request(
                method,
                base_url + path,
                operation=f"gateway{path.replace('/', '.')}",
                headers=_headers(token, tag),
                content=b"" if body is None else json.dumps(body, allow_nan=False).encode(),
            )
        except HttpClientError as error:
            maybe = error.maybe_delivered and method != "GET"
            raise NotAnswering(_no_answer(name, error), maybe_done=maybe) from error
        if answer.ok:
            return answer
        failure = _failure(self.instance, answer, changes=method != "GET")
        if answer.status == 401 and with_token:
            refused_tokens.note(base_url, token, failure.detail, clock.now())
        raise failure

    def _client(self) -> HttpClient:
        base_url = self.instance.base_url
        try:
            tls = tls_files.context(self.instance)
        except TlsFileUnusable as why:
            detail = f"{self.instance.name} was not asked. {why}"
            raise NotAnswering(detail, maybe_done=False, retry_in_s=_TOKEN_RETRY_S) from None
        return _http(base_url) if tls is None else _http(base_url, tls)

    def _token(self) -> str:
        path = self.instance.gateway_token_file
        try:
            return gateway_token_files.read(path) if path is not None else ""
        except NoToken as why:
            raise NotAnswering(
                f"The gateway_token_file of {self.instance.name} {why}.",
                maybe_done=False,
                retry_in_s=_TOKEN_RETRY_S,
            ) from None

    def _token_or_empty(self) -> str:
        try:
            return self._token()
        except NotAnswering:
            return ""


def _no_answer(name: str, error: HttpClientError) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in error.reason:
        return f"{name} shows a certificate that is not trusted; see its ca_file."
    return f"{name} does not answer."


def _headers(token: str, tag: str) -> dict[str, str]:
    headers = {
        "X-DefenseClaw-Client": _CLIENT,
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if tag:
        headers["X-DefenseClaw-Request-Id"] = tag
    return headers


def _unacknowledged(name: str, wanted: str) -> NotAnswering:
    return NotAnswering(f"{name} answered without saying {wanted!r}.", maybe_done=True)


def _target(kind: str, name: str, reason: str | None = None) -> dict[str, str]:
    body = {"target_type": kind, "target_name": name}
    return body if reason is None else body | {"reason": reason}


def _object(answer: Answer) -> dict[str, Any]:
    try:
        return dict(answer.fields().values)
    except HttpClientError as error:
        raise NotAnswering("The gateway's answer is not readable.", maybe_done=True) from error


def _failure(instance: Instance, answer: Answer, *, changes: bool) -> GatewayError:
    name, status = instance.name, answer.status
    if status in {401, 403}:
        needs = (
            f"{name} refuses our token (HTTP {status}); gateway_token_file needs its current one."
        )
        if instance.gateway_token_file is None:
            needs = f"{name} wants a token (HTTP {status}); name its gateway_token_file."
        return TokenRefused(needs, maybe_done=False, retry_in_s=_TOKEN_RETRY_S)
    if status == 429 or status >= 500:
        busy = status == 500 and b"SQLITE_BUSY" in answer.body
        return (_Busy if busy else NotAnswering)(
            f"{name} answered HTTP {status}.",
            maybe_done=changes and status not in {429, 503},
            retry_in_s=answer.retry_after(),
        )
    return Refuses(f"{name} refused with HTTP {status}.", status)
