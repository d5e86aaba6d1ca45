"""An erasure ends an end of access only where its approver was shown it, and alters no other."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals import clock
from approvals.erasure import approved_scope, erase_and_legal_hold, job
from approvals.models import Approval, Erasure, Person, person_access_end
from approvals.person_access_ends.set_access_end import VERB
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.erasure import subject_and_store_registry
from audit.models import EventRow, Openings
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.approvals.people_of import acting
from tests.audit.browsing import browser_of, text_of
from tests.support.erasing import erase_person

pytestmark = pytest.mark.django_db


def day(ahead: int) -> str:
    return (clock.now().date() + timedelta(days=ahead)).isoformat()


def end(by: Actor, whose: Actor, ahead: int) -> None:
    perform(by, VERB, Target("person", whose.sub), params={"last_day": day(ahead)}, reason="done")
    sequencer.run_once()


def last_day(who: Actor) -> str:
    found = person_access_end.end_of(who.iss, who.sub)
    assert found is not None
    return str(found.last_day)


def asked_to_erase(whose: Actor) -> Approval:
    acting("member1", "admin")
    target = Target(erase_and_legal_hold.KIND, whose.key)
    done = perform(acting("admin", "admin"), erase_and_legal_hold.ERASE, target, reason="left")
    assert done.approval is not None
    return done.approval


def begun(whose: Actor) -> tuple[Erasure, list[str]]:
    """An erasure that was approved, with the digests of what its approver was shown."""
    ends = subject_and_store_registry.restrictions_by_others(
        subject_and_store_registry.identify(whose.key)
    )
    made = Erasure(id=uuid7(), subject=whose.key, operation=str(uuid7()), begun=clock.now())
    approved_scope.begin(made)
    record(
        acting("admin", "admin"), "subject.erased", outcome="pending", operation=made.operation,
        target=Target("subject", whose.key), data=approved_scope.scope(made),
    )  # fmt: skip
    sequencer.run_once()
    return made, [one.digest for one in ends]


def test_who_approves_an_erasure_is_shown_the_end_of_access_that_ends_with_it() -> None:
    amir, ada = acting("admin", "admin"), acting("auditor", "auditor")
    end(amir, ada, 3)
    waiting = asked_to_erase(ada)
    assert f"Erase every value of the person {ada.key[:12]} (named on the page" in waiting.sentence
    assert "and end what others restricted: 1 end of access. " in waiting.sentence
    page = text_of(browser_of(amir).get(f"/audit/erasures/{ada.key}/"))
    assert "1 end of access" in page


def test_an_end_set_after_the_approval_stops_the_erasure() -> None:
    amir, ada = acting("admin", "admin"), acting("auditor", "auditor")
    end(amir, ada, 9)
    made, shown = begun(ada)
    end(amir, ada, 3)
    assert job.go_on(made, ends=shown).state == "failed"
    assert (made.detail, last_day(ada)) == (job._RESTRICTED, day(3))
    assert Person.objects.filter(sub=ada.sub).exists()


def test_an_end_keeps_its_day_when_who_set_it_is_erased() -> None:
    amir, anya = acting("admin", "admin"), acting("member1", "admin")
    ada = acting("auditor", "auditor")
    end(amir, ada, 9)
    end(anya, ada, 3)
    assert erase_person(anya.key) > 0
    assert last_day(ada) == day(3) and acting("auditor", "auditor").roles == {"auditor"}
    row = person_access_end.AccessEnd.objects.get()
    row.delete()
    assert person_access_end.roles_left(ada.iss, ada.sub, ada.roles) == set(), "the row was deleted"


def test_nothing_in_the_trail_names_who_was_erased_as_the_one_whose_access_ended() -> None:
    amir, ada = acting("admin", "admin"), acting("auditor", "auditor")
    end(amir, ada, 3)
    assert "Ada Auditor" in EventRow.objects.get(action="person.access_end_set").sentence
    erase_person(ada.key)
    row = EventRow.objects.get(action="person.access_end_set")
    assert "Ada" not in row.sentence and "ada" not in row.terms
    assert "Ada" not in repr(list(Openings.objects.values_list("values", flat=True)))


def test_an_older_end_put_back_counts_no_more_when_who_set_the_newer_one_is_erased() -> None:
    amir, anya = acting("admin", "admin"), acting("member1", "admin")
    ada = acting("auditor", "auditor")
    end(amir, ada, 9)
    older = person_access_end.AccessEnd.objects.get()
    end(anya, ada, 3)
    assert erase_person(anya.key) > 0
    older.save()
    assert person_access_end.roles_left(ada.iss, ada.sub, frozenset({"auditor"})) == set()
