"""A pack of an altered entry, or one that would be too large, is an answer that says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from audit.ledger.packs import archive as pack_files
from audit.models import Entry, Event, EventRow
from tests.audit.browsing import browser_of, text_of
from tests.audit.calling import caller
from tests.audit.conftest import unguarded
from tests.audit.factories import ADA
from tests.packs.act import Act
from tests.support.tenant import LocalTenant

__all__ = ["unguarded"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unguarded")]


def alter_another_event_of(act: Act) -> str:
    """Alter an event that the pack has with the one it is of; returns how it is named."""
    found = Entry.objects.get(event=act.requested)
    Event.objects.filter(id=found.event_id).update(entry=b"{}")
    return f"entry {found.seq:,}"


def exported() -> int:
    return EventRow.objects.filter(action="audit.exported").count()


def test_the_page_names_the_altered_entry(act: Act) -> None:
    name = alter_another_event_of(act)
    ada = browser_of(ADA)
    ada.raise_request_exception = False
    answer = ada.get(f"/audit/events/{act.blocked}/pack")
    assert answer.status_code == 500
    assert name in text_of(answer).lower() and "Verify everything" in text_of(answer)
    assert not exported()


def test_the_api_names_the_altered_entry(act: Act, portal_tenant: LocalTenant) -> None:
    name = alter_another_event_of(act)
    auditor = caller(portal_tenant, "auditor", run="altered")
    auditor.client.raise_request_exception = False
    problem: dict[str, Any] = auditor.get(f"/events/{act.blocked}/pack").json()
    assert (problem["status"], problem["code"]) == (500, "entry_altered")
    assert name in problem["detail"] and "backup" in problem["detail"]
    assert not exported()


def test_a_pack_that_would_be_too_large_is_refused(
    act: Act, portal_tenant: LocalTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_files, "MAX_PACK_BYTES", 5_000)
    ada = browser_of(ADA)
    answer = ada.get(f"/audit/events/{act.blocked}/pack")
    assert answer["Location"] == f"/audit/events/{act.blocked}/"
    said = text_of(ada.get(answer["Location"]))
    assert "it would be larger than 5,000 bytes" in said and "choose Export" in said
    problem = (
        caller(portal_tenant, "auditor", run="large").get(f"/events/{act.blocked}/pack").json()
    )
    assert (problem["status"], problem["code"]) == (409, "pack_too_large")
    assert not exported()
