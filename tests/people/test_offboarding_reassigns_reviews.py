"""Offboarding gives what a person decides in open access reviews to an admin of choice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from approvals import clock
from approvals.models import Person
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.recording.actors import Target
from connections.access_reviews import remediation, reviewer_permissions
from connections.models import Freeze, Review
from tests.accounts.trail import events
from tests.people.inhabitants import account, actor, person, text
from tests.support.pages import signed_in

pytestmark = pytest.mark.usefixtures("house")


def url_of(who: str) -> str:
    return reverse("person-offboard", args=[person(who).pk])


@pytest.fixture
def admin() -> Client:
    signed_in("admin2", "admin")
    return signed_in("admin", "admin")


def opened(title: str = "Spring", **params: Any) -> Review:
    given = {"title": title, "reviewers": "owners"} | params
    given["due"] = (clock.now() + timedelta(days=3)).date().isoformat()
    target = Target("review", str(uuid7()))
    perform(actor("admin"), "review.open", target, params=given)
    return Review.objects.get(pk=target.name)


def chosen(who: str, **more: str) -> dict[str, str]:
    pk = str(person(who).pk)
    return {"reason": "left the company", "colleague": pk, "reviewer": pk} | more


def offboard(client: Client, who: str, given: dict[str, str]) -> str:
    sent = client.post(url_of(who), given)
    assert sent.status_code == 303, sent.content.decode()[:2000]
    return text(client, url_of(who))


def left_for(who: str, review: Review) -> int:
    review.refresh_from_db()
    return reviewer_permissions.undecided(actor(who), review, clock.now()).count()


def test_what_an_owner_had_to_decide_is_handed_to_the_chosen_admin(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    review = opened()
    before = text(admin, url_of("member1"))
    assert "Access reviews waiting for their decision Spring 1 account" in before
    assert "Admins decide on their accounts once it is due" in before
    after = offboard(admin, "member1", chosen("admin2"))
    assert left_for("admin2", review) == 1 and left_for("member1", review) == 0
    done = after.partition("What was done")[2].partition("What is left to do")[0]
    assert "Decides access reviews in their place Anya Admin" in done
    assert "reassigned the access review “Spring” from Mia Member to Anya Admin" in done
    assert "The access review Spring: Anya Admin decides in their place" in after
    assert "Access reviews waiting for their decision" not in after
    [told] = events("review.reassigned")
    assert told["actor"]["sub"] == person("admin").sub and told["reason"] == "left the company"
    [started] = events("person.offboarding_started")
    assert started["data"]["reviewer"]["sub"] == person("admin2").sub


def test_the_review_shows_who_decides_now_and_by_whose_decision(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    review = opened()
    offboard(admin, "member1", chosen("admin2"))
    page = reverse("connections:review", args=[review.pk])
    shown = text(admin, page).partition("Reassigned")[2][:120]
    assert shown.startswith(" Anya Admin decides in place of Mia Member by Amir Admin")
    assert "by Amir Admin" in text(signed_in("auditor", "auditor"), page)
    assert "in place of" not in text(signed_in("member1"), page)


def test_a_reviewer_is_needed_where_a_review_waits(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    opened()
    for reviewer in ("", "9999", str(person("member1").pk)):
        given = chosen("admin2", reviewer=reviewer)
        assert admin.post(url_of("member1"), given).status_code == 422
    signed_in("operator", "operator")
    given = chosen("admin2", reviewer=str(person("operator").pk))
    assert admin.post(url_of("member1"), given).status_code == 422
    assert not Freeze.objects.exists() and not events("review.reassigned")


def test_who_offboards_gets_no_review_by_it(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    review = opened(reviewers="admins", admins=[person("admin2").sub])
    page = admin.get(url_of("admin2")).content.decode()
    choice = page.partition('id="reviewer"')[2].partition("</select>")[0]
    assert f'value="{person("admin").pk}"' not in choice
    assert "Another admin can choose you" in page
    given = chosen("admin")
    assert admin.post(url_of("admin2"), given).status_code == 422
    assert left_for("admin", review) == 0 and not events("review.reassigned")


def test_who_was_chosen_by_another_admin_does_not_give_it_to_themselves(admin: Client) -> None:
    signed_in("member1")
    offboard(admin, "member1", chosen("admin2"))
    account("member1")
    review = opened()
    chosen_one = signed_in("admin2", "admin")
    page = text(chosen_one, url_of("member1"))
    assert "Have Anya Admin decide instead" not in page
    assert left_for("admin2", review) == 0


def test_a_named_admin_who_lost_the_role_before_is_replaced_all_the_same(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    sub = person("admin2").sub
    review = opened(reviewers="admins", admins=[sub])
    Person.objects.filter(sub=sub).update(roles=[])
    signed_in("operator", "admin")
    offboard(admin, "admin2", chosen("operator", colleague=""))
    assert left_for("operator", review) == 1


def test_what_the_chosen_admin_owns_stays_and_goes_to_a_third_person(admin: Client) -> None:
    signed_in("member1")
    account("member1", "one")
    account("admin", "two")
    review = opened(reviewers="admins", admins=[person("admin2").sub])
    third = signed_in("operator", "admin")
    page = offboard(third, "admin2", chosen("admin"))
    assert left_for("admin", review) == 1 and left_for("admin2", review) == 1
    assert "All that waits there is of Amir Admin, who does not decide on their own" in page
    assert "No one else is named to decide" in page
    after = offboard(admin, "admin2", chosen("operator"))
    assert left_for("admin2", review) == 0
    assert len(review.reassignments) == 2
    assert "The access review Spring: Olu Operator decides in their place" in after


def test_what_was_decided_between_page_and_press_is_not_reassigned(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    review = opened()
    item = review.items.select_related("review").get()
    remediation.decide(actor("member1"), item, "keep", "")
    offboard(admin, "member1", chosen("admin2"))
    assert not events("review.reassigned")


def test_pressed_again_nothing_is_reassigned_twice(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    opened()
    signed_in("operator", "admin")
    offboard(admin, "member1", chosen("admin2"))
    offboard(admin, "member1", chosen("operator"))
    assert len(events("review.reassigned")) == 1


def test_a_new_reviewer_who_is_no_admin_any_more_is_shown_as_such(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    opened()
    offboard(admin, "member1", chosen("admin2"))
    Person.objects.filter(sub=person("admin2").sub).update(roles=[])
    page = text(admin, url_of("member1"))
    assert "Anya Admin was to decide in their place and is no longer an admin" in page
