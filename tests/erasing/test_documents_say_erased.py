"""A review or a policy that named an erased person says *erased*; an altered one says *altered*."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from approvals import clock, policy
from approvals.erasure.erased_or_altered_documents import standing
from approvals.models import Erasure, PolicyVersion
from approvals.pipeline.service import perform
from approvals.policy import policy_in_force
from audit.clock import uuid7
from audit.ledger.format.canonical import canonical
from audit.recording.actors import Target
from audit.sequencing import sequencer
from audit.verification import verify
from connections.access_reviews import frozen_account_list, signed_result_file
from connections.models import ConnectedAccount, Review, ReviewItem
from tests.accounts.trail import events
from tests.approvals.people_of import Phones, acting
from tests.approvals.policies import changed_by, rule
from tests.audit.browsing import browser_of, text_of
from tests.erasing.conftest import Alone
from tests.erasing.test_a_person_is_erased import MIA, a_life, erase


def review_of(title: str) -> Review:
    """A review of all accounts, of which Mia owns one."""
    target = Target("review", str(uuid7()))
    due = (clock.now() + timedelta(days=2)).date().isoformat()
    params = {"title": title, "due": due, "reviewers": "owners"}
    perform(acting("admin", "admin"), "review.open", target, params=params)
    return Review.objects.get(pk=target.name)


def close(review: Review) -> dict[str, Any]:
    perform(acting("admin", "admin"), "review.close", Target("review", str(review.id)))
    review.refresh_from_db()
    data: dict[str, Any] = events("review.closed")[-1]["data"]
    return data


def test_what_named_an_erased_person_says_erased_and_what_was_altered_says_altered(
    alone: Alone, phones: Phones
) -> None:
    def story() -> None:
        a_life()
        now = clock.now()
        ConnectedAccount.objects.create(
            iss=MIA.iss,
            sub=MIA.sub,
            connection="github",
            auth0_id="cac_1",
            label="canary-octo",
            state_since=now,
            source="management",
            seen_at=now,
            watched_since=now,
        )
        sequencer.run_once()  # from here on there is a key to sign with
        whole, bent, still_open = review_of("whole"), review_of("bent"), review_of("open")
        assert close(whole)["scope_intact"] and close(bent)["scope_intact"]
        ReviewItem.objects.filter(review=bent).update(connection="slack")
        Review.objects.filter(pk=bent.pk).update(result=bent.result + " ")
        person = {"iss": MIA.iss, "sub": MIA.sub}
        amir = acting("admin", "admin")
        named = changed_by(amir, rule("one"), roster=[person]).digest
        weaker = changed_by(amir, rule("two"), roster=[person]).digest
        changed_by(amir, rule("three"))
        row = PolicyVersion.objects.get(digest=weaker)
        row.document["rules"][0]["approver"] = "none"
        row.save()
        erase(phones)
        erasure = Erasure.objects.get()
        assert erasure.state == "done", erasure.detail
        certificate = events("subject.erased")[-1]
        said = f"Erased (certificate in entry {certificate['index']})"
        data = certificate["data"]
        assert data["documents"] == len(erasure.restated) == 4  # two lists, a result, a policy
        digest = hashlib.sha256(canonical(erasure.restated)).hexdigest()
        assert data["documents_sha256"] == digest

        policy_in_force._kept.cache_clear()
        old = policy_in_force.shown(named)
        assert old.document.roster[0].sub == "[erased]" and old.standing.erasure == erasure.id
        assert policy_in_force.load(named).broken == named, "nothing is decided by it"
        assert policy_in_force.shown(weaker).standing.altered
        assert not policy.in_force().broken
        whole.refresh_from_db()
        bent.refresh_from_db()
        assert frozen_account_list.stands(whole).erased and signed_result_file.stands(whole).erased
        assert frozen_account_list.stands(bent).altered and signed_result_file.stands(bent).altered
        browser = browser_of(amir)

        def page(of: Review | str) -> str:
            where = "approvals/policy" if isinstance(of, str) else "connections/reviews"
            return text_of(browser.get(f"/{where}/{of if isinstance(of, str) else of.id}/"))

        assert page(whole).count(said) == 2 and "was altered" not in page(whole)
        assert page(bent).count("was altered") == 2 and said not in page(bent)
        assert said in page(named) and "was altered" not in page(named)
        assert "was altered" in page(weaker) and said not in page(weaker)
        kept = browser.get(f"/audit/erasures/{erasure.id}/certificate").json()["documents"]
        assert kept[whole.digest] == frozen_account_list.digest_now(whole)
        # One that closes now says in its signed result that its list lost values, and by what.
        closing = close(still_open)
        assert (closing["scope_intact"], closing["scope_erased"]) == (False, certificate["index"])
        assert f'"erased":{{"certificate":{certificate["index"]}}}' in still_open.result
        found = {(problem.code, problem.message) for problem in verify.run().problems}
        assert found == {
            ("decision", "the row of the access review says another list of accounts"),
            ("decision", "the row of the access review says another result"),
            ("decision", "the policy of this entry has another document"),
        }, "what was altered, and nothing that was erased"

        # Since then somebody writes to the database, and even claims that the erasure did it.
        ReviewItem.objects.filter(review=whole).update(choice="keep", scopes=["repo"])
        assert frozen_account_list.stands(whole).altered and "The snapshot was altered" in page(
            whole
        )
        erasure.restated[whole.digest] = frozen_account_list.digest_now(whole)
        erasure.save()
        assert frozen_account_list.stands(whole).altered, "its entry names another list"
        assert not standing("0" * 64, "1" * 64).erased

    alone(story)
