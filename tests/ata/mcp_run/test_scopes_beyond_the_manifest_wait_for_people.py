"""`ata mcp run --scope` asks people for more than the manifest has, and says what they answer."""

from __future__ import annotations

import pytest

from tests.ata.ata_process import Ata
from tests.ata.mcp_run.leaking_server import TOKEN, token_reply
from tests.ata.portal_stand_in import Reply, StandIn

PENDING = Reply(
    403,
    {
        "detail": "github was asked for delete_repo",
        "code": "scope_escalation_pending",
        "approval_id": "a7",
    },
)


def approval(outcome: str) -> Reply:
    body = {
        "id": "a7",
        "status": "closed",
        "outcome": outcome,
        "sentence": "Let repo-reader for 1 hour on GitHub: delete repositories",
        "binding_message": "12-34-56",
    }
    return Reply(200, body)


def test_it_waits_for_the_people_who_are_asked_about_scopes(
    broker: StandIn, signed_in: Ata, server: list[str]
) -> None:
    broker.on("GET", "/v1/auth/token", PENDING, token_reply())
    broker.on("GET", "/v1/approvals/a7", approval("approved"))
    done = signed_in(
        "mcp", "run", "repo-reader", "--scope", "github:delete_repo", "--wait", "--", *server
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "", "standard output belongs to the agent"
    assert "delete repositories" in done.stderr
    asked = broker.seen("GET", "/v1/auth/token")
    assert {one.headers["ata-scopes"] for one in asked} == {"repo read:user delete_repo"}


@pytest.mark.parametrize(("outcome", "code"), [("denied", 3), ("expired", 4), ("cancelled", 5)])
def test_what_people_do_not_allow_ends_it_with_their_exit_code(
    broker: StandIn, signed_in: Ata, server: list[str], outcome: str, code: int
) -> None:
    broker.on("GET", "/v1/auth/token", PENDING)
    broker.on("GET", "/v1/approvals/a7", approval(outcome))
    done = signed_in("mcp", "run", "repo-reader", "--wait", "--", *server)
    assert done.returncode == code
    assert "scope_not_allowed" in done.stderr
    assert done.stdout == ""


def test_a_scope_of_a_connection_that_the_manifest_does_not_name_is_wrong_usage(
    broker: StandIn, signed_in: Ata, server: list[str]
) -> None:
    done = signed_in("mcp", "run", "repo-reader", "--scope", "slack:chat:write", "--", *server)
    assert done.returncode == 2
    assert "does not name slack" in done.stderr
    assert not broker.seen("GET", "/v1/auth/token")


def test_a_scope_that_the_account_does_not_grant_is_said_once(
    broker: StandIn, signed_in: Ata, server: list[str]
) -> None:
    given = {"access_token": TOKEN, "expires_in": 60, "scope": "read:user repo"}
    broker.on("GET", "/v1/auth/token", Reply(200, given))
    done = signed_in("mcp", "run", "repo-reader", "--scope", "github:admin:org", "--", *server)
    assert done.stderr.count("admin:org is not among them") == 1
    assert "connect it again" in done.stderr


def test_a_scope_of_no_connection_is_wrong_usage(signed_in: Ata, server: list[str]) -> None:
    done = signed_in("mcp", "run", "repo-reader", "--scope", "delete_repo", "--", *server)
    assert done.returncode == 2
    assert "CONNECTION:SCOPE" in done.stderr
