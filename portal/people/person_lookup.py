"""Finding the person of a page: permission by fetch, as for connections."""

from __future__ import annotations

from typing import Final

from django.http import Http404, HttpRequest

from accounts.permissions import actor
from approvals.models import Person
from audit.recording.actors import Actor
from connections.permissions import SEES_ALL
from ui.current_navigation_entry import mark_entry

_ERASED: Final = "erased:"


def is_own(viewer: Actor, person: Person) -> bool:
    """Whether it is the page of the one who looks."""
    return (viewer.iss, viewer.sub) == (person.iss, person.sub)


def fetch(request: HttpRequest, person_id: int) -> tuple[Actor, Person]:
    """The viewer and the person of the page.

    Raises:
        Http404: nobody of that number, somebody who was erased, or not this viewer's to see.
    """
    me = actor(request)
    person = Person.objects.filter(pk=person_id).exclude(sub__startswith=_ERASED).first()
    if person is None or not (is_own(me, person) or me.roles & SEES_ALL):
        raise Http404
    mark_entry(request, "/connections/" if is_own(me, person) else "/connections/inventory/")
    return me, person
