"""Keep, change, remove and bring back a view.

A private one is a preference and leaves no event. What everybody sees is an event each time it
comes, changes or goes: others rely on what it shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from audit import clock
from audit.db import process_locks
from audit.erasure.subject_and_store_registry import MARK
from audit.ledger.format import safe_display
from audit.ledger.query import EventQuery, InvalidQuery
from audit.models import NotifyBy, SavedView
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from audit.recording.trail_viewed_events import digest_of_text
from audit.saved_views import notify_setting_and_count

MOST: Final = 200
"""Views that one person may keep."""
LONGEST_NAME: Final = 80
LONGEST_DESCRIPTION: Final = 300
LONGEST_FILTER: Final = 8_000
"""Characters of each."""
KEPT_FOR: Final = timedelta(days=1)
"""How long a removed view can be brought back."""
_BROUGHT_BACK: Final = 50


class NotSaved(ValueError):
    """Nothing was changed; `code` is stable, the message says what to do about it.

    `bad_name`, `bad_description`, `bad_filter` (too long), `name_taken`, `too_many_views`,
    `bad_notify_by` (not configured).
    """

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


class NotYourView(Exception):
    """The view is to be seen, and somebody else's to change."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a view is to be. Without `notify_by`, notifications stay as they are."""

    name: str
    query: EventQuery
    description: str = ""
    shared: bool = False
    notify_by: NotifyBy | None = None


def of(actor: Actor) -> QuerySet[SavedView]:
    """The person's own views."""
    return SavedView.objects.filter(_own(actor), removed=None)


def of_others(actor: Actor) -> QuerySet[SavedView]:
    """What others share with everybody who reads the trail."""
    return SavedView.objects.filter(shared=True, removed=None).exclude(_own(actor))


def visible(actor: Actor) -> QuerySet[SavedView]:
    """The views that a reader of the trail sees: their own, and those that are shared."""
    return SavedView.objects.filter(_own(actor) | Q(shared=True), removed=None)


def find(actor: Actor, view_id: UUID) -> SavedView:
    """A view that the person sees.

    Raises:
        SavedView.DoesNotExist: there is none, or it is somebody else's own.
    """
    return visible(actor).get(id=view_id)


def is_own(actor: Actor, view: SavedView) -> bool:
    """Whether the person made it."""
    return actor.key != "" and view.owner == actor.key


def may_remove(actor: Actor, view: SavedView) -> bool:
    """Whether the person may remove it: their own, and an admin every shared one."""
    return is_own(actor, view) or (view.shared and "admin" in actor.roles)


def removed_lately(actor: Actor) -> QuerySet[SavedView]:
    """What the person removed and can bring back, the latest first."""
    since = clock.now() - KEPT_FOR
    mine = SavedView.objects.filter(removed_by=actor.key, removed__gt=since)
    return mine.order_by("-removed")[:_BROUGHT_BACK]


def keep(actor: Actor, wanted: Wanted) -> SavedView:
    """Keep a new view of the actor's.

    Raises:
        NotSaved: it cannot be kept as it is.
        InvalidQuery: its filter has mistakes.
    """
    clean = _clean(wanted)
    with transaction.atomic():
        _check_limit(actor, clean.name)
        now = clock.now()
        view = SavedView.objects.create(
            owner=actor.key,
            maker={"sub": actor.sub, "name": actor.name, "email": actor.email},
            name=clean.name,
            description=clean.description,
            filter=clean.query.written_bar(),
            shared=clean.shared,
            created=now,
            changed=now,
        )
        if clean.notify_by is not None:
            _notify(view, clean.notify_by)
        if view.shared:
            _tell_shared(actor, view)
    return view


def change(actor: Actor, view_id: UUID, wanted: Wanted) -> SavedView:
    """Make the actor's own view another one.

    Raises:
        SavedView.DoesNotExist, NotYourView: it is not there, or somebody else's.
        NotSaved, InvalidQuery: as `keep`.
    """
    clean = _clean(wanted)
    with transaction.atomic():
        view = _locked(visible(actor), view_id)
        if not is_own(actor, view):
            raise NotYourView
        if view.name != clean.name:
            _check_name(actor, clean.name, besides=view.id)
        before = (view.name, view.description, view.filter, view.shared)
        if clean.notify_by is not None:
            _notify(view, clean.notify_by)
        if view.filter != clean.query.written_bar():
            notify_setting_and_count.start_again(view)
        view.name, view.description = clean.name, clean.description
        view.filter, view.shared = clean.query.written_bar(), clean.shared
        if before == (view.name, view.description, view.filter, view.shared):
            return view
        view.changed = clock.now()
        view.save(update_fields=["name", "description", "filter", "shared", "changed"])
        if view.shared:
            _tell_shared(actor, view)
        elif before[-1]:
            _tell_unshared(actor, view)
    return view


