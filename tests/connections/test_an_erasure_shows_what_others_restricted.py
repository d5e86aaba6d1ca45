"""An erasure ends what others restricted only where its approver was shown that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from approvals.erasure import decisions
from approvals.models import Outcome
from approvals.pipeline.service import Performed, perform
from audit.recording.actors import Target
from connections.models import ConnectedAccount
from tests.connections.campaign import connected
from tests.connections.decided import approve, decide, person
from tests.connections.visitor import know
from tests.enforcement.browsing import browser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _people(settings: Any) -> None:
    know("admin", "admin2", "member1")


def freeze(by: str) -> None:
    perform(person(by), "person.freeze", Target("person", person("member1").sub), reason="incident")


def suspended(connection: str) -> ConnectedAccount:
    account = connected("member1", connection, "repo")
    decide("admin", "suspend", account, reason="incident")
    return account


def asked() -> Performed:
    return perform(
        replace(person("admin2"), fresh=True),
        decisions.ERASE,
        Target(decisions.KIND, person("member1").key),
        reason="asked by letter",
    )


def sentence() -> str:
    done = asked()
    assert done.approval is not None
    return done.approval.sentence


def test_the_sentence_counts_what_others_restricted() -> None:
    freeze("admin")
    suspended("github")
    suspended("slack")
    assert sentence() == (
        f"Erase every value of the person {person('member1').key[:12]} and end what others "
        "restricted: 1 freeze, 2 suspensions. This cannot be undone"
    )


def test_what_the_person_restricted_is_not_counted() -> None:
    freeze("member1")
    account = connected("member1", "github", "repo")
    decide("member1", "suspend", account)
    assert "restricted" not in sentence()


def test_an_approval_ends_no_restriction_that_it_did_not_show() -> None:
    suspended("github")
    done = asked()
    freeze("admin")
    assert approve(done, "admin").outcome == Outcome.FAILED


def test_the_page_of_the_person_shows_what_others_restricted() -> None:
    freeze("admin")
    suspended("github")
    page = browser("admin2", "admin").get(f"/audit/erasures/{person('member1').key}/")
    assert "1 freeze, 1 suspension" in page.content.decode()
