"""`/audit/ledger/`: what the log has signed, and verifying all of it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import actor
from audit import (
    clock,
    witnesses,
)
from audit.evidence import (
    log_proof_levels,
)
from audit.exports import (
    full_log,
)
from audit.keys import (
    keyring,
    restored_database_adoption,
)
from audit.ledger.key_transitions import log_renames
from audit.models import Cosignature, VerificationRun
from audit.proofs import (
    proofs_and_tiles,
    timestamping,
)
from audit.sequencing import (
    signed_state,
    stored_tree_queries,
)
from audit.sequencing.sequencer import stopped_reason
from audit.verification import (
    continuous,
    requested_runs,
)
from audit.views.log import whole_log_download
from audit.views.log.verification_run_description import RunWords, in_words
from audit.views.read_permissions import for_readers
from ui import outage_banners

_SHOWN = 10


@require_safe
@for_readers
def ledger(request: HttpRequest) -> HttpResponse:
    """Checkpoint, key, witnesses, verification runs, and how to check us."""
    newest = signed_state.newest_checkpoint()
    runs = [in_words(run, clock.now()) for run in _runs()]
    size = newest.size if newest else 0
    context: dict[str, Any] = {
        "checkpoint": newest,
        "root": bytes(newest.root).hex() if newest else "",
        "note": proofs_and_tiles.signed_note(newest) if newest else "",
        "pending": stored_tree_queries.pending(),
        "stopped": stopped_reason(),
        "rounds": continuous.Progress.read(),
        "no_worker": outage_banners.health().worker,
        "origin": proofs_and_tiles.origin(),
        "keys": _keys(),
        "adoptions": _adoptions(size),
        "witnesses": _witnesses(newest.size if newest else 0),
        "asked": witnesses.standings(),
        "witness_problem": witnesses.configured().problem,
        "quorum": _quorum(),
        "sizes": log_proof_levels.current(),
        "token": timestamping.newest_token(),
        "time_asked": bool(settings.TSA_URL),
        "time_trusted": settings.TSA_CA_FILE is not None,
        "runs": runs,
        "busy": any(run.live for run in runs),
        "commands": whole_log_download.commands(),
        "log_bytes": full_log.length_of(newest) if newest else 0,
    }
    return render(request, "audit/ledger.html", context)


@require_POST
@for_readers
def verify(request: HttpRequest) -> HttpResponse:
    """Ask the worker to verify everything; one at a time."""
    waiting = VerificationRun.objects.filter(
        state__in=(VerificationRun.State.WAITING, VerificationRun.State.RUNNING)
    ).first()
    run = waiting or requested_runs.request(actor(request))
    return HttpResponseRedirect(f"/audit/ledger/runs/{run.id}/")


@require_safe
@for_readers
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One run: its progress while it runs, its result in words afterwards."""
    found = VerificationRun.objects.filter(id=run_id).first()
    if found is None:
        raise Http404("no such verification")
    words: RunWords = in_words(found, clock.now())
    crumbs = [{"text": "Signed log", "url": "/audit/ledger/"}, {"text": "Verification"}]
    template = "audit/_run.html" if request.headers.get("HX-Request") else "audit/run.html"
    response = render(request, template, {"run": words, "crumbs": crumbs})
    response["Vary"] = "HX-Request"
    return response


def _adoptions(size: int) -> list[dict[str, Any]]:
    """What was adopted, newest first, and whether signing waits for a size because of it."""
    waiting = [
        one for one in restored_database_adoption.under_this_name() if one.signed_size >= size
    ]
    return [
        {
            "made": one,
            "at": datetime.fromisoformat(one.at),
            "waits": one in waiting,
            "moved": log_renames.parse(one.statement) if one.statement else None,
        }
        for one in reversed(restored_database_adoption.made_so_far())
    ]


def _keys() -> list[dict[str, Any]]:
    """The log's keys and the trees they sign, those in force first."""
    ring = keyring.read()
    periods = sorted(ring.periods, key=lambda one: (one.until is not None, one.since))
    return [
        {
            "former": one.key.name if one.key.name != ring.names[-1] else "",
            "vkey": one.vkey,
            "algorithm": one.key.algorithm,
            "fingerprint": hashlib.sha256(one.key.public_key).hexdigest(),
            "since": one.since,
            "until": one.until,
            "size": len(one.key.public_key),
        }
        for one in periods
    ]


def _runs() -> list[VerificationRun]:
    order = VerificationRun.objects.order_by("-asked")
    return list(order[:_SHOWN])


def _quorum() -> str:
    """How many must have cosigned, in words; empty where nobody is asked for."""
    policy = witnesses.configured().policy
    if policy is None or not policy.witnessed:
        return ""
    return f"{policy.fewest} of {len(policy.witnesses)}"


def _witnesses(size: int) -> list[str]:
    names = Cosignature.objects.filter(size=size).values_list("name", flat=True)
    return sorted(set(names))
