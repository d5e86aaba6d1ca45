"""No secret that a gateway stored reaches a page, an export, the index or the database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit import importing
from audit.importing import mask
from audit.models import EventRow, Openings, QuarantinedRow
from tests.audit import imports

# Assembled, so that no scanner takes this file for a leak.
BODY = "Zk3v9QpLmX2nT7wRb5yHc8DfGjA1sE4u"
SECRETS = {
    "JWT": f"eyJhbGciOiJSUzI1NiJ9.{BODY}.{BODY}",
    "GitHub": "ghp_" + BODY,
    "fine-grained GitHub": "github_pat_" + BODY,
    "Slack": "xoxb-" + "1234567890-" + BODY,
    "AWS": "AKIA" + "IOSFODNN7EXAMPLE",
    "Google": "AIza" + BODY,
    "API key": "sk-" + BODY,
    "GitLab": "glpat-" + BODY[:20],
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("shape", ["{}", "curl -H 'X: {}' https://x", '{{"note": "see {}"}}'])
def test_a_known_shape_is_masked_wherever_it_stands(secret: str, shape: str) -> None:
    text = shape.format(secret)
    masked = mask(text)
    assert secret not in masked
    assert "[masked: " in masked


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}",
        '"authorization":"Basic {}"',
        "proxy with bearer {}",
        "password={} user=x",
        'payload={{\\"client_secret\\":\\"{}\\"}}',
        "https://bot:{}@example.com/x",
        "GET /cb?code={}&state=1",
        "AWS_SECRET_ACCESS_KEY={}",
        "api_key: '{}'",
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
    ],
)
def test_a_secret_is_masked_by_what_stands_before_it(text: str) -> None:
    masked = mask(text.format(BODY))
    assert BODY not in masked
    assert "[masked: " in masked


def test_a_secret_under_a_telling_name_is_masked_in_nested_values() -> None:
    value = {"headers": [{"cookie": "hunter2hunter2"}, {"x": 1}], "access_token": "abcd1234"}
    masked = mask(value)
    assert masked == {
        "headers": [{"cookie": "[masked: secret]"}, {"x": 1}],
        "access_token": "[masked: secret]",
    }
    assert value["access_token"] == "abcd1234"


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens: 4096 token=12 token: null",
        "trace 74ae11bf994b1e0374ae11bf994b1e03 sha256:" + "ab" * 32,
        "reason=known malicious connector=",
        "basic authentication is off; bearer tokens are fine",
        "https://example.com/a@b?x=1",
        "evidence=<redacted len=12 sha=0a1b2c3d> token=<redacted>",
        "6dbd0234-ba8f-44f4-9a6f-a70110af75e8",
        "task-scheduler-with-a-very-long-name",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask(text) == text


def test_masking_twice_changes_nothing_more() -> None:
    once = mask("Authorization: Bearer " + SECRETS["JWT"] + " password=" + BODY)
    assert mask(once) == once


@pytest.mark.django_db
def test_a_secret_in_a_row_is_nowhere_in_our_database(tmp_path: Path) -> None:
    path = imports.empty(tmp_path / "audit.db", 7)
    jwt, escaped = SECRETS["JWT"], SECRETS["GitHub"].replace("g", "\\u0067", 1)
    imports.audit_row(
        path,
        target=f"https://x/{SECRETS['Slack']}",
        actor=SECRETS["GitHub"],
        details=f"reason=Authorization: Bearer {BODY}",
        structured_json=f'{{"argv": ["curl", "-H", "{jwt}", "{escaped}"]}}',
    )
    imports.audit_row(path, "bad", timestamp="no", details="token=" + BODY)
    report = importing.run(path, "edge-1")
    assert report.masked >= 4
    held = [str(values) for values in Openings.objects.values_list("values", flat=True)]
    held += [str(row) for row in EventRow.objects.values()]
    held += [json.dumps(c) for c in QuarantinedRow.objects.values_list("content", flat=True)]
    for secret in (BODY, jwt, SECRETS["GitHub"], SECRETS["Slack"]):
        assert not any(secret.lower() in text.lower() for text in held)
    event = imports.event(action="defenseclaw.skill-block")
    assert event["data"]["masked_values"] >= 4
    assert len(event["data"]["raw"]["digest"]) == 64
