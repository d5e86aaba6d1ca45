"""`/audit/erasures/`: find a person, see what would go, ask for it; holds, and what was erased.

A person is looked for by a form that is posted, and named by their subject key from then on: no
address of a page holds a name.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.permissions import actor, needs_role
from accounts.recent_sign_in.requirement import needs_fresh_sign_in
from approvals.erasure import (
    certificate,
    erase_and_legal_hold,
    erased_or_altered_documents,
    legal_hold_check,
)
from approvals.errors import Refused
from approvals.models import Approval, Erasure, ErasureState, LegalHold, Person, Status
from approvals.pipeline.service import perform
from audit.erasure import subject_and_store_registry
from audit.ledger import checkpoint as checkpoints
from audit.ledger import note
from audit.ledger.format.commitment import subject_key
from audit.models import EventRow
from audit.proofs import proofs_and_tiles
from audit.recording.actors import Target
from ui.refused_request_audit_flag import tell

_SHOWN = 50
_FOUND = 20
_CRUMB = {"text": "Erasures and legal holds", "url": "/audit/erasures/"}


@never_cache
@needs_role("admin", "auditor")
@require_http_methods(["GET", "HEAD", "POST"])
def erasures(request: HttpRequest) -> HttpResponse:
    """What was erased and who is held; POST looks for a person."""
    asked = request.POST.get("who", "").strip()[:255] if request.method == "POST" else ""
    newest = dict(Erasure.objects.order_by("begun", "id").values_list("subject", "state"))
    states = Counter(newest.values())
    context = {
        "erased": states[ErasureState.DONE],
        "running": states[ErasureState.PENDING],
        "stopped": states[ErasureState.FAILED],
        "held": LegalHold.objects.filter(lifted_at=None).count(),
        "erasures": [_shown(one) for one in Erasure.objects.all()[:_SHOWN]],
        "holds": LegalHold.objects.filter(lifted_at=None)[:_SHOWN],
        "asked": asked,
        "found": _find(asked) if asked else [],
    }
    return render(request, "audit/erasures.html", context)


def _find(text: str) -> list[dict[str, str]]:
    """People by part of their name or e-mail, or by subject."""
    found: dict[str, dict[str, str]] = {}
    like = Q(name__icontains=text) | Q(email__icontains=text) | Q(sub=text)
    for model in (Person, User):
        for one in model._default_manager.filter(like).exclude(sub__startswith="erased:")[:_FOUND]:
            _add(found, one.iss, one.sub, one.name, one.email)
    named = Q(actor_name__icontains=text) | Q(actor_email__icontains=text) | Q(actor_sub=text)
    rows = EventRow.objects.filter(named).exclude(actor_key="").order_by("-event")[:_FOUND]
    for row in rows:
        found.setdefault(
            row.actor_key,
            {
                "key": row.actor_key,
                "name": row.actor_name or row.actor_email or row.actor_sub,
                "more": row.actor_email or row.actor_sub,
            },
        )
    return list(found.values())[:_FOUND]


def _add(found: dict[str, dict[str, str]], iss: str, sub: str, name: str, email: str) -> None:
    key = subject_key(iss, sub)
    found.setdefault(key, {"key": key, "name": name or email or sub, "more": email or sub})


@never_cache
@needs_role("admin", "auditor")
@require_safe
def person(request: HttpRequest, subject: str) -> HttpResponse:
    """What is stored of one person, store by store, and what an erasure cannot reach."""
    if not subject_and_store_registry.KEY.fullmatch(subject):
        raise Http404(subject)
    whose = subject_and_store_registry.identify(subject)
    rows = [(store.label, store.count(whose)) for store in subject_and_store_registry.stores()]
    me = actor(request)
    context = {
        "subject": subject,
        "name": whose.name or whose.email or next(iter(whose.subs), ""),
        "more": [text for text in (whose.email, *whose.subs) if text],
        "stores": [{"label": label, "count": count} for label, count in rows if count],
        "words": whose.words,
        "labels": whose.labels,
        "short": whose.short,
        "left": certificate.out_of_reach().values(),
        "restricted": erase_and_legal_hold.counted_restrictions(whose),
        "holds": legal_hold_check.in_force(subject),
        "waiting": Approval.objects.filter(
            verb__in=[erase_and_legal_hold.ERASE, erase_and_legal_hold.LIFT],
            target_name=subject,
        ).exclude(status=Status.CLOSED),
        "erasures": [_shown(one) for one in Erasure.objects.filter(subject=subject)],
        "may": "admin" in me.roles and me.key != subject,
        "crumbs": [_CRUMB, {"text": "Person"}],
    }
    return render(request, "audit/erasure_person.html", context)


@needs_role("admin")
@require_POST
@needs_fresh_sign_in()
def decide(request: HttpRequest, subject: str) -> HttpResponseBase:
    """Ask for the erasure, place a hold at once, or ask for the end of one."""
    verb = request.POST.get("verb", "")
    if verb not in {
        erase_and_legal_hold.ERASE,
        erase_and_legal_hold.PLACE,
        erase_and_legal_hold.LIFT,
    }:
        raise Http404(verb)
    matter = request.POST.get("matter", "").strip()[:100]
    try:
        done = perform(
            actor(request),
            verb,
            Target(erase_and_legal_hold.KIND, subject),
            params={} if verb == erase_and_legal_hold.ERASE else {"matter": matter},
            reason=request.POST.get("reason", "").strip()[:2000],
        )
    except Refused as refused:
        tell(request, refused.code)
        messages.error(request, refused.detail)
        return redirect("erasures")
    if done.approval is not None:
        return redirect("approval", approval_id=done.approval.id)
    short = subject_and_store_registry.identify(subject).short
    messages.success(request, f"You placed legal hold {matter} on the person {short}.")
    return redirect("erasure-person", subject=subject)


@never_cache
@needs_role("admin", "auditor")
@require_safe
def certified(request: HttpRequest, erasure_id: UUID) -> HttpResponse:
    """The certificate: its entry, the proof of it, and every entry that lost values.

    JSON to be kept and checked; with `?page` a page to be read and printed.
    """
    found = Erasure.objects.filter(pk=erasure_id).first()
    row = _certificate_of(found) if found is not None else None
    if found is None or row is None or row.seq is None:
        raise Http404(f"no certificate of {erasure_id}")
    try:
        proof = proofs_and_tiles.proof_for(row.event)
    except proofs_and_tiles.NotSequenced:
        raise Http404("the certificate is in no signed tree yet") from None
    left = [certificate.OUT_OF_REACH[code] for code in found.certificate["out_of_reach"]]
    if "page" in request.GET:
        return _on_paper(request, found, row, proof, left)
    body = {
        "schema": "ata.erasure-certificate.v1",
        "index": row.seq,
        "entry": proofs_and_tiles.entry_of(row.event).decode(),
        "proof": proof,
        "key": proofs_and_tiles.vkey(),
        "ranges": found.touched,
        "documents": found.restated,
        "rows": found.emptied,
        "out_of_reach": dict(zip(found.certificate["out_of_reach"], left, strict=True)),
        "how_to_check": (
            "Save `proof` and `entry` as files: `ata verify PROOF --entry ENTRY --vkey KEY`. "
            "`data.ranges_sha256` of the entry is the SHA-256 of `ranges` in RFC 8785 form, "
            "`data.documents_sha256` that of `documents`: digests before and since; "
            "`data.rows_sha256` that of `rows`: columns that lost words before their events did."
        ),
    }
    text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    saved = {"Content-Disposition": f'attachment; filename="erasure-{found.subject[:12]}.json"'}
    return HttpResponse(text, content_type="application/json", headers=saved)


def _on_paper(
    request: HttpRequest, found: Erasure, row: EventRow, proof: str, left: list[str]
) -> HttpResponse:
    """The certificate as a page: whatever somebody needs to check it who has only the paper."""
    signed = proof.split("\n\n", 1)[1]
    head = checkpoints.parse(note.parse(signed).text)
    labels = {store.name: store.label for store in subject_and_store_registry.stores()}
    stores = found.certificate["stores"].items()
    context = {
        "erasure": found,
        "event": row.event,
        "index": row.seq,
        "said": found.certificate,
        "ranges": found.certificate["ranges"],
        "stores": [(labels.get(name, name), count) for name, count in stores],
        "left": left,
        "head": head,
        "root": b64encode(head.root).decode(),
        "entry": proofs_and_tiles.entry_of(row.event).decode(),
        "proof": proof,
        "keys": proofs_and_tiles.vkeys(),
        "crumbs": [_CRUMB, {"text": "Certificate"}],
    }
    return render(request, "audit/erasure_certificate.html", context)


def _certificate_of(found: Erasure) -> EventRow | None:
    ends = EventRow.of_operation(found.operation).filter(
        action__in=erased_or_altered_documents.ENDS
    )
    return ends.filter(outcome="success").order_by("-event").first()


def _shown(found: Erasure) -> dict[str, Any]:
    row = _certificate_of(found) if found.state == "done" else None
    return {
        "erasure": found,
        "events": found.certificate.get("events", 0),
        "event": row.event if row else None,
        "index": row.seq if row else None,
        "done": len(found.steps),
        "all": len(subject_and_store_registry.stores()),
    }
