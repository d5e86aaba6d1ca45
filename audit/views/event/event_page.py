"""`/audit/events/<id>/`: one event as an exhibit, its proof and its exact bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import actor
from audit import clock, packs
from audit.evidence import body_and_pack_access
from audit.importing.secret_masking import mask
from audit.ledger import checkpoint as checkpoints
from audit.ledger import inclusion_proof_file, merkle
from audit.models import Event
from audit.proofs import proofs_and_tiles
from audit.proofs.proofs_and_tiles import NotSequenced
from audit.recording.actors import Actor
from audit.recording.stored_event_loader import Recorded, load_recorded
from audit.views import quarantine_list
from audit.views.event import event_details
from audit.views.event.proof_picture import PathPicture, picture
from audit.views.read_permissions import may_read, person_filter, reads_everything

_FIRST: Final = {"Who": 0, "When": 1, "Recorded": 2}
_TECHNICAL: Final = frozenset({"mono", "hash"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry is in the newest signed tree. `root`, `leaf` and `path` are hex."""

    index: int
    size: int
    root: str
    leaf: str
    origin: str
    path: tuple[str, ...]
    picture: PathPicture


@require_safe
def event(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """The exhibit; people without a role may open what concerns themselves."""
    recorded = readable(request, event_id)
    found, entry = event_details.exhibit_of(recorded, actor(request)), recorded.entry
    short = str(event_id)[-12:]
    context = {
        "exhibit": found,
        **_facts(found),
        "entry": entry.decode(),
        "raw": event_details.pretty(mask(found.event)),
        "place": _place(found, entry),
        "command": (
            f"curl -s {settings.ENV.issuer}.well-known/jwks.json > jwks.json\n"
            f"ata verify evidence-{short}.zip --vkey '{proofs_and_tiles.vkey()}' "
            "--issuer-keys jwks.json"
        ),
        "crumbs": [{"text": "Audit trail", "url": "/audit/"}, {"text": "Event"}],
        "set_aside_url": _set_aside(found.event, actor(request)),
        "reads_all": reads_everything(actor(request)),
        "bodies": event_details.bodies_of(found.event, actor(request)),
        "permalink": f"{settings.PORTAL_URL}{found.url}",
        "pack_lacks": _pack_lacks(found, actor(request)),
    }
    return render(request, "audit/event.html", context)


def _facts(found: event_details.Exhibit) -> dict[str, list[event_details.Fact]]:
    """The facts that people read, who and when first, and apart from them ids and hashes."""
    facts: list[event_details.Fact] = []
    technical: list[event_details.Fact] = []
    for fact in sorted(found.facts, key=lambda one: _FIRST.get(one.label, len(_FIRST))):
        (technical if fact.kind in _TECHNICAL else facts).append(fact)
    return {"facts": facts, "technical": technical}


def _pack_lacks(found: event_details.Exhibit, who: Actor) -> str:
    """What the pack would lack, next to what the page lists as checked here."""
    lacks = pack_lacks(found.event, who) if found.proof else ""
    if lacks and found.human.proves:
        return f"{lacks} What this portal itself checked is listed under “What proves it”."
    return lacks


def pack_lacks(event: dict[str, Any], who: Actor) -> str:
    """What the evidence pack of an event would not prove now, in a sentence; empty for nothing."""
    selection = packs.of_event(event, person=person_filter(who))
    return body_and_pack_access.outlook(who, selection, clock.now()).words


def _set_aside(event: dict[str, Any], who: Actor) -> str:
    linked = event["action"] == "audit.quarantined" and who.roles & quarantine_list.READERS
    return f"{quarantine_list.PATH}?event={event['id']}" if linked else ""


@require_safe
def event_proof(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """The `.tlog-proof` file; 409 with a page that looks again while there is none yet."""
    readable(request, event_id)
    try:
        text = proofs_and_tiles.proof_for(event_id)
    except NotSequenced:
        response = render(
            request, "audit/waiting.html", {"url": f"/audit/events/{event_id}/"}, status=409
        )
        response["Retry-After"] = "1"
        response["Refresh"] = "2"  # the page looks again, also without scripts
        return response
    return _file(text.encode(), f"{str(event_id)[-12:]}.tlog-proof", "text/plain; charset=utf-8")


@require_safe
def event_entry(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """The exact bytes of the entry."""
    readable(request, event_id)
    name = f"{str(event_id)[-12:]}.entry"
    return _file(proofs_and_tiles.entry_of(event_id), name, "application/octet-stream")


def readable(request: HttpRequest, event_id: UUID) -> Recorded:
    """An event that this person may read.

    Raises:
        Http404: there is none.
        PermissionDenied: it is about somebody else.
    """
    who = actor(request)
    try:
        found = load_recorded(event_id)
    except Event.DoesNotExist:
        raise Http404(f"no event {event_id}") from None
    if not may_read(who, found.event):
        raise PermissionDenied(
            "This event is about someone else. Auditors, operators and admins may read it."
        )
    return found


def _place(found: event_details.Exhibit, entry: bytes) -> Place | None:
    if not found.proof:
        return None
    parsed = inclusion_proof_file.parse(found.proof)
    head = checkpoints.parse(parsed.checkpoint)
    return Place(
        parsed.index,
        head.size,
        head.root.hex(),
        merkle.leaf_hash(entry).hex(),
        head.origin,
        tuple(each.hex() for each in parsed.hashes),
        picture(parsed.index, head.size, len(parsed.hashes)),
    )


def _file(content: bytes, name: str, content_type: str) -> HttpResponse:
    saved = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=content_type, headers=saved)
