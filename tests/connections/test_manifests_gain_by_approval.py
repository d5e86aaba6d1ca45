"""A manifest that gains anything waits for another person; what gains nothing commits at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import transaction

from approvals import cancel_resend_confirm_denial, clock
from approvals.errors import Refused
from approvals.models import Approval, Outcome
from approvals.pipeline.service import Performed, perform
from approvals.step_up import take_ciba_or_passkey_answer
from audit.ledger.format.allowed_field_values import SEVERITIES
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from connections.broker.component_checks import Component, check_declared
from connections.broker.errors import TokenRefusal
from connections.component_manifests import manifest_store
from connections.component_manifests.manifest_store import Declaration
from connections.models import ConnectedAccount, ConnectionSetting, Manifest, Notice, OwnerLetter
from connections.scope_escalation import attempt_limits
from tests.connections.conftest import Travel
from tests.connections.visitor import Gateway, know, subject

type Gateways = Callable[[str], Gateway]

GITHUB = {"connection": "github", "scopes": ["read:user", "repo"]}
SLACK = {"connection": "slack", "scopes": ["chat:write"]}
MCP = Target("mcp", "github-mcp")


def person(who: str, *roles: str) -> Actor:
    return Actor(
        iss=django_settings.ENV.issuer,
        sub=subject(who),
        name=who,
        roles=frozenset(roles),
        via="api",
    )


OLU, OONA = person("operator", "operator"), person("operator2", "operator")


@pytest.fixture(autouse=True)
def _people(github_mcp: Declaration) -> None:
    know("operator", "operator2", "member1")


def declare(by: Actor = OLU, target: Target = MCP, **params: Any) -> Performed:
    wanted = {"connections": [GITHUB], "env": {"github": "GITHUB_TOKEN"}} | params
    return perform(by, "manifest.declare", target, params=wanted)


def answer(done: Performed, by: Actor = OONA, decision: Any = "approve") -> Approval:
    assert done.approval is not None
    approval = Approval.objects.get(pk=done.approval.pk)
    ask = approval.asks.get(person__sub=by.sub)
    with transaction.atomic():
        assert not take_ciba_or_passkey_answer.give(
            approval, ask, by, channel="ciba", decision=decision, signed=True, evidence=()
        )
    approval.refresh_from_db()
    return approval


def account(who: str, connection: str = "github") -> ConnectedAccount:
    now = clock.now()
    return ConnectedAccount.objects.create(
        iss=OLU.iss, sub=subject(who), connection=connection, auth0_id=f"cac_{who}_{connection}",
        scopes=["repo"], state_since=now, source="management", seen_at=now, watched_since=now,
    )  # fmt: skip


def github() -> dict[str, Any]:
    found = manifest_store.find("mcp", "github-mcp")
    return manifest_store.content(found) if found else {}


GAINS: dict[str, dict[str, Any]] = {
    "a scope": {"connections": [{"connection": "github", "scopes": ["repo", "delete_repo"]}]},
    "a connection": {"connections": [GITHUB, SLACK]},
    "a connection without scopes": {"connections": [GITHUB, {"connection": "slack"}]},
    "an address": {"url": "https://elsewhere.example/mcp"},
    "a variable of any name": {"env": {"github": "NOTES"}},
    "an open connection": {"connections": [], "env": {}},
}


@pytest.mark.parametrize("what", GAINS)
def test_what_gains_anything_waits_for_another_person(what: str) -> None:
    before = github()
    done = declare(**GAINS[what])
    assert done.approval is not None and done.event_id is None
    assert done.approval.severity in {"HIGH", "CRITICAL"}
    assert github() == before
    assert [one.person.sub for one in done.approval.asks.all()] == [OONA.sub]
    assert answer(done).outcome == Outcome.APPROVED
    assert github() != before


def test_the_first_manifest_of_a_component_waits_too() -> None:
    done = declare(target=Target("mcp", "new-mcp"))
    assert done.approval is not None
    assert manifest_store.find("mcp", "new-mcp") is None
    answer(done)
    assert manifest_store.find("mcp", "new-mcp") is not None


def test_a_denied_declaration_changes_nothing() -> None:
    before = github()
    approval = answer(declare(url="https://elsewhere.example/mcp"), decision="deny")
    assert approval.outcome == Outcome.DENIED
    assert github() == before


NO_GAINS: dict[str, dict[str, Any]] = {
    "fewer scopes": {"connections": [{"connection": "github", "scopes": ["read:user"]}]},
    "a scope that a declared one holds": {
        "connections": [{"connection": "github", "scopes": ["read:user", "repo", "public_repo"]}]
    },
    "another plain variable": {"env": {"github": "GITHUB_PERSONAL_ACCESS_TOKEN"}},
    "a variable that ends in PAT": {"env": {"github": "GH_PAT"}},
    "a variable that ends in KEY": {"env": {"github": "GITHUB_KEY"}},
}


@pytest.mark.parametrize("what", NO_GAINS)
def test_what_gains_nothing_commits_at_once(what: str) -> None:
    done = declare(**NO_GAINS[what])
    assert done.approval is None and done.event_id is not None
    row = EventRow.objects.filter(action="manifest.declared").latest("time")
    assert SEVERITIES[row.severity] == "LOW"
    assert not Notice.objects.exists()


def test_an_address_can_be_removed_at_once_and_not_put_back() -> None:
    answer(declare(url="https://mcp.example/"))
    assert declare(url="").approval is None
    assert declare(url="https://mcp.example/").approval is not None


def test_a_variable_of_another_connection_is_no_plain_one() -> None:
    both: dict[str, Any] = {"connections": [GITHUB, SLACK]}
    answer(declare(**both, env={"github": "GITHUB_TOKEN", "slack": "SLACK_TOKEN"}))
    swapped = {"github": "SLACK_TOKEN", "slack": "GITHUB_TOKEN"}
    assert declare(**both, env=swapped).approval is not None
    assert declare(**both, env={"slack": "GITHUB_TOKEN", "github": "GH_PAT"}).approval is not None


def test_variables_are_not_swapped_in_several_steps() -> None:
    both: dict[str, Any] = {"connections": [GITHUB, SLACK]}
    approved = {"github": "SLACK_ONE_TOKEN", "slack": "GITHUB_OTHER_TOKEN"}
    answer(declare(**both, env=approved))
    assert declare(**both, env={"github": "GH_TOKEN", "slack": "SLACK_TOKEN"}).approval is None
    swapped = {"github": "GITHUB_OTHER_TOKEN", "slack": "SLACK_ONE_TOKEN"}
    done = declare(**both, env=swapped)
    assert done.approval is not None
    assert "GitHub's token in GITHUB_OTHER_TOKEN" in done.approval.sentence
    assert "Slack's token in SLACK_ONE_TOKEN" in done.approval.sentence


def test_a_variable_of_a_connection_that_is_no_longer_declared_is_no_plain_one() -> None:
    both: dict[str, Any] = {"connections": [GITHUB, SLACK]}
    answer(declare(**both, env={"github": "GITHUB_TOKEN", "slack": "GITHUB_OTHER_TOKEN"}))
    declare(env={"github": "GITHUB_TOKEN"})
    declare(env={"github": "GITHUB_THIRD_TOKEN"})
    assert declare(env={"github": "GITHUB_OTHER_TOKEN"}).approval is not None


@pytest.mark.parametrize(
    "variable",
    ["OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "NPM_TOKEN", "INPUT_SLACK_TOKEN", "MYTOKEN"],
)
def test_only_a_variable_called_after_its_own_service_or_none_is_a_plain_one(variable: str) -> None:
    assert declare(env={"github": variable}).approval is not None
    assert github()["env"] == {"github": "GITHUB_TOKEN"}


@pytest.mark.parametrize(
    "variable", ["TOKEN", "API_KEY", "MY_PAT", "GH_TOKEN", "GITHUB_APP_SECRET"]
)
def test_a_variable_called_after_its_service_or_none_is_in_force_at_once(variable: str) -> None:
    assert declare(env={"github": variable}).approval is None
    assert github()["env"] == {"github": variable}


@pytest.mark.parametrize(
    "variable",
    ["SLACK_TOKEN", "slack_TOKEN", "SLACK_BOT_TOKEN", "GOOGLE_OAUTH2_TOKEN", "ACME_CRM_KEY"],
)
def test_a_variable_that_is_called_after_another_service_is_no_plain_one(variable: str) -> None:
    ConnectionSetting.objects.create(name="acme-crm", connectable=True, seen_at=clock.now())
    done = declare(env={"github": variable})
    assert done.approval is not None
    assert github()["env"] == {"github": "GITHUB_TOKEN"}


@pytest.mark.parametrize("way", ["dropped", "removed", "first of another component"])
def test_the_variable_of_a_new_connection_is_shown_where_it_is_no_plain_one(way: str) -> None:
    both: dict[str, Any] = {"connections": [GITHUB, SLACK]}
    answer(declare(**both, env={"github": "GITHUB_TOKEN", "slack": "SLACK_TOKEN"}))
    answer(declare(**both, target=Target("mcp", "other-mcp"), env={}))
    target = MCP
    if way == "dropped":
        assert declare(connections=[SLACK], env={"slack": "SLACK_KEY"}).approval is None
    elif way == "removed":
        assert perform(OLU, "manifest.remove", MCP).approval is None
    else:
        target = Target("mcp", "new-mcp")
    done = declare(**both, target=target, env={"github": "SLACK_TOKEN", "slack": "SLACK_KEY"})
    assert done.approval is not None
    assert "GitHub's token in SLACK_TOKEN" in done.approval.sentence
    assert "SLACK_KEY" not in done.approval.sentence


def test_a_first_manifest_shows_a_variable_that_names_no_service() -> None:
    answer(declare(target=Target("mcp", "other-mcp")))
    assert declare(env={"github": "API_TOKEN"}).approval is None
    assert perform(OLU, "manifest.remove", MCP).approval is None
    done = declare(connections=[SLACK], env={"slack": "API_TOKEN"})
    assert done.approval is not None
    assert "Slack's token in API_TOKEN" in done.approval.sentence


@pytest.mark.parametrize("before", [[], [GITHUB]])
def test_a_manifest_of_before_hides_no_variable_that_names_no_service(before: list[Any]) -> None:
    other = Target("mcp", "other-mcp")
    if (done := declare(target=other, connections=before, env={})).approval is not None:
        answer(done)
    done = declare(target=other, connections=[*before, SLACK], env={"slack": "API_TOKEN"})
    assert done.approval is not None
    assert "Slack's token in API_TOKEN" in done.approval.sentence


def test_a_variable_that_held_another_token_is_shown_for_a_new_connection() -> None:
    answer(declare(env={"github": "SLACK_TOKEN"}))
    assert declare(env={"github": "GITHUB_TOKEN"}).approval is None
    done = declare(connections=[GITHUB, SLACK])
    assert done.approval is not None
    assert "Slack's token in SLACK_TOKEN" in done.approval.sentence


@pytest.mark.parametrize("way", ["dropped", "removed", "removed twice"])
def test_what_a_variable_held_is_known_after_its_connection_or_manifest_was_removed(
    way: str,
) -> None:
    answer(declare(target=Target("mcp", "other-mcp")))
    answer(declare(env={"github": "SLACK_TOKEN"}))
    assert declare(env={"github": "GITHUB_TOKEN"}).approval is None
    if way == "dropped":
        assert declare(connections=[], env={}).approval is None
    else:
        assert perform(OLU, "manifest.remove", MCP).approval is None
    if way == "removed twice":
        answer(declare())
        assert perform(OLU, "manifest.remove", MCP).approval is None
    done = declare(connections=[SLACK], env={"slack": "SLACK_TOKEN"})
    assert done.approval is not None
    assert "Slack's token in SLACK_TOKEN, declared for GitHub's before" in done.approval.sentence


@pytest.mark.parametrize(
    "variable",
    ["HTTPS_PROXY", "https_proxy", "HOME", "GIT_SSH_COMMAND", "JAVA_TOOL_OPTIONS", "SSL_CERT_FILE",
     "LD_PRELOAD", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "PYTHONPATH", "PATH", "BASH_ENV",
     "GIT_CONFIG_GLOBAL", "REQUESTS_CA_BUNDLE", "_JAVA_OPTIONS", "PERL5OPT", "DYLD_LIBRARY_PATH"],
)  # fmt: skip
def test_a_variable_that_leads_a_process_elsewhere_is_refused(variable: str) -> None:
    with pytest.raises(Refused) as refused:
        declare(env={"github": variable})
    assert refused.value.code == "bad_params"


def test_the_command_line_refuses_the_same_variables_and_names_the_same_defaults() -> None:
    from ata.mcp_run import server_manifest

    assert server_manifest._DANGEROUS.pattern == manifest_store._DANGEROUS.pattern
    for connection in ("github", "google-oauth2", "a"):
        assert server_manifest.default_variable(connection) == manifest_store.default_variable(
            connection
        )


def test_an_approval_is_void_once_the_manifest_changed() -> None:
    done = declare(url="https://mcp.example/")
    declare(connections=[{"connection": "github", "scopes": ["read:user"]}])
    assert done.approval is not None
    done.approval.refresh_from_db()
    assert done.approval.outcome == Outcome.FAILED
    assert github()["url"] == ""


def test_a_connection_that_nobody_names_stays_closed_until_somebody_approved() -> None:
    done = perform(OLU, "manifest.remove", MCP)
    assert done.approval is not None and done.approval.severity == "HIGH"
    assert "GitHub" in done.approval.sentence
    with pytest.raises(TokenRefusal, match="undeclared_caller"):
        check_declared(None, "github", ())
    answer(done)
    assert not Manifest.objects.exists()
    assert check_declared(None, "github", ()).need is None


def test_a_manifest_that_others_repeat_is_removed_at_once() -> None:
    answer(declare(target=Target("skill", "other")))
    done = perform(OLU, "manifest.remove", MCP)
    assert done.approval is None
    assert manifest_store.find("mcp", "github-mcp") is None
    row = EventRow.objects.get(action="manifest.removed")
    assert SEVERITIES[row.severity] == "LOW"
    last = perform(OLU, "manifest.remove", Target("skill", "other"))
    assert last.approval is not None


def test_what_is_not_declared_cannot_be_removed() -> None:
    with pytest.raises(Refused) as refused:
        perform(OLU, "manifest.remove", Target("mcp", "none"))
    assert refused.value.code == "unknown_manifest"


def test_owners_of_the_accounts_are_notified_when_it_takes_effect() -> None:
    mia = account("member1")
    account("operator")
    account("member2", "slack")
    done = declare(connections=[{"connection": "github", "scopes": ["repo", "delete_repo"]}])
    assert not Notice.objects.exists()
    answer(done)
    notice = Notice.objects.get()
    assert (notice.account, notice.code, notice.by) == (mia, "manifest_widened", "operator")
    assert "github-mcp" in notice.reason and "delete_repo" in notice.reason
    assert OwnerLetter.objects.get().sub == mia.sub


def test_many_owners_are_notified_in_a_bounded_number_of_queries(
    django_assert_max_num_queries: Any,
) -> None:
    for n in range(60):
        now = clock.now()
        ConnectedAccount.objects.create(
            iss=OLU.iss, sub=f"auth0|m{n}", connection="github", auth0_id=f"cac_{n}", scopes=[],
            state_since=now, source="management", seen_at=now, watched_since=now,
        )  # fmt: skip
    done = declare(url="https://mcp.example/")
    with django_assert_max_num_queries(90):
        answer(done)
    assert Notice.objects.count() == 60


def denied_escalation(by: Actor, scopes: list[str]) -> None:
    mine = account("operator")
    noted = attempt_limits.note(mine, Component("mcp", "github-mcp"), scopes, "bot", clock.now())
    done = perform(
        by, "scope.grant", Target("connection", str(mine.id)),
        params={"escalation": str(noted.row.id), "component": "mcp:github-mcp", "scopes": scopes,
                "agent": "bot", "for_s": 3600},
    )  # fmt: skip
    assert answer(done, by, "deny").outcome == Outcome.DENIED


WIDER = [{"connection": "github", "scopes": ["read:user", "repo", "delete_repo", "gist"]}]


def test_who_was_denied_an_escalation_cannot_declare_it(travel: Travel) -> None:
    denied_escalation(OLU, ["delete_repo"])
    with pytest.raises(Refused) as refused:
        declare(connections=WIDER)
    assert refused.value.code == "denied_lately"
    assert declare(connections=[GITHUB, SLACK]).approval is not None
    assert declare(by=OONA, connections=WIDER).approval is not None
    travel(24 * 3600 + 1)
    assert declare(connections=WIDER).approval is not None


@pytest.mark.parametrize(
    ("denied", "wanted", "refused"),
    [
        ("read:org", "admin:org", True),
        ("read:packages", "write:packages", True),
        ("admin:org", "read:org", False),
        ("gist", "user", False),
    ],
)
def test_who_was_denied_a_scope_cannot_declare_one_that_contains_it(
    denied: str, wanted: str, refused: bool
) -> None:
    denied_escalation(OLU, [denied])
    more = [{"connection": "github", "scopes": ["read:user", "repo", wanted]}]
    if refused:
        with pytest.raises(Refused, match="denied"):
            declare(connections=more)
    else:
        assert declare(connections=more).approval is not None


def test_removing_first_does_not_get_around_a_denial() -> None:
    answer(declare(target=Target("skill", "other")))
    denied_escalation(OLU, ["delete_repo"])
    perform(OLU, "manifest.remove", MCP)
    with pytest.raises(Refused, match="denied"):
        declare(connections=WIDER)


def test_a_name_that_nobody_knows_has_to_be_confirmed() -> None:
    now = clock.now()
    ConnectionSetting.objects.create(name="github", connectable=True, seen_at=now)
    for wrong, near in (
        ({"connections": [GITHUB, {"connection": "githbu"}]}, "github"),
        ({"connections": [{"connection": "github", "scopes": ["delete_rep"]}]}, "delete_repo"),
    ):
        with pytest.raises(Refused) as refused:
            declare(**wrong)
        assert refused.value.code == "unknown_target"
        assert f"Did you mean {near}?" in refused.value.detail
        assert not Approval.objects.exists()
    assert declare(connections=[GITHUB, {"connection": "githbu"}], new=True).approval is not None


def test_over_the_api_what_gains_answers_202_and_what_does_not_200(gateway: Gateways) -> None:
    olu, path = gateway("operator"), "/v1/manifests/mcp/github-mcp"
    wider = olu.call("PUT", path, {"connections": WIDER})
    assert wider.status_code == 202, wider.content
    assert Approval.objects.get(pk=wider.json()["approval_id"]).verb == "manifest.declare"
    fewer = olu.call("PUT", path, {"connections": [{"connection": "github", "scopes": ["repo"]}]})
    assert fewer.status_code == 200, fewer.content
    assert fewer.json()["event_id"]
    assert olu.call("DELETE", path).status_code == 202
    assert olu.call("DELETE", "/v1/manifests/mcp/none").status_code == 404
    assert gateway("member1").call("DELETE", path).status_code == 403
    answer(declare(target=Target("skill", "other")))
    gone = olu.call("DELETE", path)
    assert (gone.status_code, gone.json()["name"]) == (200, "github-mcp")
    assert olu.call("GET", path).status_code == 404


def test_a_folder_of_manifests_changes_none_that_is_in_force(tmp_path: Any, capsys: Any) -> None:
    before = github()
    (tmp_path / "m.json").write_text(
        '{"kind": "mcp", "name": "github-mcp", "url": "https://elsewhere.example/"}'
    )
    call_command("declare_manifests", str(tmp_path))
    assert github() == before
    assert "github-mcp is declared otherwise" in capsys.readouterr().out


def test_who_withdraws_again_and_again_asks_nobody_for_an_hour(travel: Travel) -> None:
    url = "https://elsewhere.example/mcp"
    for _ in range(10):
        done = declare(url=url)
        assert done.approval is not None
        cancel_resend_confirm_denial.cancel(OLU, str(done.approval.pk))
    with pytest.raises(Refused) as refused:
        declare(url=url)
    assert refused.value.code == "asked_too_often"
    with pytest.raises(Refused, match="withdrew"):
        perform(OLU, "skill.allow", Target("skill", "never-seen"))
    assert Approval.objects.count() == 10
    assert declare(by=OONA, url=url).approval is not None
    travel(3601)
    assert declare(url=f"{url}/other").approval is not None


def test_who_is_denied_again_and_again_asks_nobody_for_an_hour(travel: Travel) -> None:
    url = "https://elsewhere.example/mcp"
    for _ in range(10):
        assert answer(declare(url=url), decision="deny").outcome == Outcome.DENIED
    with pytest.raises(Refused) as refused:
        declare(url=url)
    assert refused.value.code == "asked_too_often"
    assert declare(by=OONA, url=url).approval is not None
    assert declare(env={"github": "GH_TOKEN"}).approval is None
    travel(3601)
    assert declare(url=f"{url}/other").approval is not None


def test_who_overtakes_their_own_requests_asks_nobody_for_an_hour() -> None:
    url = "https://elsewhere.example/mcp"
    for turn in range(10):
        assert declare(url=url).approval is not None
        variable = "GITHUB_TOKEN" if turn % 2 else "GH_TOKEN"
        assert declare(env={"github": variable}).approval is None
        own = Approval.objects.latest("created")
        assert (own.outcome, own.outcome_code) == ("failed", "overtaken_by_requester"), turn
    with pytest.raises(Refused) as refused:
        declare(url=url)
    assert refused.value.code == "asked_too_often"
    assert declare(by=OONA, url=url).approval is not None


def test_requests_that_somebody_else_overtakes_count_for_nobody() -> None:
    url = "https://elsewhere.example/mcp"
    for turn in range(11):
        assert declare(url=url).approval is not None
        declare(by=OONA, env={"github": "GITHUB_TOKEN" if turn % 2 else "GH_TOKEN"})
        assert Approval.objects.latest("created").outcome_code == "overtaken"


def test_what_restricts_at_once_is_open_to_who_withdrew_too_often(travel: Travel) -> None:
    for _ in range(10):
        done = declare(url="https://elsewhere.example/mcp")
        assert done.approval is not None
        cancel_resend_confirm_denial.cancel(OLU, str(done.approval.pk))
    assert perform(OLU, "skill.hold", Target("skill", "never-seen"), reason="x").event_id
