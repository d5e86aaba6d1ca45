"""Block, unblock, allow, disable, list, and the admission preview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from demo.defenseclaw import admission
from demo.defenseclaw.instance import Standing
from demo.defenseclaw.wire import (
    BadRequest,
    Call,
    Endpoint,
    Gateway,
    Reply,
    body_of,
    reply,
    target_of,
    texts,
)
from demo.history.facts import AssetKind

_REASON_LIMIT: Final = 120


def block(gateway: Gateway, call: Call) -> Reply:
    """Block an asset, as ``POST /enforce/block``."""
    body = body_of(call)
    target = target_of(body)
    reason = texts(body, "reason")[0] or "blocked via REST API"
    details = f"type={target[0]} reason={_cut(reason)}"
    log = gateway.instance.entry("api-enforce-block", target[1], details, call.cause)
    gateway.instance.set_field(target, "install", "block", reason, log)
    return reply({"status": "blocked"})


def unblock(gateway: Gateway, call: Call) -> Reply:
    """Lift a block (or an allow), as ``DELETE /enforce/block``."""
    target = target_of(body_of(call))
    log = gateway.instance.entry("api-enforce-unblock", target[1], f"type={target[0]}", call.cause)
    gateway.instance.clear_fields(target, "install", log=log)
    return reply({"status": "unblocked"})


def allow(gateway: Gateway, call: Call) -> Reply:
    """Allow an asset, as ``POST /enforce/allow``."""
    body = body_of(call)
    target = target_of(body)
    reason = texts(body, "reason")[0] or "allowed via REST API"
    details = f"type={target[0]} reason={_cut(reason)}"
    log = gateway.instance.entry("api-enforce-allow", target[1], details, call.cause)
    gateway.instance.allow(target, reason, log)
    return reply({"status": "allowed"})


def _cut(reason: str) -> str:
    return reason if len(reason) <= _REASON_LIMIT else f"{reason[:_REASON_LIMIT]}..."


def listing(install: str) -> Endpoint:
    """Return the endpoint that lists assets whose install state is ``install``."""

    def answer(gateway: Gateway, call: Call) -> Reply:
        return reply([_standing(item) for item in gateway.instance.listed(install)])

    return answer


def _standing(item: Standing) -> dict[str, str]:
    return {
        "id": item.id,
        "target_type": item.target_type,
        "target_name": item.target_name,
        "reason": item.reason,
        "updated_at": item.updated_at.replace(" ", "T", 1).replace("+00:00", "Z"),
    }


def switch(kind: AssetKind, key: str, *, disable: bool) -> Endpoint:
    """Return the endpoint that disables or enables a skill or plugin at run time."""
    word = "disable" if disable else "enable"

    def answer(gateway: Gateway, call: Call) -> Reply:
        name = texts(body_of(call), key)[0]
        if not name:
            raise BadRequest(f"{key} is required")
        log = gateway.instance.entry(f"api-{kind}-{word}", name, f"type={kind}", call.cause)
        if disable:
            reason = "disabled via REST API"
            gateway.instance.set_field((kind, name), "runtime", "disable", reason, log)
        else:
            gateway.instance.clear_fields((kind, name), "runtime", log=log)
        return reply({"status": f"{word}d", key: name})

    return answer


def evaluate(gateway: Gateway, call: Call) -> Reply:
    """Preview admission, as ``POST /policy/evaluate``; changes nothing."""
    body = body_of(call)
    if body.get("domain") not in (None, "", "admission"):
        raise BadRequest("unsupported policy domain")
    given = body.get("input")
    kind, name = texts(given if isinstance(given, dict) else {}, "target_type", "target_name")
    if not kind or not name:
        raise BadRequest("input.target_type and input.target_name are required")
    verdict = admission.preview(
        (kind, name),
        _scan_result(cast(dict[str, object], given)),
        blocked=_names(gateway.instance.listed("block")),
        allowed=_names(gateway.instance.listed("allow")),
    )
    return reply({"ok": True, "data": verdict.as_json()})


def _scan_result(given: Mapping[str, object]) -> tuple[str, int] | None:
    result = given.get("scan_result")
    if not isinstance(result, dict):
        return None
    findings = result.get("total_findings", 0)
    if not isinstance(findings, int):
        raise BadRequest("invalid JSON body")
    return texts(result, "max_severity")[0].upper(), findings


def _names(items: list[Standing]) -> set[tuple[str, str]]:
    return {(item.target_type, item.target_name) for item in items}
