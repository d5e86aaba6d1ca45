"""The Auth-IBOM: valid CycloneDX, signed, attributed, and never more than its reader may see."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from approvals import clock
from audit.keys import log_identity
from audit.keys.log_identity import LedgerIdentityError
from audit.ledger import note
from audit.recording.actors import Actor
from audit.sequencing import sequencer
from connections.auth_ibom import document, export, fact_collection
from connections.component_manifests import manifest_store
from connections.models import AppAccess, ConnectedAccount, Schedule, State, Use
from tests.accounts.trail import events
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import Visitor, know, subject
from tests.support.signed import is_signed

type Json = dict[str, Any]


def person(who: str, *roles: str) -> Actor:
    return Actor(iss=settings.ENV.issuer, sub=subject(who), roles=frozenset(roles), via="api")


AUDITOR = ("auditor", "auditor")


@pytest.fixture
def account(db: None, github_mcp: manifest_store.Declaration) -> ConnectedAccount:
    know("member1", "member2")
    now = clock.now()
    made = make(
        "member1",
        label="octo-dev",
        scopes=["repo", "delete_repo"],
        connected_at=now - timedelta(days=3),
        expires_at=now + timedelta(days=3),
        last_used_at=now,
        last_agent="claw",
        last_skill="mcp:github-mcp",
    )
    Use.objects.create(
        account=made, agent="claw", skill="mcp:github-mcp", count=7, first=now, last=now
    )
    Use.objects.create(account=made, agent="stray", skill="", count=1, first=now, last=now)
    make("member2", "slack", state=State.REVOKED)
    return made


def exported(who: str = "auditor", *roles: str) -> Json:
    found: Json = json.loads(export.export(person(who, *(roles or ("auditor",))))[0])
    return found


def faults_of(body: str) -> object:
    """What CycloneDX's own schema finds wrong."""
    # Loaded here: its grammars take a second or two, and every process collects this file.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_7).validate_str(body)


def by_ref(bom: Json) -> dict[str, Json]:
    return {one["bom-ref"]: one for one in [*bom["components"], *bom["services"]]}


def said(part: Json, name: str) -> list[str]:
    return [one["value"] for one in part["properties"] if one["name"] == f"ata:{name}"]


def test_it_is_strictly_valid(account: ConnectedAccount) -> None:
    body = export.export(person(*AUDITOR))[0].decode()
    assert faults_of(body) is None


def test_consents_and_refresh_tokens_are_credentials_of_their_applications(
    account: ConnectedAccount,
) -> None:
    now = clock.now()
    common = {
        "iss": account.iss, "sub": account.sub, "client_id": "cli_1", "state_since": now,
        "first_seen": now, "seen_at": now,
    }  # fmt: skip
    consent = AppAccess.objects.create(
        kind="grant", auth0_id="cgr_1", audiences=["https://ata.local/api"],
        scopes=["read:events"], **common,
    )  # fmt: skip
    token = AppAccess.objects.create(
        kind="refresh_token", auth0_id="rt_1", client_name="ATA CLI", created_at=now,
        last_used_at=now, state="gone", **{**common, "sub": subject("member2")},
    )  # fmt: skip
    body = export.export(person(*AUDITOR))[0].decode()
    assert faults_of(body) is None
    bom = json.loads(body)
    found = by_ref(bom)
    granted, refreshing = found[f"access:{consent.id}"], found[f"access:{token.id}"]
    assert said(granted, "scope") == ["read:events"] and said(granted, "use")
    assert said(refreshing, "last_used_at") and refreshing["name"] == "refresh token of ATA CLI"
    material = refreshing["cryptoProperties"]["relatedCryptoMaterialProperties"]
    assert material["state"] == "destroyed"
    edges = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
    assert {granted["bom-ref"], refreshing["bom-ref"]} <= set(edges["application:cli_1"])
    assert edges[granted["bom-ref"]] == ["api:https://ata.local/api"]
    assert "api:https://ata.local/api" in found
    mine = by_ref(exported("member1", ""))
    assert granted["bom-ref"] in mine and refreshing["bom-ref"] not in mine
    at = document.build(fact_collection.at(0))
    assert {"name": "ata:applications", "value": "as the log tells"} in (
        at["metadata"]["properties"]
    )


def test_an_empty_inventory_is_valid_too(db: None) -> None:
    body = export.export(person(*AUDITOR))[0].decode()
    assert faults_of(body) is None


def test_each_edge_leads_from_who_acts_to_what_and_where(account: ConnectedAccount) -> None:
    bom = exported()
    edges = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
    credential = f"credential:{account.id}"
    assert edges["mcp:github-mcp"] == [credential] and edges["agent:stray"] == [credential]
    assert edges[credential] == ["service:github"]
    parts = by_ref(bom)
    assert {ref for uses in edges.values() for ref in uses} | edges.keys() <= parts.keys()
    assert "not proven" in said(parts["agent:stray"], "identity")[0]


def test_a_credential_says_state_scopes_and_use(account: ConnectedAccount) -> None:
    part = by_ref(exported())[f"credential:{account.id}"]
    material = part["cryptoProperties"]["relatedCryptoMaterialProperties"]
    assert (material["state"], material["type"]) == ("active", "token")
    assert "value" not in material
    assert said(part, "scope") == ["repo", "delete_repo"]
    assert said(part, "scope.excess") == ["delete_repo"]
    assert said(part, "last_used_by")[0] == "claw mcp:github-mcp 7"
    assert said(part, "owner.sub") == [subject("member1")]


