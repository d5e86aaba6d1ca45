"""Who may read what: auditors, operators and admins everything, others their own history."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from accounts.permissions import actor
from audit.models import ExportJob
from audit.recording.actors import READERS, Actor
from audit.search.index_tokens import person_key

_WORDS = (
    "The audit trail is for auditors, operators and admins. Your own activity is on your account "
    "page: /account/. Ask an admin for the auditor role to see "
    "more."
)


def reads_everything(who: Actor) -> bool:
    """Whether this person may read events of others."""
    return bool(who.roles & READERS)


def person_filter(who: Actor) -> str:
    """The `person` of a search for this reader: "" is everybody's events."""
    return "" if reads_everything(who) else who.key


def may_read(who: Actor, event: dict[str, Any]) -> bool:
    """Whether a public event is this reader's to see."""
    own = {person_key(event["actor"]), person_key(event["on_behalf_of"])}
    return reads_everything(who) or (who.key != "" and who.key in own)


def may_download(who: Actor, job: ExportJob) -> bool:
    """Whether a file is this reader's to fetch: any for those who read everything, and for its
    owner one that holds their own events alone, whatever role it was asked for with."""
    return reads_everything(who) or (job.owner == job.person == who.key != "")


def for_readers[**P](
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Decorator: 403 with words unless the person may read everything."""

    @wraps(view)
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not reads_everything(actor(request)):
            raise PermissionDenied(_WORDS)
        return view(request, *args, **kwargs)

    return checked
