"""The facet of actors has one row a person, by name, whatever the events show of them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from django.core.cache import cache

from approvals import people_and_roles
from audit.recording.actors import Actor
from audit.sequencing import sequencer
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _directory() -> None:
    cache.clear()
    for one in (ADA, OLU, MIA):
        know(one)


def know(one: Actor) -> None:
    """Put somebody into the directory."""
    people_and_roles.note_person(
        iss=one.iss, sub=one.sub, name=one.name, email=one.email, roles=sorted(one.roles)
    )


def recorded(*actors: Actor) -> None:
    list(record_many(DraftFactory.build(actor=one) for one in actors))
    sequencer.run_once()


def rows(address: str = "/audit/") -> dict[str, tuple[int, str]]:
    """Count and address of each row of the facet, by label."""
    page = text_of(browser_of(ADA).get(address))
    facet = page.partition('<h2 class="label">Actor')[2].partition("</section>")[0]
    found = re.findall(
        r'<a href="([^"]*)"[^>]*><span>([^<]*)</span><span class="n">([\d,]+)', facet
    )
    return {label: (int(n), url.replace("&amp;", "&")) for url, label, n in found}


def test_a_person_whose_events_show_a_name_or_an_e_mail_is_one_row() -> None:
    recorded(OLU, OLU, replace(OLU, email=""), replace(OLU, email="", name=""), MIA)
    found = rows()
    assert {label: n for label, (n, _) in found.items()} == {OLU.name: 4, MIA.name: 1}
    narrowed = rows(found[OLU.name][1])
    assert narrowed[OLU.name][0] == 4
    assert narrowed[OLU.name][1] == "/audit/", "the row is on, and following it removes it"


def test_two_people_of_one_name_stay_two_rows() -> None:
    other = replace(OLU, sub="auth0|another", email="olu2@acme.example")
    know(other)
    recorded(OLU, other)
    assert set(rows()) == {f"{OLU.name} ({OLU.email})", f"{OLU.name} (olu2@acme.example)"}


def test_who_is_in_no_directory_keeps_the_text_of_their_events() -> None:
    recorded(replace(OLU, sub="x", name="", email="stranger@else.example"))
    assert set(rows()) == {"stranger@else.example"}
