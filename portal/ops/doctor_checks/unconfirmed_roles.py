"""Roles in the directory of approvers that a token may have restored."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction

from approvals.models import Person
from approvals.people_and_roles import with_roles
from portal.ops.doctor_checks.leftover_type import Leftover
from portal.ops.doctor_checks.upgraded_at import upgraded_at


def check() -> Iterator[Leftover]:
    """People whose roles were last written by the version that believed old tokens."""
    people = list(_unconfirmed())
    if people:
        some = ", ".join(person.name or person.email or person.sub for person in people[:5])
        yield Leftover(
            "restored roles",
            f"{len(people)} people have roles that neither the directory nor a sign-in confirmed "
            f"since the upgrade: {some}{' …' if len(people) > 5 else ''}.",
            "Take these roles away until the next comparison with Auth0 or the next sign-in.",
            _lower,
        )


def _unconfirmed() -> Iterator[Person]:
    if upgraded_at() is not None:
        yield from with_roles().filter(roles_read_at=None, roles_issued_at=None)


def _lower() -> str:
    with transaction.atomic():
        pks = [person.pk for person in _unconfirmed()]
        count = Person.objects.filter(pk__in=pks).update(roles=[])
    return f"{count} people have no role until Auth0 names one"