def test_what_was_not_seen_in_use_is_not_said_to_be_unused(account: ConnectedAccount) -> None:
    ConnectedAccount.objects.filter(pk=account.pk).update(last_used_at=None)
    part = by_ref(exported())[f"credential:{account.id}"]
    assert said(part, "use")[0].startswith("not seen since ") and not said(part, "last_used_at")


@pytest.mark.parametrize("state", State)
def test_each_state_has_its_word(account: ConnectedAccount, state: State) -> None:
    ConnectedAccount.objects.filter(pk=account.pk).update(state=state, expires_at=None)
    part = by_ref(exported())[f"credential:{account.id}"]
    material = part["cryptoProperties"]["relatedCryptoMaterialProperties"]
    assert material["state"] == document.STATES[state] and said(part, "state") == [state.value]


def test_each_citation_names_who_told_and_points_at_what(account: ConnectedAccount) -> None:
    bom = exported()
    told: dict[str, list[str]] = {}
    for citation in bom["citations"]:
        for pointer in citation["pointers"]:
            at: Any = bom
            for step in pointer.split("/")[1:]:
                at = at[int(step)] if isinstance(at, list) else at[step]
            if "name" in at:
                told.setdefault(citation["attributedTo"], []).append(at["name"])
    assert {"ata:scope", "ata:owner.sub"} <= set(told["source:management"])
    assert set(told["source:broker"]) == {"ata:last_used_at", "ata:last_used_by"}
    assert by_ref(bom).keys() >= told.keys()


@pytest.mark.parametrize(
    ("finished", "failed", "word"),
    [(False, 0, "unknown"), (True, 0, "complete"), (True, 2, "incomplete")],
)
def test_it_says_how_complete_it_is(
    account: ConnectedAccount, finished: bool, failed: int, word: str
) -> None:
    now = clock.now()
    Schedule.objects.create(
        name="accounts", due=now, finished=now if finished else None, failed=failed
    )
    assert exported()["compositions"][0]["aggregate"] == word


def test_a_member_gets_their_own_and_it_says_so(account: ConnectedAccount) -> None:
    mine, other = exported("member1", "member"), exported("member2", "member")
    assert f"credential:{account.id}" in by_ref(mine)
    assert f"credential:{account.id}" not in by_ref(other)
    assert subject("member1") not in json.dumps(other)
    assert mine["compositions"][0]["aggregate"] != "complete"


def test_each_row_leads_to_its_newest_entry(account: ConnectedAccount) -> None:
    from connections.sync import update_accounts

    update_accounts.vanished(account, "test")
    sequencer.run_once()
    [event] = [e for e in events("connection.reconciled") if e["target"]["name"] == str(account.id)]
    part = by_ref(exported())[f"credential:{account.id}"]
    urls = [one["url"] for one in part["externalReferences"]]
    assert urls == [
        f"{settings.PORTAL_URL}/v1/audit/events/{event['id']}/{x}" for x in ("entry", "proof")
    ]


def test_the_export_is_on_the_record_with_its_hash(account: ConnectedAccount) -> None:
    made = export.export(person(*AUDITOR))
    [event] = events("connection.exported")
    assert event["data"]["sha256"] == hashlib.sha256(made[0]).hexdigest()
    assert event["data"]["credentials"] == 2 and event["actor"]["sub"] == subject("auditor")


def test_the_signature_is_of_the_log_and_covers_everything(account: ConnectedAccount) -> None:
    bom, key = exported(), note.public_key(log_identity.seed())
    assert is_signed(bom, key)
    bom["components"][0]["name"] += "x"
    assert not is_signed(bom, key)


@pytest.mark.parametrize("change", ["value", "algorithm", "keyId", "publicKey", "all"])
def test_no_part_of_the_signature_can_be_changed(account: ConnectedAccount, change: str) -> None:
    bom, key = exported(), note.public_key(log_identity.seed())
    if change == "all":
        del bom["signature"]
    else:
        bom["signature"][change] = "x" if change != "value" else "AAAA"
    assert not is_signed(bom, key)


def test_nothing_is_signed_where_origin_and_keys_do_not_agree(account: ConnectedAccount) -> None:
    sequencer.run_once()
    (log_identity.folder() / "origin").write_text("another.example/log\n")
    with pytest.raises(LedgerIdentityError, match="and not of another"):
        exported()
    assert events("connection.exported") == []


def test_the_number_of_queries_does_not_grow(
    account: ConnectedAccount, django_assert_max_num_queries: Any
) -> None:
    for n in range(40):
        make("member2", auth0_id=f"cac_{n}")
    with django_assert_max_num_queries(16):
        fact_collection.read(person(*AUDITOR))


def test_over_http_it_is_a_file_that_nobody_caches(
    account: ConnectedAccount, visitor: Callable[[str], Visitor]
) -> None:
    answer = visitor("auditor").get("/connections/inventory/ibom/")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("application/vnd.cyclonedx+json")
    assert answer["Content-Disposition"].startswith('attachment; filename="auth-ibom-')
    assert "no-store" in answer["Cache-Control"]
    json.loads(answer.content)
