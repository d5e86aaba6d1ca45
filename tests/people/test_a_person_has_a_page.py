"""Everything of one person on a page: their own, or for admins and auditors."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import CommandLineSignIn
from approvals import clock
from approvals.models import Person
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from audit.recording.record import record
from audit.search.decisions_by_verified_human import REPORTED
from connections.models import ConnectedAccount, State
from portal.people import person_facts
from tests.people.inhabitants import account, actor, application, person, text
from tests.support.pages import signed_in

pytestmark = pytest.mark.usefixtures("house")


def page_of(who: str) -> str:
    return reverse("person", args=[person(who).pk])


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_an_overseer_sees_what_acts_for_somebody_and_until_when(role: str) -> None:
    signed_in("member1")
    account("member1", "octo-mia", live_s=600)
    application("member1", "Laptop CLI")
    found = text(signed_in(role, role), page_of("member1"))
    assert "What acts for them" in found and "octo-mia" in found and "Laptop CLI" in found
    assert re.search(r"tokens already issued work until \S+", found)


def test_whatever_still_acts_is_counted_a_live_token_of_a_revoked_account_too() -> None:
    signed_in("member1")
    account("member1", "octo-held")
    for label, live_s in (("octo-live", 600), ("octo-ended", 0)):
        ended = account("member1", label, live_s=live_s)
        ConnectedAccount.objects.filter(pk=ended.pk).update(state=State.REVOKED)
    application("member1")
    admin = signed_in("admin", "admin")
    acts = text(admin, page_of("member1")).partition("What acts for them")[2]
    acts = acts.partition("What they decided")[0]
    assert acts.strip().startswith("3 ")
    assert "octo-live" in acts and "octo-ended" not in acts
    offboard = text(admin, reverse("person-offboard", args=[person("member1").pk]))
    remains = offboard.partition("What remains")[2]
    assert "A token that was issued for the GitHub account octo-live works" in remains


def test_a_member_reads_their_own_page_in_the_second_person() -> None:
    mia = signed_in("member1")
    account("member1", "octo-mia")
    found = text(mia, page_of("member1"))
    assert "What acts for you" in found and "What you decided" in found and "octo-mia" in found
    said = found.partition("What acts for")[2].partition("Checkpoint")[0]
    assert not re.search(r"\b(they|them|their|theirs)\b", said)


def test_the_page_stands_under_accounts_and_ones_own_under_ones_accounts() -> None:
    mia, admin = signed_in("member1"), signed_in("admin", "admin")
    for client, url in ((mia, "/connections/"), (admin, "/connections/inventory/")):
        page = client.get(page_of("member1")).content.decode()
        assert re.search(rf'<a[^>]*href="{url}"[^>]*aria-current', page), url


@pytest.mark.parametrize(("who", "roles"), [("member2", ()), ("operator", ("operator",))])
def test_anybody_else_finds_no_such_page(who: str, roles: tuple[str, ...]) -> None:
    signed_in("member1")
    assert signed_in(who, *roles).get(page_of("member1")).status_code == 404


def test_a_page_of_nobody_is_not_found() -> None:
    admin = signed_in("admin", "admin")
    for strange in ("0", "999999", "9" * 40, "x", "-1"):
        assert admin.get(f"/people/{strange}/").status_code == 404


def test_somebody_who_was_erased_has_no_page() -> None:
    admin = signed_in("admin", "admin")
    gone = Person.objects.create(iss="x", sub="erased:1", updated="2026-01-01T00:00:00Z")
    assert admin.get(reverse("person", args=[gone.pk])).status_code == 404


def test_strangers_sign_in_first_and_a_form_changes_nothing() -> None:
    mia = signed_in("member1")
    assert Client().get(page_of("member1")).status_code == 302
    assert mia.post(page_of("member1")).status_code == 405


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("auditor", False)])
def test_a_frozen_person_is_unfrozen_from_the_head_of_their_page(role: str, may: bool) -> None:
    signed_in("member1")
    mia = Target("person", person("member1").sub)
    signed_in("admin2", "admin")
    client, unfreeze = (
        signed_in(role, role),
        reverse("connections:unfreeze", args=[mia.kind, mia.name]),
    )
    assert unfreeze not in client.get(page_of("member1")).content.decode()
    perform(actor("admin2"), "person.freeze", mia, reason="odd")
    page = client.get(page_of("member1")).content.decode()
    assert "Access to Mia Member’s accounts is frozen" in page
    assert (f'href="{unfreeze}"' in page, page.count("btn-primary")) == (may, int(may))
    assert ("approves" in text(client, page_of("member1"))) == may, "who must approve"
    asked = perform(actor("admin2"), "person.unfreeze", mia).approval
    if asked:
        page = client.get(page_of("member1")).content.decode()
        assert unfreeze not in page and ("View the unfreeze request" in page) == may


def test_a_frozen_person_reads_that_their_own_accounts_are_frozen() -> None:
    mia = signed_in("member1")
    perform(actor("member1"), "person.freeze", Target("person", person("member1").sub), reason="x")
    page = mia.get(page_of("member1")).content.decode()
    assert "Access to your accounts is frozen</h1>" in page and "Unfreeze…" not in page


def test_the_page_names_what_somebody_decided_and_leads_to_all_of_it() -> None:
    signed_in("admin", "admin")
    signed_in("member1")
    target = Target("person", person("member1").sub)
    perform(actor("admin"), "person.freeze", target, reason="odd")
    auditor = signed_in("auditor", "auditor")
    found = text(auditor, page_of("admin"))
    assert "Amir Admin froze" in found
    assert (
        f"/audit/?actor={person('admin').sub.replace('|', '%7C')}"
        in auditor.get(page_of("admin")).content.decode()
    )
    frozen = text(auditor, page_of("member1"))
    assert re.search(r"Frozen by Amir Admin, [^.]+\. “odd” A freeze stops", frozen)


def test_what_a_gateway_confirmed_is_no_decision_of_who_asked_for_it() -> None:
    signed_in("operator", "operator")
    step = Target("skill", "pdf-exfil", "edge-1")
    record(
        replace(actor("operator"), via=REPORTED), "skill.blocked", target=step, instance="edge-1"
    )
    found = text(signed_in("auditor", "auditor"), page_of("operator"))
    assert "No decisions on record" in found


def test_what_somebody_of_the_same_name_did_is_not_on_the_page() -> None:
    """A name can be anything, also the subject of another person."""
    signed_in("admin", "admin")
    signed_in("member1")
    named_alike = replace(actor("member1"), name=person("admin").sub, roles=frozenset({"admin"}))
    record(named_alike, "person.frozen", target=Target("person", "x"), reason="mine alone")
    found = text(signed_in("auditor", "auditor"), page_of("admin"))
    assert "No decisions on record" in found
    assert "not acted here with it yet" in found


def test_what_others_of_the_same_name_did_for_somebody_hides_nothing_of_theirs() -> None:
    signed_in("admin", "admin")
    signed_in("member1")
    named_alike = replace(actor("member1"), name=person("admin").sub, roles=frozenset({"admin"}))

    def for_amir(number: int) -> None:
        name = f"{number} of somebody else"
        record(
            named_alike, "person.frozen", target=Target("person", name), reason="x",
            on_behalf_of=person("admin").subject,
        )  # fmt: skip

    for_amir(0)
    perform(actor("admin"), "person.freeze", Target("person", person("member1").sub), reason="odd")
    for number in range(1, person_facts.LATEST + 1):
        for_amir(number)
    found = text(signed_in("auditor", "auditor"), page_of("admin"))
    assert "Amir Admin froze" in found and "of somebody else" not in found
    assert "not acted here with it yet" not in found


def test_search_requests_and_accounts_lead_to_the_page() -> None:
    signed_in("member1")
    mine = account("member1", "octo-mia")
    signed_in("admin2", "admin")
    admin = signed_in("admin", "admin")
    asked = perform(
        actor("admin"), "connection.revoke", Target("connection", str(mine.pk)), reason="left"
    ).approval
    assert asked is not None
    for url, who in (
        ("/search/?q=mia", "member1"),
        (f"/connections/{mine.pk}/", "member1"),
        (f"/approvals/{asked.pk}/", "admin"),
        (f"/approvals/{asked.pk}/", "admin2"),
        ("/account/", "admin"),
    ):
        assert f'href="{page_of(who)}"' in admin.get(url).content.decode(), url
    assert "Revoke “Mia Member”'s GitHub account octo-mia" in text(admin, page_of("admin2"))
    found = text(signed_in("auditor", "auditor"), page_of("admin"))
    assert found.index("they asked") < found.index("What acts for them"), "what waits comes first"


def test_an_event_leads_to_who_acted_and_only_for_those_who_may_see_it() -> None:
    signed_in("admin", "admin")
    signed_in("member1")
    done = perform(
        actor("admin"), "person.freeze", Target("person", person("member1").sub), reason="odd"
    )
    link = f'href="{page_of("admin")}"'
    url = f"/audit/events/{done.event_id}/"
    assert link in signed_in("auditor", "auditor").get(url).content.decode()
    assert link not in signed_in("operator", "operator").get(url).content.decode()


def test_each_row_of_what_acts_for_you_says_how_it_ends() -> None:
    mia = signed_in("member1")
    held = account("member1", "octo-mia")
    application("member1", "Laptop CLI")
    page = mia.get(page_of("member1")).content.decode()
    assert f'href="/connections/{held.pk}/revoke/">Disconnect…</a>' in page
    assert 'href="/connections/access/">Revoke…</a>' in page
    admins = signed_in("admin", "admin").get(page_of("member1")).content.decode()
    assert f'href="/connections/{held.pk}/">Open&nbsp;account</a>' in admins
    assert "/connections/access/?all=1&amp;q=" in admins
    auditors = text(signed_in("auditor", "auditor"), page_of("member1"))
    assert "an admin or its owner can" in auditors
    ConnectedAccount.objects.filter(pk=held.pk).update(state=State.REVOCATION_PENDING)
    assert "gives no token" in text(mia, page_of("member1"))


def test_a_command_line_that_signed_in_after_the_list_was_read_is_named() -> None:
    mia = signed_in("member1")
    assert "A command line signed in as you" not in text(mia, page_of("member1"))
    CommandLineSignIn.objects.create(
        iss=person("member1").iss,
        sub=person("member1").sub,
        id_token_digest="0" * 64,
        auth_time=clock.now(),
    )
    assert "A command line signed in as you" in text(mia, page_of("member1"))
    assert "A command line signed in as them" in text(
        signed_in("admin", "admin"), page_of("member1")
    )
    home = text(mia, "/")
    assert "A command line signed in as you just now, after Auth0’s list of them was read" in home
    assert "Auth0 listed none" not in home


def test_a_person_page_opens_with_how_many_accounts_agents_can_use() -> None:
    mia, admin, url = signed_in("member1"), signed_in("admin", "admin"), page_of("member1")
    assert "<h1>Agents can use no account of yours</h1>" in mia.get(url).content.decode()
    account("member1", "octo-mia")
    ended = account("member1", "octo-ended", live_s=600)
    ConnectedAccount.objects.filter(pk=ended.pk).update(state=State.REVOKED)
    assert "<h1>Agents can use 1 account of yours</h1>" in mia.get(url).content.decode()
    assert "<h1>Agents can use 1 account of Mia Member</h1>" in admin.get(url).content.decode()
    ConnectedAccount.objects.update(state=State.SUSPENDED)
    assert "<h1>Agents can use no account of Mia Member</h1>" in admin.get(url).content.decode()
