"""A decision that several people approved names all of them, and one of a group its answerer."""

from __future__ import annotations

import re
import time

from django.test import Client

from approvals.models import Approval, Outcome
from audit.audit_files import workpaper
from audit.recording import action_registry
from audit.recording.actors import Actor
from tests.approvals.asking import ask, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones, known
from tests.approvals.test_who_approves import codes, of_group
from tests.approvals.working import Work
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS

PAIR = ("operator2", "admin")


def text(client: Client, path: str) -> str:
    """A page as people read it."""
    page = re.sub(
        r"<(script|style|svg).*?</\1>", " ", client.get(path).content.decode(), flags=re.S
    )
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def answered(count: int, who: tuple[str, ...], olu: Actor, phones: Phones, work: Work) -> Approval:
    """A request to a group of two that these approved, one after the other."""
    known("admin", "operator")
    of_group(count)
    approval = ask(olu)
    work()
    for name in who:
        phones.answer(name, codes(approval)[SUBS[name]], "approve")
        time.sleep(1.1)
        work()
    approval = fresh(approval)
    assert approval.outcome == Outcome.APPROVED
    return approval


def test_two_who_approved_are_named_wherever_one_was(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = answered(2, PAIR, olu, phones, work)
    anna = str(known("admin", "operator"))
    reader = signed_in("auditor", "auditor")
    page = text(reader, f"/approvals/{approval.pk}/")
    both = sorted(["Oona Operator", anna])
    said = re.search(r"(\w+ \w+) and (\w+ \w+) approved exactly this request", page)
    assert said and sorted(said.groups()) == both, page
    progress = page.split("Progress")[1].split("Policy")[0]
    for name in both:
        assert f"{name} approved" in progress, progress
    row = text(reader, "/approvals/").split("Completed approval requests")[1]
    assert " and ".join(said.groups()) in row, row


def test_the_one_of_a_group_who_approved_is_named_and_not_the_last_one_asked(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    known("admin", "operator")
    reader = signed_in("auditor", "auditor")
    for one in PAIR:
        approval = answered(1, (one,), olu, phones, work)
        name = str(known(one, "operator"))
        page = text(reader, f"/approvals/{approval.pk}/")
        progress = page.split("Progress")[1].split("Policy")[0]
        assert f"{name} approved" in progress, progress
        lamps.lit.clear()
        rows = text(reader, "/approvals/").split("Completed approval requests")[1]
        assert f"Olu Operator {name}" in rows.split("approved", 1)[1][:60], rows
        Approval.objects.all().delete()


def test_the_sentence_of_a_decision_names_all_who_approved_it() -> None:
    people = [{"iss": "https://i/", "sub": name[:2], "name": name} for name in ("Anya", "Amir")]
    actor = {"iss": "https://i/", "sub": "mia", "name": "Mia"}
    event = {
        "action": "skill.allowed",
        "actor": actor,
        "target": {"kind": "skill", "name": "helper"},
        "data": {"approver": people[1], "approvers": people},
        "outcome": "success",
    }
    assert ", approved by Anya and Amir" in action_registry.sentence(event)
    event["data"] = {"approver": people[1]}
    assert ", approved by Amir" in action_registry.sentence(event)


def test_an_empty_list_of_approvers_hides_no_approver_in_the_workpaper() -> None:
    amir = {"iss": "https://i/", "sub": "amir", "name": "Amir"}
    assert workpaper._approvers({"approver": amir, "approvers": []}) == "Amir"
