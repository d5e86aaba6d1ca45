"""What a gateway needs in its `config.yaml` to push to this portal, ready to copy.

One text for each generation of DefenseClaw. The token is in none: each names the variable that the
gateway reads from `~/.defenseclaw/.env`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

VARIABLE: Final = "ATA_INGEST_TOKEN"


@dataclass(frozen=True, slots=True)
class SenderConfiguration:
    """The lines for one generation, and what to know of them."""

    generation: str
    yaml: str
    note: str


def of_instance(portal: str, instance: str) -> tuple[SenderConfiguration, ...]:
    """The lines for a gateway, the newest generation first.

    Args:
        portal: the address of this portal, without a slash at its end.
    """
    return tuple(
        SenderConfiguration(generation, make(portal, instance), note)
        for generation, make, note in _GENERATIONS
    )


def _of_head(portal: str, instance: str) -> str:
    private = "      network_safety: {allow_private_networks: true}\n" if _private(portal) else ""
    return f"""\
observability:
  destinations:
    - name: auth0-ata
      kind: http_jsonl
      endpoint: {portal}/v1/ingest/defenseclaw/{instance}
      bearer_env: {VARIABLE}
{private}      batch: {{scheduled_delay_ms: 250, max_queue_size: 65536}}
      routes:
        - name: admin
          signals: [logs]
          selector:
            buckets: [compliance.activity, enforcement.action, asset.lifecycle, platform.health]
        - name: verdicts
          signals: [logs]
          selector:
            buckets: [guardrail.evaluation, security.finding]
            min_severity: HIGH
"""


def _of_0_8_4(portal: str, _instance: str) -> str:
    return f"""\
audit_sinks:
  - name: auth0-ata
    kind: splunk_hec
    enabled: true
    batch_size: 50
    flush_interval_s: 1
    splunk_hec:
      endpoint: {portal}/services/collector/event
      token_env: {VARIABLE}
      index: defenseclaw
"""


def _of_0_2_0(portal: str, _instance: str) -> str:
    return f"""\
splunk:
  enabled: true
  hec_endpoint: {portal}/services/collector/event
  hec_token_env: {VARIABLE}
  index: defenseclaw
  source: defenseclaw
  sourcetype: _json
  verify_tls: true
  batch_size: 50
  flush_interval_s: 1
"""


_GENERATIONS: Final[tuple[tuple[str, Callable[[str, str], str], str], ...]] = (
    (
        "HEAD",
        _of_head,
        "Findings and verdicts from HIGH, and all administrative acts, also of its command line.",
    ),
    (
        "0.8.4",
        _of_0_8_4,
        "All events, also of its command line. Keep batch_size: in a smaller batch each call of an "
        "agent waits for this portal.",
    ),
    (
        "0.2.0",
        _of_0_2_0,
        "What the gateway does, not its command line. Do not set batch_size to 1: each call of an "
        "agent would wait for this portal.",
    ),
)


def _private(portal: str) -> bool:
    """Whether HEAD refuses the address unless it is allowed to use private ones."""
    host = urlsplit(portal).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or "." not in host
