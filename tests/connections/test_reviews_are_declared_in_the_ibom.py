"""What access reviews came to stands in the Auth-IBOM as declarations, strictly valid."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from approvals import clock
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.models import Entry
from audit.recording.actors import Actor, Target
from audit.sequencing import sequencer
from connections.access_reviews import remediation
from connections.auth_ibom import export
from connections.component_manifests import manifest_store
from connections.models import ConnectedAccount, Review, ReviewItem
from connections.sync import update_accounts
from tests.connections.test_the_auth_ibom import faults_of
from tests.connections.visitor import know, subject

type Json = dict[str, Any]


def person(who: str, *roles: str) -> Actor:
    return Actor(iss=settings.ENV.issuer, sub=subject(who), roles=frozenset(roles), via="web")


def account(who: str, *scopes: str) -> ConnectedAccount:
    fact = update_accounts.Fact(f"cac_{uuid4().hex[:12]}", "github", scopes, clock.now(), None)
    return update_accounts.appeared(settings.ENV.issuer, subject(who), fact, "management")


def opened() -> Review:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    params = {"title": "Spring", "due": tomorrow, "reviewers": "owners"}
    target = Target("review", str(uuid7()))
    perform(person("admin", "admin"), "review.open", target, params=params)
    return Review.objects.get(pk=target.name)


def close(review: Review) -> None:
    perform(person("admin", "admin"), "review.close", Target("review", str(review.id)))
    sequencer.run_once()


def document(who: str = "auditor", *roles: str, size: int | None = None) -> Json:
    body = export.export(person(who, *(roles or ("auditor",))), size=size)[0]
    assert faults_of(body.decode()) is None
    found: Json = json.loads(body)
    return found


@pytest.fixture
def reviewed(db: None, github_mcp: manifest_store.Declaration) -> dict[str, ConnectedAccount]:
    """Four accounts: kept, reduced (and not yet), revoked, and nobody decided."""
    know("admin", "auditor", "member1", "member2")
    rows = {
        "keep": account("member1", "repo"),
        "reduce": account("member1", "repo", "delete_repo"),
        "revoke": account("member1", "repo"),
        "": account("member2", "repo"),
    }
    review = opened()
    for choice in ("keep", "reduce", "revoke"):
        item = ReviewItem.objects.select_related("review").get(account=rows[choice].id)
        remediation.decide(person("member1"), item, choice, f"because of {choice}")
    close(review)
    return rows


def test_each_decision_is_a_claim_with_its_entry_and_the_signed_result(
    reviewed: dict[str, ConnectedAccount],
) -> None:
    bom = document()
    told = bom["declarations"]
    claims = {claim["target"]: claim for claim in told["claims"]}
    credentials = {part["bom-ref"] for part in bom["components"]}
    assert claims.keys() <= credentials and len(claims) == 4
    [evidence] = told["evidence"]
    review = Review.objects.get()
    assert review.result_digest in evidence["description"]
    for choice, row in reviewed.items():
        claim = claims[f"credential:{row.id}"]
        assert claim["evidence"] == [evidence["bom-ref"]]
        assert ("decided" in claim["predicate"]) == (choice == "")
        item = ReviewItem.objects.get(account=row.id)
        urls = [one["url"] for one in claim.get("externalReferences", [])]
        assert all(item.event in url for url in urls) and bool(urls) == bool(choice)
    assert claims[f"credential:{reviewed['keep'].id}"]["reasoning"].startswith("because of keep")


def test_attestations_map_claims_to_requirements_and_say_what_is_open(
    reviewed: dict[str, ConnectedAccount],
) -> None:
    bom = document()
    known = {one["bom-ref"] for one in bom["definitions"]["standards"][0]["requirements"]}
    [attestation] = bom["declarations"]["attestations"]
    looked_at, followed = attestation["map"]
    assert {looked_at["requirement"], followed["requirement"]} == known
    ending = {"keep": reviewed["keep"], "": reviewed[""]}
    assert looked_at["conformance"]["score"] == 0.75
    assert [ref.rpartition(":")[2] for ref in looked_at["counterClaims"]] == [str(ending[""].id)]
    assert [ref.rpartition(":")[2] for ref in followed["claims"]] == [str(reviewed["revoke"].id)]
    assert [ref.rpartition(":")[2] for ref in followed["counterClaims"]] == [
        str(reviewed["reduce"].id)
    ]
    refs = [one["bom-ref"] for part in ("claims", "evidence") for one in bom["declarations"][part]]
    assert len(refs) == len(set(refs))


def test_the_log_alone_tells_the_same_decisions(reviewed: dict[str, ConnectedAccount]) -> None:
    now, then = document(), document(size=Entry.objects.count())
    decided = [c for c in now["declarations"]["claims"] if "externalReferences" in c]
    assert sorted(then["declarations"]["claims"], key=str) == sorted(decided, key=str)
    assert then["declarations"]["evidence"] == now["declarations"]["evidence"]
    assert "declarations" not in document(size=4)  # before anything was decided


def test_the_newest_closed_review_counts_and_members_get_their_own(
    reviewed: dict[str, ConnectedAccount],
) -> None:
    again = opened()
    item = again.items.select_related("review").get(account=reviewed[""].id)
    remediation.decide(person("member2"), item, "keep", "")
    assert len(document()["declarations"]["attestations"]) == 1  # an open review tells nothing yet
    close(again)
    mine = document("member2", "member")["declarations"]
    assert [claim["target"] for claim in mine["claims"]] == [f"credential:{reviewed[''].id}"]
    assert mine["attestations"][0]["map"][0]["conformance"]["score"] == 1
    assert "because of" not in json.dumps(mine)
