"""Records what endpoints refuse as `access.refused`, folded so that nobody floods the trail.

One event for each person (or address of an anonymous caller), address and reason in ten minutes: it
says *at least once*. Nothing that the caller wrote is in it. What has a separate event (a token
that the broker refused, a passkey's answer, a sign-in) is not recorded twice. What is everyday and
proves nothing (a token that has expired, a form with a field missing, no sign-in at all) is not
recorded.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.crypto import salted_hmac

from accounts import anonymous_events
from accounts.anonymous_events import MANY
from accounts.bearer import Caller
from accounts.models import SeenRefusal, SignedInSession, User
from accounts.sessions import service
from approvals import clock
from audit.db.storage_error_kinds import is_not_stored
from audit.recording.actors import Actor, Subject, Target
from audit.recording.record import record
from ui.refused_request_audit_flag import Mark, mark_of
from ui.request_id import request_id

log = logging.getLogger(__name__)

QUIET: Final = timedelta(minutes=10)
ONE_PERSON: Final = (30, QUIET)
"""How many events in how long; then one that says that there are more, and silence."""

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS: Final = _SAFE | {"POST", "PUT", "PATCH", "DELETE"}
_EVERYDAY: Final = frozenset({"token_expired", "subject_token_expired"})
_MALFORMED: Final = frozenset({400, 422})
_CONVERTER: Final = re.compile(r"<\w+:")
_CODE: Final = re.compile(r"[a-z0-9_]{1,60}")
_UNPROVEN: Final = frozenset({"csrf", "token_missing"})
"""What another site could have made the browser send: its person need not know of it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused request.

    Attributes:
        actor: who sent it; nobody where that is not proven.
        of: whose session it came in, where the person need not have sent it.
        code, reason: as the answer has them.
        address: method and route, without what the caller put into it.
        status: of the answer.
    """

    actor: Actor
    of: Subject | None
    code: str
    reason: str
    address: str
    status: int

    @property
    def known(self) -> bool:
        """Whether a verified token or a live session came with it."""
        return bool(self.actor.sub or self.of)


class RefusalsAreRecorded:
    """Middleware: puts on the trail what was refused further in, once its answer is ready."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        said = mark_of(request)
        if said is not None and _tells(request, said, response.status_code):
            found = _refusal(request, said, response.status_code)
            if found.known or found.code not in _UNPROVEN:
                _note_where_it_can_be(found)
        return response


def _tells(request: HttpRequest, said: Mark, status: int) -> bool:
    if said.certain or status == 403:
        return True
    if said.code in _EVERYDAY:
        return False
    api, acts = request.path.startswith("/v1/"), request.method not in _SAFE
    return (status == 401 and (api or acts)) or (api and acts and status in _MALFORMED)


def _refusal(request: HttpRequest, said: Mark, status: int) -> Refusal:
    actor, of = _who(request), None
    if actor.sub and (said.code in _UNPROVEN or actor.via != _via(request)):
        of = Subject(actor.iss, actor.sub, actor.name, actor.email)
        actor = replace(_anonymous_actor(request), session=actor.session)
    code = said.code if _CODE.fullmatch(said.code) else "refused"
    reason = said.reason if _CODE.fullmatch(said.reason) else ""
    return Refusal(actor, of, code, reason, _address(request), status)


def _who(request: HttpRequest) -> Actor:
    caller: Caller | None = request.META.get("ATA_CALLER")
    if caller is not None:
        return caller.actor
    user = getattr(request, "user", None)
    session: SignedInSession | None = request.META.get("ATA_SESSION")
    if isinstance(user, User) and session is not None:
        return service.actor_of(request, user, session)
    return _anonymous_actor(request)


def _via(request: HttpRequest) -> str:
    """The way in by which a caller is proven at this address: a cookie proves nobody to the API."""
    caller: Caller | None = request.META.get("ATA_CALLER")
    if caller is not None:
        return caller.actor.via
    return "api" if request.path.startswith("/v1/") else "web"


def _anonymous_actor(request: HttpRequest) -> Actor:
    return Actor(
        iss="",
        sub="",
        via="api" if request.path.startswith("/v1/") else "web",
        request=request_id(request),
        ip=request.META.get("REMOTE_ADDR", ""),
    )


def _address(request: HttpRequest) -> str:
    """Method and route, such as `POST /approvals/<approval_id>/cancel/`."""
    match = request.resolver_match
    try:
        route = (match or resolve(request.path_info)).route
    except Resolver404:
        route = ""
    method = request.method if request.method in _METHODS else "?"
    return f"{method} /{_CONVERTER.sub('<', route)}"


def _note_where_it_can_be(found: Refusal) -> None:
    """What was refused stays refused where nothing can be stored; the log of the process has it."""
    try:
        note(found)
    except Exception as error:
        if not is_not_stored(error):
            raise
        log.warning("refused and not recorded: %s at %s", found.code, found.address)


def note(found: Refusal) -> bool:
    """Record a refusal; False when one like it was recorded just now, or there are too many."""
    now = clock.now()
    who = _digest("who", *_whose(found))
    what = _digest(who, found.code, found.reason, found.address)
    if SeenRefusal.objects.filter(what=what, at__gt=now - QUIET).exists():
        if not found.known:
            anonymous_events.leave_out()
        return False
    if not found.known:
        return _note_anonymous(found, what, now)
    most, within = ONE_PERSON
    seen = SeenRefusal.objects.filter(bucket=who, at__gt=now - within).count()
    with transaction.atomic():
        if seen < most:
            recorded = _first(what, who, now, QUIET)
        else:
            recorded = _first(_digest(who, MANY), f"{MANY}:{who}"[:64], now, within)
            found = replace(found, code=MANY, reason="", address="")
        if recorded:
            _record(found, within)
    return recorded


def _note_anonymous(found: Refusal, what: str, now: datetime) -> bool:
    """Within the share of all anonymous callers; what is left out is not remembered as recorded."""
    recorded = anonymous_events.record_anonymous(
        found.actor,
        "access.refused",
        outcome="denied",
        severity="LOW" if found.status in _MALFORMED else "",
        target=Target("address", found.address) if found.address else None,
        data=_data(found, QUIET),
    )
    return recorded and _first(what, "", now, QUIET)


def _whose(found: Refusal) -> tuple[str, ...]:
    person = found.of or found.actor
    return (person.iss, person.sub) if found.known else (found.actor.ip,)


def _digest(*parts: str) -> str:
    """Names somebody or something to us alone: an address is too short to be merely hashed."""
    return salted_hmac("access.refused", "\n".join(parts), algorithm="sha256").hexdigest()


def _first(what: str, bucket: str, now: datetime, quiet: timedelta) -> bool:
    """Whether this was not recorded lately; of several concurrent calls one returns True."""
    row, made = SeenRefusal.objects.get_or_create(what=what, defaults={"bucket": bucket, "at": now})
    if made:
        return True
    lately = SeenRefusal.objects.filter(pk=row.pk, at__lte=now - quiet)
    return lately.update(at=now, bucket=bucket) == 1


def _record(found: Refusal, within: timedelta) -> None:
    record(
        found.actor,
        "access.refused",
        outcome="denied",
        severity="LOW" if found.status in _MALFORMED else "",
        target=Target("address", found.address) if found.address else None,
        on_behalf_of=found.of,
        data=_data(found, within if found.code == MANY else QUIET),
    )


def _data(found: Refusal, within: timedelta) -> dict[str, Any]:
    return {
        "code": found.code,
        "status": found.status,
        "at_least": 1,
        "within_s": int(within.total_seconds()),
        **({"reason": found.reason} if found.reason else {}),
    }
