"""Whether anybody could approve what is asked for."""

from __future__ import annotations

from approvals import people_and_roles, policy
from approvals.errors import Refused
from approvals.models import Passkey
from audit.recording.actors import Actor


def only_requester_can(rule: policy.Decision, actor: Actor, exceeds_phone: bool = False) -> bool:
    """Whether the requester is the only one who could approve (labelled single-person).

    Args:
        exceeds_phone: a phone cannot show whole what is asked, so that it takes a passkey.

    Raises:
        Refused: nobody at all could. An automatic ask waits for somebody instead.
    """
    if not actor.sub:
        return False
    if exceeds_phone:
        _check_passkeys(rule, actor)
    tried = _first_of(rule)
    if tried and rule.approver == "self" and rule.first == {"iss": actor.iss, "sub": actor.sub}:
        return False
    if rule.approver == "group":
        able = len([p for p in people_and_roles.group(rule.as_json(), actor) if p.pk not in tried])
        if able < rule.count:
            raise Refused(
                "no_approver",
                f"This needs {rule.count} of the group {rule.group}, and {able} of them could "
                "approve it. An admin can change the policy or the group.",
            )
        return False
    if people_and_roles.roster(
        roles=rule.approver_roles, approver=rule.approver, requester=actor, tried=tried
    ):
        return False
    if people_and_roles.only_person(roles=rule.approver_roles, requester=actor):
        return True
    raise Refused(
        "no_approver",
        "No one who could approve this has signed in yet. "
        f"Ask someone with the role {' or '.join(rule.approver_roles)} to sign in once.",
    )


def _check_passkeys(rule: policy.Decision, actor: Actor) -> None:
    """Raise where no one who could approve has a passkey that counts; in a group, where fewer have
    one than have to approve. For a person's own request any passkey of theirs counts."""
    roles, needed = rule.approver_roles, 1
    if rule.approver == "group":
        able, needed = people_and_roles.group(rule.as_json(), actor), rule.count
    else:
        able = people_and_roles.roster(roles=roles, approver=rule.approver, requester=actor)
    if not able and (alone := people_and_roles.only_person(roles=roles, requester=actor)):
        able = [alone]
    keyed = people_and_roles.with_passkeys(able)
    own = [p.pk for p in able if (p.iss, p.sub) == (actor.iss, actor.sub)]
    if len(keyed) >= needed or Passkey.objects.filter(person__in=own, revoked_at=None).exists():
        return
    raise Refused(
        "no_approver",
        "A phone cannot show all of this, and no one who could approve it has a passkey. "
        "Change less at once, or have an approver enrol a passkey first.",
    )


def _first_of(rule: policy.Decision) -> list[int]:
    """The key of the person who has to approve first, who is nobody else's second.

    Raises:
        Refused: `no_approver`, where they are not known.
    """
    if rule.first is None:
        return []
    known = people_and_roles.find(rule.first["iss"], rule.first["sub"])
    if known is None:
        raise Refused(
            "no_approver",
            "Whose it is has to approve this first, and they have never signed in here.",
        )
    return [known.pk]
