"""Decisions about people and accounts of any name can be asked for and ended."""

from __future__ import annotations

import re
from typing import Any

import pytest

from approvals.models import Approval, Person
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from connections.lifecycle import bulk_decisions
from connections.models import ConnectedAccount
from tests.connections.decided import approve, decide, fresh, person
from tests.connections.test_a_second_person_restricts_too import mias
from tests.connections.visitor import subject

__all__ = ["mias"]  # a fixture
HIDDEN = "\u200b" * 70
MIXED = "\u200b\u200c" * 50


def named(mias: ConnectedAccount, what: str, name: str) -> None:
    if what == "member":
        Person.objects.filter(sub=subject("member1")).update(name=name)
    else:
        ConnectedAccount.objects.filter(pk=mias.pk).update(label=name)


@pytest.mark.parametrize("name", ["Mia" + HIDDEN, MIXED, "M" * 100], ids=["run", "mixed", "long"])
@pytest.mark.parametrize("what", ["member", "account"])
def test_an_account_is_revoked_and_resumed_whatever_its_names(
    mias: ConnectedAccount, what: str, name: str
) -> None:
    named(mias, what, name)
    decide("admin", "suspend", mias)
    approve(decide("admin2", "resume", mias), "admin")
    target = bulk_decisions.target_of([str(mias.pk)])
    several: dict[str, Any] = {"accounts": [str(mias.pk)], "end_sessions": True}
    whole = perform(person("admin"), "selection.revoke", target, params=several, reason="x")
    assert whole.approval is not None
    asked = decide("admin", "revoke", fresh(mias), params={"end_sessions": True})
    assert asked.approval is not None and len(asked.approval.sentence) <= 500


def test_a_person_is_unfrozen_whatever_their_name(mias: ConnectedAccount) -> None:
    named(mias, "member", MIXED * 2)
    target = Target("person", subject("member1"))
    perform(person("admin"), "person.freeze", target, reason="x")
    assert perform(person("admin"), "person.unfreeze", target, reason="x").approval is not None


def test_what_an_approver_reads_about_long_names_fits_its_columns(mias: ConnectedAccount) -> None:
    """PostgreSQL refuses a row whose text is longer than its column."""
    ConnectedAccount.objects.filter(pk=mias.pk).update(
        connection="vault-" + "v" * 100, label="l" * 100, provider_user="9" * 100
    )
    Person.objects.filter(sub=mias.sub).update(name="M" * 100)
    asked = decide("admin", "revoke", fresh(mias)).approval
    assert asked is not None
    columns = {one.name: one.max_length or 0 for one in Approval._meta.fields}
    for name in ("if_approved", "risk", "account"):
        assert len(getattr(asked, name)) <= columns[name], name
    assert asked.account.startswith("“MMMMM") and asked.account.endswith("vvvvv")
    assert re.search(r" … \d+ characters … ", asked.account)
