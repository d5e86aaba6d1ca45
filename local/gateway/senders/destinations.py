"""Destinations as each generation's configuration names them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local.gateway.generations import Generation
from local.gateway.hooks.runtime_rules import ORDER
from local.gateway.senders.bodies import Columns, hec_event, jsonl_line
from local.gateway.user_folder import Home, read_config

_HEC_PATH: Final = "/services/collector/event"


@dataclass(frozen=True, slots=True)
class Destination:
    """One receiver and how rows are put together for it."""

    name: str
    kind: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    index: str = "defenseclaw"
    batch_size: int = 1
    flush_s: float = 5.0
    timeout_s: float = 10.0
    queue_size: int = 10_000
    selectors: tuple[Mapping[str, Any], ...] = ()

    def wants(self, columns: Columns) -> bool:
        """Return whether a row is selected (buckets and least severity at HEAD).

        Dispositions of alerts are never sent.
        """
        if str(columns.get("event_name", "")).startswith("alert."):
            return False
        if not self.selectors:
            return True
        return any(_selects(selector, columns) for selector in self.selectors)

    def body(self, generation: Generation, rows: list[Columns]) -> bytes:
        """Return the body of a request with these rows."""
        if self.kind == "splunk_hec":
            parts = [hec_event(generation, row, self.index) for row in rows]
        else:
            parts = [jsonl_line(generation, row) for row in rows]
        return ("\n".join(parts) + "\n").encode()


def _selects(selector: Mapping[str, Any], columns: Columns) -> bool:
    buckets = selector.get("buckets") or ["*"]
    if "*" not in buckets and columns.get("bucket") not in buckets:
        return False
    least = str(selector.get("min_severity") or "NONE").upper()
    severity = str(columns.get("severity") or "INFO").upper()
    return severity not in ORDER or ORDER.index(severity) >= ORDER.index(least)


def destinations_of(home: Home, generation: Generation) -> list[Destination]:
    """Read the destinations from `config.yaml`; tokens may stand in `.env`."""
    config, secrets = read_config(home), _secrets(home)
    if generation.seals_rows:
        wanted = (config.get("observability") or {}).get("destinations") or []
        known = [item for item in wanted if item.get("kind") in ("http_jsonl", "splunk_hec")]
        return [_at_head(item, secrets) for item in known]
    if generation.entries_per_agent:
        sinks = [item for item in config.get("audit_sinks") or [] if item.get("enabled", True)]
        return [_sink(item, secrets) for item in sinks]
    splunk = config.get("splunk") or {}
    return [_splunk(splunk, secrets)] if splunk.get("enabled") else []


def _secrets(home: Home) -> dict[str, str]:
    try:
        lines = (home.data / ".env").read_text().splitlines()
    except OSError:
        lines = []
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs} | dict(os.environ)


def _hec_headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Splunk {token}", "Content-Type": "application/json"}


def _jsonl_headers(token: str) -> dict[str, str]:
    kind = {"Content-Type": "application/x-ndjson"}
    return {"Authorization": f"Bearer {token}", **kind} if token else kind


def _splunk(item: Mapping[str, Any], secrets: Mapping[str, str]) -> Destination:
    token = str(item.get("hec_token") or secrets.get(str(item.get("hec_token_env")), ""))
    url = str(item.get("hec_endpoint") or "")
    return Destination(
        "splunk",
        "splunk_hec",
        url if url.endswith(_HEC_PATH) else url.rstrip("/") + _HEC_PATH,
        _hec_headers(token),
        index=str(item.get("index") or "defenseclaw"),
        batch_size=int(item.get("batch_size") or 50),
        flush_s=float(item.get("flush_interval_s") or 5),
    )


def _sink(item: Mapping[str, Any], secrets: Mapping[str, str]) -> Destination:
    kind = str(item.get("kind"))
    own = item.get(kind) or {}
    if kind == "splunk_hec":
        token = str(own.get("token") or secrets.get(str(own.get("token_env")), ""))
        headers, url = _hec_headers(token), str(own.get("endpoint") or "")
    else:
        token = str(own.get("bearer_token") or secrets.get(str(own.get("bearer_env")), ""))
        headers = _jsonl_headers(token) | {k: str(v) for k, v in (own.get("headers") or {}).items()}
        url = str(own.get("url") or "")
    return Destination(
        str(item.get("name")),
        kind,
        url,
        headers,
        index=str(own.get("index") or "defenseclaw"),
        batch_size=int(item.get("batch_size") or 50),
        flush_s=float(item.get("flush_interval_s") or 5),
        timeout_s=float(item.get("timeout_s") or 10),
    )


def _at_head(item: Mapping[str, Any], secrets: Mapping[str, str]) -> Destination:
    batch = item.get("batch") or {}
    if item["kind"] == "splunk_hec":
        headers = _hec_headers(secrets.get(str(item.get("token_env")), ""))
    else:
        headers = _jsonl_headers(secrets.get(str(item.get("bearer_env")), ""))
    for name, source in (item.get("headers") or {}).items():
        headers[name] = secrets.get(str(source.get("env")), "")
    selectors = [route.get("selector") or {} for route in item.get("routes") or []]
    selectors = selectors or [item.get("send") or {}]
    return Destination(
        str(item.get("name")),
        str(item["kind"]),
        str(item.get("endpoint") or ""),
        headers,
        index=str(item.get("index") or "defenseclaw"),
        batch_size=int(batch.get("max_export_batch_size") or 512),
        flush_s=float(batch.get("scheduled_delay_ms") or 5_000) / 1_000,
        timeout_s=float(item.get("timeout_ms") or 10_000) / 1_000,
        queue_size=int(batch.get("max_queue_size") or 2_048),
        selectors=tuple(selectors),
    )