def remove(actor: Actor, view_id: UUID) -> SavedView:
    """Remove a view of the actor's own, or as an admin one that is shared.

    Raises:
        SavedView.DoesNotExist, NotYourView: as `change`.
    """
    with transaction.atomic():
        view = _locked(visible(actor), view_id)
        if not may_remove(actor, view):
            raise NotYourView
        view.removed, view.removed_by = clock.now(), actor.key
        view.save(update_fields=["removed", "removed_by"])
        _forget_older(actor)
        if view.shared:
            _tell_unshared(actor, view)
    return view


def bring_back(actor: Actor, view_id: UUID) -> SavedView:
    """Undo `remove`, for the person who did it and for a day.

    Raises:
        SavedView.DoesNotExist: there is nothing that this person could bring back.
        NotSaved: its owner has a view of that name by now, or too many.
    """
    since = clock.now() - KEPT_FOR
    with transaction.atomic():
        gone = SavedView.objects.filter(removed_by=actor.key, removed__gt=since)
        view = _locked(gone, view_id)
        if is_own(actor, view):
            _check_limit(actor, view.name)
        view.removed, view.removed_by = None, ""
        view.save(update_fields=["removed", "removed_by"])
        notify_setting_and_count.start_again(view)
        if view.shared:
            _tell_shared(actor, view)
    return view


def purge(now: datetime) -> int:
    """Forget what nobody can bring back any more; returns how many."""
    return SavedView.objects.filter(removed__lte=now - KEPT_FOR).delete()[0]


def _own(actor: Actor) -> Q:
    # Views of erased people have no owner, and nobody may become it by having no key.
    return Q(owner=actor.key) if actor.key else Q(pk__in=[])


def _locked(found: QuerySet[SavedView], view_id: UUID) -> SavedView:
    return found.select_for_update().get(id=view_id)


def _clean(wanted: Wanted) -> Wanted:
    """The view in the form in which it is kept."""
    if wanted.query.errors:
        raise InvalidQuery(wanted.query.errors)
    name, description = _line(wanted.name), _line(wanted.description)
    if not name:
        raise NotSaved("bad_name", "Give the view a name.")
    if len(name) > LONGEST_NAME:
        raise NotSaved("bad_name", f"A name has at most {LONGEST_NAME} characters.")
    if len(description) > LONGEST_DESCRIPTION:
        raise NotSaved(
            "bad_description", f"A description has at most {LONGEST_DESCRIPTION} characters."
        )
    query = wanted.query.at("")
    if len(query.written_bar()) > LONGEST_FILTER:
        raise NotSaved("bad_filter", f"A filter has at most {LONGEST_FILTER:,} characters.")
    if MARK in query.to_bar():  # what an erasure leaves must not be taken for what somebody wrote
        raise NotSaved("bad_filter", f"Leave {MARK} out of the filter: it finds no one.")
    return replace(wanted, name=name, query=query, description=description)


def _notify(view: SavedView, by: NotifyBy) -> None:
    why_not = notify_setting_and_count.unavailable(by)
    if why_not and by != notify_setting_and_count.current(view):
        raise NotSaved("bad_notify_by", why_not)
    notify_setting_and_count.choose(view, by)


def _line(text: str) -> str:
    return safe_display.visible(" ".join(text.split()))


def _check_limit(actor: Actor, name: str) -> None:
    """Whether one more fits; nobody else adds one for this person before the transaction ends."""
    process_locks.one_at_a_time(f"views {actor.key}")
    if of(actor).count() >= MOST:
        raise NotSaved(
            "too_many_views", f"You keep {MOST} views, and no more fit. Delete one first."
        )
    _check_name(actor, name)


def _check_name(actor: Actor, name: str, besides: UUID | None = None) -> None:
    """One person's views have different names, so that a command line can name one."""
    same = of(actor).filter(name__iexact=name).values_list("id", flat=True)
    if any(other != besides for other in same):
        raise NotSaved(
            "name_taken", f"You have a view named “{name}” already. Choose another name."
        )


def _forget_older(actor: Actor) -> None:
    gone = SavedView.objects.filter(removed_by=actor.key).order_by("-removed")
    older = list(gone.values_list("id", flat=True)[_BROUGHT_BACK : _BROUGHT_BACK + MOST])
    SavedView.objects.filter(id__in=older).delete()


def _tell_shared(actor: Actor, view: SavedView) -> None:
    record(
        actor,
        "audit.view_shared",
        target=Target("view", view.name),
        data={"view": str(view.id), "filter": digest_of_text(view.filter)},
        private={"query": view.filter, "description": view.description},
    )


def _tell_unshared(actor: Actor, view: SavedView) -> None:
    record(
        actor,
        "audit.view_unshared",
        target=Target("view", view.name),
        data={"view": str(view.id)},
        private={"query": view.filter},
    )
