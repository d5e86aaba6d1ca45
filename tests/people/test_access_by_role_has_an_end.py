"""An admin sets until when a person's roles count; from then on they see only what is their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import SignedInSession
from approvals import clock, people_and_roles
from approvals.errors import NothingToDo, Refused
from approvals.models import AccessEnd, Approval, Person, person_access_end
from approvals.person_access_ends.set_access_end import VERB
from approvals.pipeline.service import perform
from audit import clock as audit_clock
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from tests.accounts.trail import events
from tests.people.inhabitants import actor, person, text
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS

pytestmark = pytest.mark.usefixtures("house")
FOR_ROLES = ("/audit/file/", "/connections/inventory/", "/audit/exports/", "/audit/erasures/")


def day(ahead: int) -> str:
    return (clock.now().date() + timedelta(days=ahead)).isoformat()


def words(ahead: int) -> str:
    at = clock.now() + timedelta(days=ahead)
    return f"{at.day} {at:%b %Y}"


def url_of(who: str) -> str:
    return reverse("person-access-end", args=[person(who).pk])


@pytest.fixture
def admin() -> Client:
    """Amir, who signed in a moment ago; Anya could approve what he asks for."""
    signed_in("admin2", "admin")
    return signed_in("admin", "admin")


@pytest.fixture
def ada() -> Client:
    """The auditor's open browser."""
    return signed_in("auditor", "auditor")


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """The clock of the portal, set to a moment."""

    def until(moment: datetime) -> None:
        for one in (clock, audit_clock):
            monkeypatch.setattr(one, "now", lambda: moment)

    return until


def end(who: str, ahead: int, by: str = "admin") -> Any:
    return perform(
        actor(by), VERB, Target("person", SUBS[who]), params={"last_day": day(ahead)}, reason="done"
    )


def after(ahead: int) -> datetime:
    last = datetime.fromisoformat(day(ahead)).replace(tzinfo=UTC)
    return last + timedelta(days=1)


def test_an_admin_sets_it_on_the_persons_page_and_everybody_concerned_reads_it(
    admin: Client, ada: Client
) -> None:
    assert "Set end date…" in text(admin, f"/people/{person('auditor').pk}/")
    assert "24:00 UTC" in text(admin, url_of("auditor"))
    done = admin.post(url_of("auditor"), {"last_day": day(12), "reason": "audit of 2026"})
    assert (done.status_code, done["Location"]) == (302, f"/people/{person('auditor').pk}/")
    [event] = events("person.access_end_set")
    assert event["reason"] == "audit of 2026" and event["data"]["last_day"] == day(12)
    row = EventRow.objects.get(action="person.access_end_set")
    assert row.sentence == (
        f"Amir Admin set that the access of Ada Auditor ends after {words(12)} (UTC)"
    )
    page = text(admin, f"/people/{person('auditor').pk}/")
    assert f"access ends after {words(12)} (UTC)" in page and "set by Amir Admin" in page
    for own in ("/account/", "/"):
        assert f"Your auditor access ends after {words(12)} (UTC)" in text(ada, own)
    assert "access ends after" not in text(admin, "/account/")
    assert ada.get("/audit/").status_code == 200


def test_an_open_session_loses_its_roles_at_the_next_request_after_the_last_day(
    admin: Client, ada: Client, wait: Callable[[datetime], None]
) -> None:
    end("auditor", 0)
    last, said = after(0), words(0)
    export = ada.post("/audit/exports/new/", {"format": "ndjson"})
    assert export.status_code == 302
    wait(last - timedelta(seconds=1))
    assert ada.get("/audit/").status_code == 200
    wait(last)
    for path in ("/audit/", *FOR_ROLES):
        assert ada.get(path).status_code == 403, path
    assert ada.post("/audit/exports/new/", {"format": "ndjson"}).status_code == 403
    assert ada.get(f"/people/{person('admin').pk}/").status_code == 404
    said = f"Your auditor access ended after {said} (UTC): you see only what is yours"
    for own in ("/", "/account/", f"/people/{person('auditor').pk}/"):
        assert ada.get(own).status_code == 200
    assert said in text(ada, "/") and said in text(ada, "/account/")
    assert 'href="/audit/"' not in ada.get("/").content.decode()
    assert person("auditor").roles == ["auditor"], "the claim itself is kept"
    assert SignedInSession.objects.filter(user__sub=SUBS["auditor"]).exists()


