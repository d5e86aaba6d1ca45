"""The sentence that an approver reads shows what is risky, whatever the requester put first."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings

from approvals.errors import Refused
from approvals.models import Approval
from approvals.pipeline.service import Performed, perform
from audit.recording.actors import Actor, Target
from connections.component_manifests import manifest_store
from tests.connections.visitor import know, subject

PADDING = [{"connection": f"calendar-{letter * 110}", "scopes": []} for letter in "abcd"]
RISKY = {"connection": "github", "scopes": ["repo", "delete_repo", "admin:org"]}
MCP = Target("mcp", "meeting-notes")


@pytest.fixture
def olu() -> Actor:
    know("operator", "operator2")
    return Actor(
        iss=django_settings.ENV.issuer, sub=subject("operator"), name="operator",
        roles=frozenset({"operator"}), via="api",
    )  # fmt: skip


def declare(by: Actor, connections: list[dict[str, Any]], target: Target = MCP, **more: Any) -> str:
    params = {"connections": connections, "new": True, **more}
    return asked(perform(by, "manifest.declare", target, params=params))


def asked(done: Performed) -> str:
    assert done.approval is not None
    return done.approval.sentence


def test_a_risky_connection_is_read_before_invented_ones(olu: Actor) -> None:
    sentence = declare(olu, [*PADDING, RISKY])
    assert sentence.startswith("Let MCP server meeting-notes use GitHub: ")
    for scope in RISKY["scopes"]:
        assert f"({scope})" in sentence
    assert len(sentence) <= 500


def test_a_known_service_is_read_before_invented_ones(olu: Actor) -> None:
    sentence = declare(olu, [*PADDING, {"connection": "github", "scopes": ["read:user"]}])
    assert sentence.startswith("Let MCP server meeting-notes use GitHub: ")


def test_connections_that_do_not_fit_are_counted(olu: Actor) -> None:
    many = [{"connection": f"{letter * 110}", "scopes": []} for letter in "abcdefghijklmnop"]
    sentence = declare(olu, [*many, RISKY])
    assert sentence.startswith("Let MCP server meeting-notes use GitHub: ")
    named = sum(f"; {letter * 15} … " in sentence for letter in "abcdefghijklmnop")
    assert sentence.endswith(f"; and {len(many) - named} more connections")


def test_the_address_that_tokens_go_to_is_read_behind_any_padding(olu: Actor) -> None:
    url = f"https://elsewhere.example/{'x' * 80}"
    sentence = declare(olu, [*PADDING, RISKY], url=url)
    assert f"its tokens go to {url}" in sentence


def test_every_risky_permission_is_named(olu: Actor) -> None:
    wanted = ["read:user", "repo", "delete_repo", "admin:org", "admin:org_hook", "workflow"]
    sentence = declare(olu, [{"connection": "github", "scopes": wanted}])
    for scope in wanted[1:]:
        assert scope in sentence


MILD = {
    "github": ["read:user", "user:email", "read:org", "read:project"],
    "slack": ["channels:read", "groups:read", "im:read", "users:read"],
    "google-oauth2": [
        "https://www.googleapis.com/auth/drive.readonly",
        "https://www.googleapis.com/auth/tasks.readonly",
    ],
}


@pytest.mark.parametrize(
    ("connection", "scopes"),
    [
        ("github", [*MILD["github"], "admin:ssh_signing_key"]),
        ("payments", ["a.read", "b.read", "c.read", "d.read", "transfer_money"]),
    ],
)
def test_every_permission_that_the_catalogue_does_not_know_is_named(
    olu: Actor, connection: str, scopes: list[str]
) -> None:
    assert scopes[-1] in declare(olu, [{"connection": connection, "scopes": scopes}])


def test_a_connection_with_unknown_permissions_is_named_before_known_ones(olu: Actor) -> None:
    known = [{"connection": name, "scopes": mild} for name, mild in MILD.items()]
    payments = {"connection": "payments", "scopes": ["transfer_money"]}
    sentence = declare(olu, [*known, payments])
    assert "payments: transfer_money" in sentence
    assert "more connection" in sentence


def test_unknown_permissions_that_cannot_all_be_named_ask_nobody(olu: Actor) -> None:
    many = [f"transfer_money_to_account_{number}" for number in range(40)]
    with pytest.raises(Refused, match="Split it"):
        declare(olu, [{"connection": "payments", "scopes": many}])


def test_what_cannot_be_shown_whole_is_refused_and_asks_nobody(olu: Actor) -> None:
    with pytest.raises(Refused) as refused:
        declare(olu, [RISKY], url="https://elsewhere.example/" + "x" * 470)
    assert refused.value.code == "too_much_to_show"
    assert "Split it" in refused.value.detail
    assert not Approval.objects.exists()


def test_the_removal_under_a_long_name_says_what_it_opens(olu: Actor) -> None:
    long = Target("mcp", "m" * 150)
    manifest_store.declare_shipped(
        long.kind, long.name, manifest_store.Declaration.model_validate({"connections": [RISKY]})
    )
    sentence = asked(perform(olu, "manifest.remove", long))
    assert "open GitHub to undeclared components" in sentence
    assert long.name not in sentence
