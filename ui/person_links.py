"""Links from people's names to their pages, for those who may see them."""

from __future__ import annotations

from django.urls import reverse

from approvals import people_and_roles
from approvals.models import Person
from audit.recording.actors import Actor
from connections.permissions import SEES_ALL


def page_of(viewer: Actor, person: Person) -> str:
    """The address of a person's page; empty where this viewer may not see it."""
    own = (viewer.iss, viewer.sub) == (person.iss, person.sub)
    return reverse("person", args=[person.pk]) if own or viewer.roles & SEES_ALL else ""


def page_of_subject(viewer: Actor, iss: str, sub: str) -> str:
    """The same by identity; empty also where the directory has nobody of it."""
    if not sub or not (viewer.roles & SEES_ALL or (viewer.iss, viewer.sub) == (iss, sub)):
        return ""
    person = people_and_roles.find(iss, sub)
    return page_of(viewer, person) if person else ""