def test_a_new_sign_in_with_the_same_claims_gives_no_role_back(
    admin: Client, ada: Client, wait: Callable[[datetime], None]
) -> None:
    end("auditor", 0)
    wait(after(0))
    again = signed_in("auditor", "auditor")
    people_and_roles.note_sign_in(
        iss=settings.ENV.issuer, sub=SUBS["auditor"], name="Ada", email="", roles=["auditor"],
        issued_at=after(1),
    )  # fmt: skip
    assert again.get("/audit/").status_code == 403
    token = Actor(settings.ENV.issuer, SUBS["auditor"], roles=frozenset({"auditor"}))
    assert not people_and_roles.with_current_roles(token).roles


def test_who_has_no_role_any_more_neither_decides_nor_is_asked(
    admin: Client, wait: Callable[[datetime], None]
) -> None:
    Person.objects.filter(sub=SUBS["admin2"]).update(roles=["auditor"])
    end("admin2", 0)
    Person.objects.filter(sub=SUBS["admin2"]).update(roles=["admin"])
    anya = actor("admin2")
    wanted: dict[str, Any] = {"roles": ["admin"], "approver": "another"}
    assert "admin" in anya.roles
    assert people_and_roles.roster(**wanted, requester=actor("admin")) == [person("admin2")]
    wait(after(0))
    assert people_and_roles.roster(**wanted, requester=actor("admin")) == []
    assert list(people_and_roles.with_role("admin")) == [person("admin")]
    with pytest.raises(Refused) as refused:
        perform(anya, "person.freeze", Target("person", SUBS["admin"]), reason="x")
    assert refused.value.code == "not_permitted"
    assert not actor("admin2").roles


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"last_day": "2020-01-01", "reason": "x"}, "Name today or a later day"),
        ({"last_day": "2026-02-30", "reason": "x"}, "Name today or a later day"),
        ({"last_day": "9999-12-31", "reason": "x"}, "Name today or a later day"),
        ({"last_day": "soon", "reason": "x"}, "Name a day such as"),
        ({"last_day": "", "reason": "x"}, "Name a day such as"),
        ({"last_day": "2199-01-01", "reason": " "}, "needs a reason"),
        ({"act": "remove", "reason": "x"}, "No end of their access is set"),
    ],
)
def test_what_cannot_be_set_is_refused_and_kept_in_the_form(
    admin: Client, ada: Client, given: dict[str, str], said: str
) -> None:
    answer = admin.post(url_of("auditor"), given)
    assert answer.status_code == 422 and said in answer.content.decode()
    assert not AccessEnd.objects.exists() and not events("person.access_end_set")


@pytest.mark.parametrize("who", ["", "auditor", "operator", "member1"])
def test_only_an_admin_sets_it(admin: Client, ada: Client, who: str) -> None:
    client = signed_in(who, *([] if who == "member1" else [who])) if who else Client()
    given = {"last_day": "2199-01-01", "reason": "x"}
    assert client.get(url_of("admin2")).status_code == (403 if who else 302)
    assert client.post(url_of("admin2"), given).status_code in ({403} if who else {302, 401, 403})
    assert not AccessEnd.objects.exists()
    if who:
        with pytest.raises(Refused, match="needs the role admin"):
            perform(
                actor(who), VERB, Target("person", SUBS["admin2"]), params={"last_day": "never"}
            )


def test_nobody_sets_their_own_and_no_one_of_a_number_that_is_not_there(admin: Client) -> None:
    given = {"last_day": "2199-01-01", "reason": "x"}
    assert admin.post(url_of("admin"), given).status_code == 403
    assert admin.post("/people/999999/access-end/", given).status_code == 404
    with pytest.raises(Refused) as refused:
        end("admin", 3)
    assert "Another admin" in refused.value.detail
    with pytest.raises(Refused) as unknown:
        perform(
            actor("admin"), VERB, Target("person", "auth0|nobody"), reason="x",
            params={"last_day": "2199-01-01"},
        )  # fmt: skip
    assert unknown.value.code == "unknown_person"
    assert not AccessEnd.objects.exists()


