"""Finding passkeys, and what their owner may do with them without deciding anything."""

from __future__ import annotations

from django.db.models import QuerySet

from approvals.errors import Refused
from approvals.models import Passkey
from audit.ledger.format import safe_display
from audit.recording.actors import Actor

type Passkeys = QuerySet[Passkey]


def find(handle: str) -> Passkey | None:
    """The passkey of that handle, revoked or not."""
    return Passkey.objects.select_related("person").filter(handle=handle).first()


def named(handle: str) -> Passkey:
    """The passkey of that handle.

    Raises:
        Refused: `unknown_passkey`.
    """
    return _there(find(handle))


def locked(handle: str) -> Passkey:
    """The passkey, locked until the transaction ends.

    Raises:
        Refused: `unknown_passkey`.
    """
    found = Passkey.objects.select_for_update(of=("self",)).select_related("person")
    return _there(found.filter(handle=handle).first())


def _there(key: Passkey | None) -> Passkey:
    if key is None:
        raise Refused("unknown_passkey", "There is no such passkey.", pointer="/target/name")
    return key


def of(person: Actor) -> Passkeys:
    """A person's passkeys, revoked ones too, oldest first."""
    return everybody().filter(person__iss=person.iss, person__sub=person.sub)


def usable(person: Actor) -> Passkeys:
    """Those that still sign."""
    return of(person).filter(revoked_at=None)


def everybody() -> Passkeys:
    """All passkeys, revoked ones too, oldest first."""
    return Passkey.objects.select_related("person")


def rename(owner: Actor, handle: str, name: str) -> bool:
    """Give one's own passkey another name: a private label, so no decision; False if not theirs."""
    clean = clean_name(name)
    return bool(clean) and bool(of(owner).filter(handle=handle).update(name=clean))


def clean_name(name: str) -> str:
    """A name in one visible line of at most 60 characters."""
    return safe_display.visible(" ".join(name.split()))[:60]
