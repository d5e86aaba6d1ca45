"""Who sends a request of `/v1/outposts`: proven by the device key, never by a token."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest

from api.problems import Problem
from approvals import clock
from audit.recording.actors import Actor
from enforcement.models import Outpost
from enforcement.outposts import request_proofs, sealed_rows
from enforcement.outposts.request_proofs import Proof, ProofRefused
from ui.request_id import request_id

HEADER: Final[dict[str, Any]] = {
    "in": "header",
    "name": "DPoP",
    "required": False,
    "description": "Proof by the device key (RFC 9449), with `body`: SHA-256 of the request's body",
    "schema": {"type": "string", "maxLength": request_proofs.LONGEST},
}


def proven(request: HttpRequest) -> Proof:
    """The proof of this request; whether it was used before is for the caller to ask.

    Raises:
        Problem: 401 `proof_refused`, whose `reason` says which check failed.
    """
    now = clock.now()
    try:
        proof = request_proofs.verify(
            request.headers.get("DPoP", ""),
            method=request.method or "",
            url=settings.ENV.portal_url + request.path,
            body=request.body,
            now=now,
        )
    except ProofRefused as refused:
        raise _refused(refused) from None
    return proof


def proven_outpost(request: HttpRequest) -> Outpost:
    """The enrolled outpost that sends this request.

    Raises:
        Problem: 401 `proof_refused`, 401 `outpost_unknown`, 403 `outpost_altered`,
            `outpost_suspended` or `outpost_revoked`.
    """
    proof = proven(request)
    found = Outpost.objects.filter(id=proof.outpost, public_key=proof.public_key).first()
    if found is None:
        raise Problem(401, "outpost_unknown", "No outpost with this key is enrolled here.")
    if not request_proofs.is_first_use(proof.outpost, proof.jti, clock.now()):
        again = "This DPoP proof was used before; make one for each try."
        raise _refused(ProofRefused("replayed", again))
    check_admitted(found)
    return found


def check_admitted(outpost: Outpost) -> None:
    """Refuse an outpost that is suspended or revoked, or whose row somebody altered.

    Raises:
        Problem: 403 `outpost_altered`, `outpost_suspended` or `outpost_revoked`.
    """
    if not sealed_rows.is_as_recorded(outpost):
        raise Problem(403, "outpost_altered", sealed_rows.ALTERED)
    if outpost.revoked_at is not None:
        raise Problem(403, "outpost_revoked", "This outpost is revoked; enrol a new one.")
    if outpost.suspended_at is not None:
        raise Problem(403, "outpost_suspended", "This outpost is suspended; ask an admin.")


def arrived(request: HttpRequest, name: str = "") -> Actor:
    """The actor of a fact that arrived in this request: an outpost, which is nobody's identity."""
    return Actor(
        iss="",
        sub="",
        name=name,
        via="api",
        request=request_id(request),
        ip=request.META.get("REMOTE_ADDR", ""),
    )


def _refused(refused: ProofRefused) -> Problem:
    return Problem(
        401,
        "proof_refused",
        str(refused),
        headers={"WWW-Authenticate": 'DPoP algs="EdDSA"'},  # RFC 9449 section 7.1
        reason=refused.reason,
    )
