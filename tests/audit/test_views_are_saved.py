"""Saved views: what each reader sees, may change and can undo, and what of it the trail tells."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import clock, due_exports_and_cleanup
from audit.erasure.subject_and_store_registry import Whose
from audit.ledger.query import EventQuery
from audit.models import EventRow, SavedView
from audit.recording import stored_event_loader
from audit.recording.actors import Actor
from audit.saved_views import changes, event_totals_from_rollups, person_erasure
from audit.saved_views.changes import NotSaved, Wanted
from audit.search import exact_or_estimated_matches, filter_parsing, search_sql
from audit.search.event_search import total
from audit.sequencing import sequencer
from audit.views.built_in_views import shipped
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.support.pages import keep_the_shell
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db

AMIR = Actor(
    iss=ADA.iss, sub="auth0|amir", name="Amir Admin", email="amir@acme.example",
    roles=frozenset({"admin"}),
)  # fmt: skip
FORM = {"name": "Refusals", "description": "What nobody approved", "shared": "no"}


def saved(
    by: Actor, name: str = "Refusals", text: str = "outcome:denied", **more: Any
) -> SavedView:
    return changes.keep(by, Wanted(name, EventQuery.from_bar(text), **more))


def told(action: str) -> list[dict[str, Any]]:
    rows = EventRow.objects.filter(action=action).order_by("event")
    return [stored_event_loader.load(row.event) for row in rows]


def words(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.status_code
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text_of(answer))))


# What ships


@pytest.mark.parametrize("one", shipped(), ids=lambda one: one.key)
def test_every_view_that_ships_is_one_that_can_be_run(one: Any) -> None:
    assert one.query.clauses and not one.query.errors
    assert filter_parsing.from_bar(one.query.to_bar()) == one.query, "it names actions that exist"
    assert total(one.query).exact
    assert one.name and one.description.endswith(".")


def test_views_that_ship_have_names_and_keys_of_their_own() -> None:
    assert len({one.key for one in shipped()}) == len({one.name for one in shipped()}) == 12


def test_what_ships_is_shown_first_and_opens_the_trail() -> None:
    page = text_of(browser_of(ADA).get("/audit/views/"))
    for one in shipped():
        assert one.name in page
    assert page.index("Break-glass") < page.index("No saved views yet")
    assert 'href="/audit/?action=token.refused"' in page


# Saving


def test_the_trail_offers_to_save_what_it_shows() -> None:
    ada = browser_of(ADA)
    page = text_of(ada.get("/audit/?outcome=denied"))
    assert 'href="/audit/views/new/?outcome=denied"' in page and "Save this view" in page
    assert "Save this view" not in text_of(ada.get("/audit/")), "nothing is filtered"
    assert "Save this view" not in text_of(ada.get("/audit/?outcom=denied&via=web"))


def test_a_view_is_saved_listed_and_opened() -> None:
    ada = browser_of(ADA)
    answer = ada.post("/audit/views/new/?outcome=denied&cursor=s20", FORM)
    assert (answer.status_code, answer["Location"]) == (302, "/audit/?outcome=denied")
    assert "“Refusals” was saved for you alone." in words(ada, "/audit/")
    page = text_of(ada.get("/audit/views/"))
    assert 'href="/audit/?outcome=denied"' in page and "What nobody approved" in page
    assert "Events with outcome denied" in unescape(page)
    [view] = SavedView.objects.all()
    assert (view.filter, view.shared, view.owner) == ("outcome:denied", False, ADA.key)


def test_the_filter_is_kept_in_its_canonical_form() -> None:
    view = saved(
        ADA, text='before:2026-01-02 words "two words" severity:high action:skill.* order:oldest'
    )
    assert view.filter == EventQuery.from_bar(view.filter).to_bar()
    assert "severity:HIGH" in view.filter and "order:oldest" in view.filter


def test_a_private_view_leaves_no_event_and_is_seen_by_nobody_else() -> None:
    view = saved(ADA)
    assert not EventRow.objects.filter(action__startswith="audit.view_").exists()
    for other in (OLU, AMIR):
        browser = browser_of(other)
        assert "Refusals" not in words(browser, "/audit/views/")
        assert browser.get(f"/audit/views/{view.id}/").status_code == 404
        assert browser.post(f"/audit/views/{view.id}/remove/").status_code == 404
    assert SavedView.objects.get().removed is None


def test_a_shared_view_is_seen_by_every_reader_and_on_record() -> None:
    browser_of(ADA).post("/audit/views/new/?outcome=denied", FORM | {"shared": "yes"})
    page = words(browser_of(OLU), "/audit/views/")
    assert "Refusals shared" in page and ADA.name in page
    [event] = told("audit.view_shared")
    view = SavedView.objects.get()
    assert event["target"] == {"kind": "view", "name": "Refusals", "instance": ""}
    assert event["data"]["view"] == str(view.id)
    row = EventRow.objects.get(action="audit.view_shared")
    assert row.sentence == f"{ADA.name} shared view Refusals with those who read the trail"


@pytest.mark.parametrize(
    ("posted", "says"),
    [
        ({"name": "  "}, "Give the view a name."),
        ({"name": "x" * 81}, "at most 80 characters"),
        ({"description": "x" * 301}, "at most 300 characters"),
        ({"name": "rEFUSALS"}, "You have a view named “rEFUSALS” already"),
        ({"bar": "outcom:denied"}, "there is no filter 'outcom'"),
        ({"bar": "actor:[erased]"}, "Leave [erased] out"),
        ({"bar": f"q:{'x' * 200} " + " ".join(f"q:{n}{'y' * 190}" for n in range(50))}, "8,000"),
    ],
)
def test_what_cannot_be_saved_is_said_and_what_was_typed_stays(
    posted: dict[str, str], says: str
) -> None:
    saved(ADA)
    answer = browser_of(ADA).post(
        "/audit/views/new/", {**FORM, "name": "Mine", "bar": "via:web"} | posted
    )
    page = unescape(text_of(answer))
    assert answer.status_code == 422 and says in page
    assert posted.get("bar", "via:web") in page
    assert re.findall(r'name="(\w+)"[^>]*aria-invalid', page) == list(posted)
    assert SavedView.objects.count() == 1


def test_nobody_keeps_more_than_two_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST", 2)
    saved(ADA, "one"), saved(ADA, "two"), saved(OLU, "one")
    with pytest.raises(NotSaved, match=r"You keep 2 views, and no more fit\. Delete one first\."):
        saved(ADA, "three")
    changes.remove(ADA, SavedView.objects.get(name="two").id)
    saved(ADA, "three")


def test_names_that_deceive_are_written_out() -> None:
    view = saved(ADA, "re\u202elooks\nlike")
    assert view.name == "re⟨U+202E⟩looks like"


# Changing


def test_its_owner_changes_everything_and_others_nothing() -> None:
    view = saved(ADA, shared=True)
    change = {
        "name": "Denials",
        "description": "",
        "shared": "yes",
        "bar": "outcome:denied via:web",
    }
    for other, status in ((OLU, 403), (AMIR, 403), (MIA, 403)):
        assert browser_of(other).post(f"/audit/views/{view.id}/", change).status_code == status
    assert SavedView.objects.get().name == "Refusals"
    answer = browser_of(ADA).post(f"/audit/views/{view.id}/", change)
    assert (answer.status_code, answer["Location"]) == (302, "/audit/views/")
    view.refresh_from_db()
    assert (view.name, view.description) == ("Denials", "")
    assert view.filter == "outcome:denied via:web"
    assert [e["target"]["name"] for e in told("audit.view_shared")] == ["Refusals", "Denials"]


def test_sharing_and_taking_back_are_on_record_and_saving_the_same_is_not() -> None:
    view, query = saved(ADA), EventQuery.from_bar("outcome:denied")
    for shared in (True, True, False, False):
        changes.change(ADA, view.id, Wanted("Refusals", query, shared=shared))
    assert (len(told("audit.view_shared")), len(told("audit.view_unshared"))) == (1, 1)
    assert "Refusals" not in words(browser_of(OLU), "/audit/views/")


def test_a_mistake_in_a_change_changes_nothing() -> None:
    view = saved(ADA)
    answer = browser_of(ADA).post(f"/audit/views/{view.id}/", FORM | {"name": "New", "bar": "x:y"})
    assert answer.status_code == 422 and "x:y" in text_of(answer)
    view.refresh_from_db()
    assert (view.name, view.filter) == ("Refusals", "outcome:denied")


def test_a_filter_that_no_longer_parses_is_shown_with_its_error_and_can_be_mended() -> None:
    view = saved(ADA)
    SavedView.objects.update(filter="action:skill.blessed outcome:denied")
    ada = browser_of(ADA)
    page = words(ada, "/audit/views/")
    assert "action:skill.blessed outcome:denied" in page and "Cannot be run:" in page
    assert "'skill.blessed'" in page
    assert "cannot be run any more" in words(ada, f"/audit/views/{view.id}/")
    assert ada.post(f"/audit/views/{view.id}/", FORM | {"bar": "outcome:denied"}).status_code == 302
    assert "Cannot be run:" not in words(ada, "/audit/views/")
    SavedView.objects.update(filter="nonsense:x")
    assert ada.post(f"/audit/views/{view.id}/remove/").status_code == 302


# Removing


def test_what_was_removed_can_be_brought_back_for_a_day() -> None:
    view, ada = saved(ADA, shared=True), browser_of(ADA)
    answer = ada.post(f"/audit/views/{view.id}/remove/")
    assert answer["Location"] == f"/audit/views/?removed={view.id}"
    page = words(ada, answer["Location"])
    assert "Refusals is deleted for everyone. Undo" in page
    assert "No saved views yet" in page
    assert "Refusals" not in words(browser_of(OLU), "/audit/views/")
    for other in (OLU, AMIR):
        assert browser_of(other).post(f"/audit/views/{view.id}/restore/").status_code == 404
    assert ada.post(f"/audit/views/{view.id}/restore/").status_code == 302
    assert "“Refusals” was brought back." in words(ada, "/audit/views/")
    assert "Refusals" in words(browser_of(OLU), "/audit/views/")
    assert (len(told("audit.view_shared")), len(told("audit.view_unshared"))) == (2, 1)
    SavedView.objects.update(removed=clock.now() - timedelta(days=1), removed_by=ADA.key)
    assert ada.post(f"/audit/views/{view.id}/restore/").status_code == 404
    assert due_exports_and_cleanup.run() >= 1
    assert not SavedView.objects.exists(), "the worker forgets it"


def test_an_admin_removes_what_others_share_and_can_undo_it() -> None:
    view, amir = saved(OLU, shared=True), browser_of(AMIR)
    assert browser_of(ADA).post(f"/audit/views/{view.id}/remove/").status_code == 403
    assert browser_of(ADA).get(f"/audit/views/{view.id}/").status_code == 403
    page = words(amir, f"/audit/views/{view.id}/")
    assert "It’s removed for everyone, and that’s recorded." in page and "Save changes" not in page
    assert amir.post(f"/audit/views/{view.id}/remove/").status_code == 302
    [event] = told("audit.view_unshared")
    assert event["actor"]["name"] == "Amir Admin"
    assert browser_of(OLU).post(f"/audit/views/{view.id}/restore/").status_code == 404
    assert amir.post(f"/audit/views/{view.id}/restore/").status_code == 302
    assert changes.of(OLU).get().id == view.id


def test_a_name_that_was_taken_meanwhile_is_not_doubled() -> None:
    view = saved(ADA)
    changes.remove(ADA, view.id)
    saved(ADA)
    ada = browser_of(ADA)
    ada.post(f"/audit/views/{view.id}/restore/")
    assert "It was not brought back. You have a view named “Refusals” already" in words(
        ada, "/audit/views/"
    )


def test_removing_over_and_over_keeps_few_of_them() -> None:
    for _ in range(53):
        changes.remove(ADA, saved(ADA).id)
    assert SavedView.objects.count() == 50


# Doors


PATHS = ("new/", "{id}/", "{id}/remove/", "{id}/restore/")


@pytest.mark.parametrize("path", PATHS)
def test_strangers_members_and_forms_from_elsewhere_change_nothing(path: str) -> None:
    view = saved(ADA, shared=True)
    url = "/audit/views/" + path.format(id=view.id)
    answer = Client().post(url, FORM)
    assert answer.status_code == 302 and "/oidc/authenticate/" in answer["Location"]
    assert browser_of(MIA).post(url, FORM).status_code == 403
    assert browser_of(ADA, csrf=True).post(url, FORM).status_code == 403
    ended = browser_of(ADA)
    ended.logout()
    assert "/oidc/authenticate/" in ended.post(url, FORM)["Location"]
    assert browser_of(ADA).put(url).status_code == 405
    assert list(SavedView.objects.values_list("name", "removed")) == [("Refusals", None)]


@pytest.mark.parametrize("path", ["remove/", "restore/"])
def test_acts_take_posts_only_and_an_id_that_is_none_is_not_found(path: str) -> None:
    view, ada = saved(ADA), browser_of(ADA)
    assert ada.get(f"/audit/views/{view.id}/{path}").status_code == 405
    assert ada.post(f"/audit/views/{uuid4()}/{path}").status_code == 404
    assert ada.post(f"/audit/views/none/{path}").status_code == 404


def test_members_do_not_see_the_list() -> None:
    for path in ("", "new/", "count/?via=web"):
        assert browser_of(MIA).get(f"/audit/views/{path}").status_code == 403


def test_who_has_no_identity_owns_nothing() -> None:
    view = saved(ADA, shared=True)
    SavedView.objects.update(owner="")
    nobody = Actor(iss="", sub="", roles=frozenset({"auditor"}))
    assert not changes.is_own(nobody, SavedView.objects.get(id=view.id))
    assert not changes.of(nobody).exists()


# Counting


@pytest.fixture(params=["counted", "sampled"])
def events(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "sampled":
        monkeypatch.setattr(search_sql, "CAP", 20)
        monkeypatch.setattr(exact_or_estimated_matches, "RUNS", 10)
    list(record_many(DraftFactory.build(operation=f"op-{n // 2}") for n in range(300)))
    sequencer.run_once()
    list(record_many(DraftFactory.build() for _ in range(3)))  # these wait for their place


@pytest.mark.parametrize(
    "text",
    ["", "action:skill.*", "outcome:denied", "-outcome:denied via:web", "human:H0 source:portal"],
)
def test_what_counts_tell_is_the_number_of_the_trail(events: None, text: str) -> None:
    query = EventQuery.from_bar(text)
    assert event_totals_from_rollups.totals([query]) == [total(query)]


@pytest.mark.parametrize(
    "text", ["documents", "operation:op-7", "after:2026-01-01", "log:L0", "x:y"]
)
def test_what_counts_do_not_tell_is_left_to_be_counted(events: None, text: str) -> None:
    assert event_totals_from_rollups.totals([EventQuery.from_bar(text)]) == [None]


def test_such_a_view_is_counted_by_a_piece_of_the_page(events: None) -> None:
    saved(ADA, text="operation:op-7")
    ada = browser_of(ADA)
    page = unescape(text_of(ada.get("/audit/views/")))
    assert 'hx-get="/audit/views/count/?operation=op-7"' in page
    assert ">2<" in text_of(ada.get("/audit/views/count/?operation=op-7"))
    assert ada.get("/audit/views/count/?operatio=op-7").status_code == 400


def test_the_list_asks_eight_times_at_most_however_many_views(
    events: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_the_shell(monkeypatch)
    for n in range(60):
        saved(ADA, f"mine {n}", "documents" if n % 2 else "outcome:denied")
        saved(OLU, f"theirs {n}", "via:web", shared=True)
    sequencer.run_once()
    ada = browser_of(ADA)
    ada.get("/account/")
    with CaptureQueriesContext(connection) as seen:
        page = text_of(ada.get("/audit/views/"))
    frame = ("django_session", "identity_", "approvals_", "enforcement_", "connections_")
    asked = [q["sql"] for q in seen if not any(table in q["sql"] for table in frame)]
    assert len(asked) <= 8, "\n".join(asked)
    assert "theirs 59" in page and "theirs 5<" not in page, "newest first, fifty a page"
    older = text_of(ada.get("/audit/views/?page=2"))
    assert "theirs 5<" in older and "Break-glass" not in older
    assert ada.get("/audit/views/?page=-1").status_code == 200


# Erasing


def whose(person: Actor) -> Whose:
    return Whose(person.key, ((person.iss, person.sub),), (person.sub, person.email, person.name))


def test_an_erased_person_leaves_no_view_of_their_own_and_no_name_in_any() -> None:
    saved(OLU, "private")
    gone = saved(OLU, "gone", shared=True)
    changes.remove(OLU, gone.id)
    shared = saved(OLU, "by Olu Operator", "via:web", shared=True)
    about = saved(ADA, "what she did", 'actor:"Olu Operator" outcome:denied')
    other = saved(ADA, "other", "via:api")
    assert person_erasure.count(whose(OLU)) == 4
    assert person_erasure.forget(whose(OLU)) == 4
    assert person_erasure.forget(whose(OLU)) == 0, "doing it again changes nothing"
    left = {view.id: view for view in SavedView.objects.all()}
    assert left.keys() == {shared.id, about.id, other.id}
    assert (left[shared.id].owner, left[shared.id].maker) == ("", {})
    assert left[shared.id].name == "by [erased]"
    assert OLU.name not in left[about.id].filter
    page = words(browser_of(ADA), "/audit/views/")
    assert "it named a person who was erased since" in page
    assert "someone who was erased" in page and "Olu" not in page
    assert browser_of(AMIR).post(f"/audit/views/{shared.id}/remove/").status_code == 302
