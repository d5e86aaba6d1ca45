"""Lists render whatever text somebody who writes the database put where a row has a name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import SignedInSession
from approvals import clock
from approvals.models import LegalHold, PolicyVersion
from approvals.policy import policy_in_force
from audit.clock import uuid7
from audit.recording.actors import Actor
from connections.models import Freeze
from enforcement.models import Outpost
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town, known
from tests.enforcement.outpost_device import Device

pytestmark = pytest.mark.django_db
NAMES = ["a/b", "/", "", "..", ".", "a\nb", "?q#x", "%2F", "a\\b", "\u2028", "<b>", "x" * 60]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_the_page_of_gateways_lists_an_outpost_at_a_gateway_of_any_name(
    town: Town, admin: Actor, name: str
) -> None:
    Device(instance="edge-1").enrol(admin)
    Outpost.objects.create(
        id="f" * 32, public_key="A" * 43, instance=name, operation="x", enrolled_at=clock.now()
    )
    web = browser("admin", "admin")
    answer = web.get("/enforcement/fleet/")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "altered" in page
    assert page.count("Revoke…") == (0 if "/" in name or not name else 1)
    own = web.get("/enforcement/fleet/edge-1/settings/")
    assert own.content.decode().count("Revoke…") == 1


@pytest.fixture
def admin(db: None) -> Actor:
    known("admin2", "admin", name="Anna Admin")
    return known("admin", "admin").as_actor(via="web")


def freeze(text: str) -> None:
    Freeze.objects.create(kind=text[:10], name=text, by="auth0|x", since="2026-11-28T20:00:00Z")


def legal_hold(text: str) -> None:
    LegalHold.objects.create(
        id=uuid7(), subject=text, matter="m", reason="r", placed_at=clock.now(), placed_by="x",
        operation="o",
    )  # fmt: skip


def policy_version(text: str) -> None:
    document = policy_in_force.default().document.model_dump(mode="json")
    PolicyVersion.objects.create(digest=text, created=clock.now(), document=document)


def session(text: str) -> None:
    mine = SignedInSession.objects.get()
    mine.pk, mine.session_key, mine.public_id = None, "other", text[:32]
    mine.save()


ROWS: dict[str, Callable[[str], None]] = {
    "/connections/freeze/": freeze,
    "/audit/erasures/": legal_hold,
    "/approvals/policy/": policy_version,
    "/account/": session,
}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("path", ROWS)
def test_lists_render_with_rows_of_any_name(admin: Actor, path: str, name: str) -> None:
    page = browser("admin", "admin", "auditor")
    ROWS[path](name)
    assert page.get(path).status_code == 200
