"""Destinations, scanners and hooks are reported by name, kind and host, never with a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ata.outpost import gateway_facts

V020 = """
splunk: {enabled: true, hec_endpoint: 'https://siem.example:8088/x', hec_token: hidden-1}
otel: {enabled: false, endpoint: ''}
guardrail: {enabled: true, mode: action}
"""
V084 = """
audit_sinks:
- name: siem
  kind: http_jsonl
  enabled: true
  http_jsonl: {url: 'https://u:hidden-2@siem.example/hidden-3?k=hidden-4'}
- {name: old, kind: splunk_hec, splunk_hec: {endpoint: 'https://hec.example:8088', token: hidden-5}}
otel:
  enabled: false
  destinations: [{name: traces, enabled: true, endpoint: 'collector.example:4317'}]
webhooks: [{type: slack, url: 'https://hooks.example/services/hidden-6', enabled: true}]
"""
HEAD = """
observability:
  local: {retention_days: 30}
  destinations:
  - name: siem
    kind: http_jsonl
    endpoint: https://siem.example/in
    headers: {authorization: hidden-7}
  - {name: file, kind: jsonl, enabled: false, path: /var/log/hidden-8}
guardrail: {judge: {enabled: true}, connectors: {codex: {mode: observe}}}
"""


def reported(data: Path, text: str) -> dict[str, Any]:
    (data / "config.yaml").write_text(text)
    found = gateway_facts.config(data)
    assert "hidden" not in json.dumps(found)
    return found


def of(found: dict[str, Any]) -> list[tuple[str, str, str, str, bool]]:
    return [
        (one["family"], one["name"], one["kind"], one["host"], one["enabled"])
        for one in found["destinations"]
    ]


def test_destinations_of_each_generation_are_named_without_their_secrets(tmp_path: Path) -> None:
    assert of(reported(tmp_path, V020)) == [
        ("destination", "splunk", "splunk_hec", "siem.example:8088", True)
    ]
    assert of(reported(tmp_path, V084)) == [
        ("destination", "old", "splunk_hec", "hec.example:8088", False),
        ("destination", "siem", "http_jsonl", "siem.example", True),
        ("otel", "traces", "otlp", "collector.example:4317", False),  # otel itself is off
        ("webhook", "slack", "slack", "hooks.example", True),
    ]
    head = reported(tmp_path, HEAD)
    assert of(head) == [
        ("destination", "file", "jsonl", "", False),
        ("destination", "siem", "http_jsonl", "siem.example", True),
    ]
    assert head["observability.local.retention_days"] == 30
    assert head["guardrail.judge.enabled"] is True


def test_a_configuration_of_another_shape_is_reported_as_far_as_it_can_be(tmp_path: Path) -> None:
    odd = "splunk: 3\notel: []\naudit_sinks: {a: 1}\nwebhooks: [x, {url: 7}]\nobservability: x\n"
    assert of(reported(tmp_path, odd)) == [("webhook", "webhook", "", "", False)]


@pytest.fixture
def hooks(tmp_path: Path) -> Path:
    """A data folder whose gateway installed the hook of Claude Code."""
    script, settings = tmp_path / "hooks" / "claude-code-hook.sh", tmp_path / "settings.json"
    script.parent.mkdir()
    script.write_text("#!/bin/bash\n")
    settings.write_text(json.dumps({"hooks": [{"command": str(script)}], "token": "hidden-9"}))
    locations = {"hook_config_paths": [str(settings)], "hook_script_paths": [str(script)]}
    agent = {
        "locations": locations,
        "hook_script_digests": {script.name: "sha256:0"},
        "hook_fail_mode": "closed",
    }
    (tmp_path / "hook_contract_lock.json").write_text(
        json.dumps({"version": 2, "connectors": {"claudecode": agent}})
    )
    return tmp_path


def test_a_hook_that_is_taken_out_or_edited_shows(hooks: Path) -> None:
    first = reported(hooks, "{}")["hooks"]["claudecode"]
    assert first["installed"] is True and first["fail_mode"] == "closed"
    (hooks / "hooks" / "claude-code-hook.sh").write_text("exit 0\n")
    edited = reported(hooks, "{}")["hooks"]["claudecode"]
    assert edited["installed"] is True and edited["scripts"] != first["scripts"]
    (hooks / "settings.json").write_text("{}")
    assert reported(hooks, "{}")["hooks"]["claudecode"]["installed"] is False
    (hooks / "hook_contract_lock.json").write_text("[")
    assert "hooks" not in reported(hooks, "{}")


def test_a_scanner_is_found_by_the_name_in_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    text = "scanners: {skill_scanner: {binary: my-scanner}}\n"
    assert reported(tmp_path, text)["scanners"] == {"skill-scanner": False, "mcp-scanner": False}
    (tmp_path / "my-scanner").write_text("")
    (tmp_path / "my-scanner").chmod(0o755)
    assert reported(tmp_path, text)["scanners"]["skill-scanner"] is True
