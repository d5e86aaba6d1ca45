"""Everything that a house hands out to take away, as those who take it get it.

Over `/v1` and `/log` with one bearer token, so that a portal in this process and a running one are
asked in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from audit.ledger.tiles import WIDTH

type Answer = tuple[bytes, Mapping[str, str]]
type Call = Callable[[str, str, Any], Answer]
"""Method, path and JSON body (None without one) -> bytes and headers; anything but 2xx raises."""

FORMATS = ("csv", "ndjson", "xlsx", "ocsf")


def files(call: Call, action: str = "", entry: int = 0) -> dict[str, bytes]:
    """Name -> bytes of each: files, their manifests, and what is read one by one.

    `action` narrows the exports of the trail; `entry` is the index of the event that is taken with
    all that proves it.
    """

    def get(path: str, **query: str) -> Answer:
        return call("GET", path + (f"?{urlencode(query)}" if query else ""), None)

    found: dict[str, bytes] = {}
    narrowed = {"action": [action]} if action else {}
    for kind in FORMATS:
        asked = {"format": kind, "filter": narrowed}
        export = json.loads(call("POST", "/v1/audit/exports", asked)[0])["id"]
        found[f"trail.{kind}"] = get(f"/v1/audit/exports/{export}/download")[0]
        found[f"trail.{kind}.manifest"] = get(f"/v1/audit/exports/{export}/manifest")[0]
    asked_for = {"action": action} if action else {}
    found["events"] = get("/v1/audit/events", limit="200", **asked_for)[0]
    found["whole log"] = get("/v1/audit/entries")[0]
    events = [json.loads(line) for line in found["trail.ndjson"].splitlines()]
    [event] = [one for one in events if one["index"] == entry]
    for name in ("", "entry", "proof", "pack"):
        path = f"/v1/audit/events/{event['id']}"
        found[f"event {name}".strip()] = get(f"{path}/{name}".rstrip("/"))[0]
    found["checkpoint"] = get("/log/checkpoint")[0]
    found["keys"] = get("/log/keys")[0]
    found["bundle of entries"] = _bundle(get, int(found["checkpoint"].split(b"\n")[1]), entry)
    for kind in ("csv", "xlsx"):
        body, headers = get("/v1/connections/export", format=kind)
        found[f"inventory.{kind}"] = body
        found[f"inventory.{kind} event"] = headers["ATA-Event"].encode()
    found["Auth-IBOM"] = get("/v1/connections/ibom")[0]
    found["connections"] = get("/v1/connections")[0]
    found["policy"] = get("/v1/policy")[0]
    found["manifests"] = get("/v1/manifests")[0]
    found["approvals"] = get("/v1/approvals")[0]
    return found


def manifests(call: Call, found: Mapping[str, bytes]) -> dict[str, bytes]:
    """The signed manifests of the inventories, once their events are in the signed tree."""
    return {
        f"inventory.{kind}.manifest": call(
            "GET",
            f"/v1/connections/export/{found[f'inventory.{kind} event'].decode()}/manifest",
            None,
        )[0]
        for kind in ("csv", "xlsx")
    }


def _bundle(get: Callable[..., Answer], size: int, entry: int) -> bytes:
    number = entry // WIDTH
    width = min(size - number * WIDTH, WIDTH)
    assert number < 1000, "a number of three digits (C2SP tlog-tiles)"
    partial = "" if width == WIDTH else f".p/{width}"
    return get(f"/log/tile/entries/{number:03}{partial}")[0]