def test_another_method_a_form_without_its_token_and_an_old_sign_in_change_nothing(
    admin: Client, ada: Client
) -> None:
    given = {"last_day": "2199-01-01", "reason": "x"}
    assert admin.delete(url_of("auditor")).status_code == 405
    careful = signed_in("admin", "admin", csrf=True)
    assert careful.post(url_of("auditor"), given).status_code == 403
    SignedInSession.objects.update(auth_time=clock.now() - timedelta(minutes=11))
    assert admin.post(url_of("auditor"), given).status_code == 401
    assert admin.get(url_of("auditor")).status_code == 302
    with pytest.raises(Refused, match="sign-in of the last ten minutes"):
        perform(
            actor("admin", fresh=False), VERB, Target("person", SUBS["auditor"]), reason="x",
            params={"last_day": "2199-01-01"},
        )  # fmt: skip
    assert not AccessEnd.objects.exists()


def test_an_earlier_day_counts_at_once_and_a_later_one_or_none_waits(
    admin: Client, ada: Client
) -> None:
    end("auditor", 20)
    assert end("auditor", 5).approval is None
    with pytest.raises(NothingToDo):
        end("auditor", 5)
    for given in ({"last_day": day(6)}, {"act": "remove"}):
        asked = admin.post(url_of("auditor"), {**given, "reason": "longer"})
        waiting = Approval.objects.latest("created")
        assert asked["Location"] == f"/approvals/{waiting.pk}/"
        kept = person_access_end.end_of(settings.ENV.issuer, SUBS["auditor"])
        assert kept is not None and str(kept.last_day) == day(5)
    assert Approval.objects.filter(verb=VERB, status="pending").count() == 2
    assert "waits for approval" in text(admin, f"/people/{person('auditor').pk}/")
    assert len(events("person.access_end_set")) == 2


def test_after_the_end_only_an_approval_gives_the_roles_back(
    admin: Client, ada: Client, wait: Callable[[datetime], None]
) -> None:
    end("auditor", 0)
    wait(after(0))
    assert end("auditor", 3).approval is not None
    assert ada.get("/audit/").status_code == 403


def test_a_row_that_somebody_wrote_deleted_or_put_back_gives_no_role(
    admin: Client, ada: Client
) -> None:
    end("auditor", 30)
    older = AccessEnd.objects.get()
    end("auditor", 3)
    row = AccessEnd.objects.get()
    assert ada.get("/audit/").status_code == 200
    AccessEnd.objects.update(ends_at=after(300))
    assert ada.get("/audit/").status_code == 403
    older.save()
    assert ada.get("/audit/").status_code == 403
    AccessEnd.objects.all().delete()
    assert ada.get("/audit/").status_code == 403
    assert "not as the log has it" in text(admin, f"/people/{person('auditor').pk}/")
    assert "Someone wrote to the database" in text(admin, url_of("auditor"))
    assert not people_and_roles.with_role("auditor")
    row.save(force_insert=True)
    assert ada.get("/audit/").status_code == 200
    assert end("auditor", 1).approval is None, "an earlier day than the one that is in force"
    AccessEnd.objects.all().delete()
    assert end("auditor", 1).approval is not None, "nothing says that it is no later one"


def test_an_end_outlives_another_evidence_key(admin: Client, ada: Client, settings: Any) -> None:
    end("auditor", 3)
    whole, settings.EVIDENCE_KEY_PREVIOUS = person_access_end.sealed_now(), settings.EVIDENCE_KEY
    settings.EVIDENCE_KEY = b"n" * 32
    person_access_end.reseal(whole)
    settings.EVIDENCE_KEY_PREVIOUS = b""
    assert AccessEnd.objects.get().is_sealed and ada.get("/audit/").status_code == 200
