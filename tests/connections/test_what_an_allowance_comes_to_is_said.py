"""What approvers of a permission beyond a manifest read: whose account, what goes on afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from approvals import registry
from audit.recording.actors import Target
from connections.models import ConnectedAccount, ScopeRule
from tests.connections.campaign import connected
from tests.connections.visitor import know

GRANT = "scope.grant"


@pytest.fixture
def account(db: None) -> ConnectedAccount:
    """Mia’s GitHub account."""
    know("member1")
    return connected(
        "member1",
        "github",
        "read:user",
        "repo",
        provider_user="671075",
        connected_at=datetime(2026, 11, 12, 8, tzinfo=UTC),
    )


def params(scopes: Sequence[str], component: str = "mcp:github-mcp") -> dict[str, Any]:
    return {"component": component, "scopes": list(scopes), "for_s": 3600}


def expected(account: ConnectedAccount, *scopes: str) -> str:
    verb = registry.get(GRANT)
    said = verb.expects(Target("connection", str(account.id)), params(scopes))
    assert len(f"After both approvals: {said}") <= 255
    return said


def test_it_is_said_what_the_provider_keeps_after_the_time(account: ConnectedAccount) -> None:
    said = expected(account, "repo")
    assert said.startswith("The portal lets this through for 1 hour, then refuses it again.")
    assert "GitHub keeps the permission" in said
    assert said.endswith("later tokens still carry it and are flagged.")


def test_what_the_grant_lacks_needs_the_owner_to_connect_again_first(
    account: ConnectedAccount,
) -> None:
    first = "First the owner has to connect GitHub again."
    assert expected(account, "delete_repo").startswith(first)
    ConnectedAccount.objects.update(scopes=[])
    assert "The owner may have to connect GitHub again first." in expected(account, "repo")


def test_where_excess_is_refused_later_tokens_are(account: ConnectedAccount) -> None:
    ScopeRule.objects.create(
        name="github",
        excess="refuse",
        allow_for_s=3600,
        changed_at="2026-11-12T08:00Z",
    )
    assert expected(account, "repo").endswith("later tokens that carry it are refused.")


def test_the_account_is_named_as_its_owner_and_its_provider_do(account: ConnectedAccount) -> None:
    named = registry.get(GRANT).account
    target = Target("connection", str(account.id))
    assert named(target, {}) == "“Mia Member”'s GitHub account member1-github, id 671075 at GitHub"
    ConnectedAccount.objects.update(label="", provider_user="")
    assert named(target, {}) == "“Mia Member”'s GitHub account, connected on 12 Nov 2026"


def test_a_component_that_passes_for_another_is_warned_about(account: ConnectedAccount) -> None:
    target = Target("connection", str(account.id))
    said = registry.get(GRANT).sentence(target, params(["repo"], "mcp:g\u0456thub-mcp"))
    assert "⚠ The name looks like github-mcp but is not" in said


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        ("delete_repo", "it can change, send or delete things at large"),
        ("no.such.scope", "what it allows is not known here"),
        ("read:user", "its manifest does not declare it"),
    ],
)
def test_the_risk_says_why(account: ConnectedAccount, scope: str, why: str) -> None:
    said = registry.get(GRANT).risk(Target("connection", str(account.id)), params([scope]))
    assert said.startswith(why)
