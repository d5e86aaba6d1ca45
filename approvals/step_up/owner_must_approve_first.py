"""Requests that two people answer one after the other: first whose thing it is, then the others.

A verb that names somebody in `Verb.first` is put to that person before anybody else is asked. Their
denial or silence ends the request; their approval only brings it to whom the policy's rule names.
"""

from __future__ import annotations

from typing import Any

from approvals import people_and_roles
from approvals.models import Approval, AskState, Person
from audit.recording.actors import Actor


def identity(approval: Approval) -> tuple[str, str] | None:
    """Issuer and subject of who has to approve first; None where nobody has to."""
    first = approval.rule.get("first")
    return (first["iss"], first["sub"]) if first else None


def person(approval: Approval) -> Person | None:
    """Who has to approve first, as the directory knows them."""
    named = identity(approval)
    return Person.objects.filter(iss=named[0], sub=named[1]).first() if named else None


def is_first(approval: Approval, who: Person | Actor) -> bool:
    """Whether this is who has to approve first."""
    return identity(approval) == (who.iss, who.sub)


def first_alone(approval: Approval) -> bool:
    """Whether nobody is asked after the first: they are the whole rule, or nobody else could."""
    own = (approval.requester_iss, approval.requester_sub)
    itself = approval.rule.get("approver") == "self" and identity(approval) == own
    return itself or approval.single_person


def needed(approval: Approval) -> int:
    """How many people have to approve, the first one counted."""
    count = int(approval.rule.get("count", 1))
    if identity(approval) is None:
        return count
    return 1 if first_alone(approval) else count + 1


def waits_for_first(approval: Approval) -> bool:
    """Whether the first person has yet to approve."""
    named = identity(approval)
    if named is None:
        return False
    approved = approval.asks.filter(state=AskState.APPROVED, person__iss=named[0])
    return not approved.filter(person__sub=named[1]).exists()


def another_could(rule: dict[str, Any], requester: Actor) -> bool:
    """Whether it is not, or no longer, a case of one person alone."""
    if rule["approver"] == "group":
        return True
    roles, first = rule["approver_roles"], rule.get("first")
    known = people_and_roles.find(first["iss"], first["sub"]) if first else None
    tried = [known.pk] if known else []
    return bool(
        people_and_roles.roster(roles=roles, approver="another", requester=requester, tried=tried)
    )


def broken(
    approval: Approval,
    approvers: dict[tuple[str, str], Person],
    applies: dict[str, Any],
    requester: Actor,
) -> str:
    """Whether who had to approve first did not; takes them out of `approvers`, as no second."""
    first = identity(approval)
    if first is None:
        return ""
    if approvers.pop(first, None) is None:
        return "owner_did_not_approve"
    alone = approval.single_person and another_could(applies, requester)
    return "approver_is_requester" if alone else ""
