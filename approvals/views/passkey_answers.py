"""Answering a request with a passkey: what the asked person is offered, and taking the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.permissions import actor
from approvals import clock
from approvals.cancel_resend_confirm_denial import NotYours
from approvals.errors import Refused
from approvals.models import Approval, Ask, Passkey, Status
from approvals.passkeys import assertions, queries, relying_party
from approvals.pipeline import deny_expire_cancel
from approvals.step_up import take_ciba_or_passkey_answer
from approvals.views.passkey_management import sent
from audit.recording.actors import Actor
from ui.refused_request_audit_flag import mark, tell

_MINUTE_S: Final = 60.0
_SAID: Final[dict[str, assertions.Said]] = {"approve": "approve", "deny": "deny"}
_SIGNED: Final = {"approve": "an approval", "deny": "a denial"}
_NONE: Final = "You have no passkey here. One that you add now counts for later requests."
_ELSEWHERE: Final = "Your passkeys were made for another address of the portal."


@dataclass(frozen=True, slots=True)
class Offer:
    """Options for signing an answer with a passkey.

    Attributes:
        code: the binding message of what the person was sent.
        approve, deny: `PublicKeyCredentialRequestOptionsJSON` as text, one for each answer; empty
            where that answer cannot be signed.
        problem: why neither can be signed; empty where one can.
        until: when a denial that was given by phone can no longer be signed.
    """

    code: str
    approve: str = ""
    deny: str = ""
    problem: str = ""
    until: datetime | None = None


def offer(approval: Approval, asks: list[Ask], viewer: Actor, *, still_true: bool) -> Offer | None:
    """What the viewer can sign to answer a request; None where they were not asked, or where their
    answer is not given with a passkey.

    Args:
        approval: the request.
        asks: sent for it, the oldest first.
        viewer: the signed-in person.
        still_true: whether the request's target is still as it was; if not, an approval would
            commit nothing, and only a denial is offered.
    """
    mine = [ask for ask in asks if (ask.person.iss, ask.person.sub) == (viewer.iss, viewer.sub)]
    if not mine:
        return None
    ask = mine[-1]
    again = deny_expire_cancel.waits_for_signed_denial(approval, viewer)
    if not again and (
        approval.status != Status.PENDING
        or take_ciba_or_passkey_answer.refusal(approval, ask, viewer, channel="passkey")
    ):
        return None
    usable = list(queries.usable(viewer))
    fits = [key for key in usable if not _why_not(approval, ask, key)]
    if not fits:
        return Offer(ask.code, problem=_why_not(approval, ask, usable[-1]) if usable else _NONE)
    return Offer(
        ask.code,
        approve="" if again or not still_true else _options(approval, ask, "approve", fits),
        deny=_options(approval, ask, "deny", fits),
        until=deny_expire_cancel.signed_denial_until(approval) if again else None,
    )


def _why_not(approval: Approval, ask: Ask, key: Passkey) -> str:
    if key.rp_id != relying_party.rp_id() or relying_party.origin() not in key.origins:
        return _ELSEWHERE
    code = assertions.why_not(approval, ask, key)
    return assertions.WORDS[code] if code else ""


def _options(approval: Approval, ask: Ask, decision: str, fits: list[Passkey]) -> str:
    left = (ask.expires_at - clock.now()).total_seconds()
    if left <= 0:  # a denial that is signed afterwards
        left = _MINUTE_S
    options: dict[str, Any] = {
        "challenge": relying_party.b64url(assertions.challenge(approval, decision)),
        "rpId": relying_party.rp_id(),
        "timeout": round(left * 1000),
        "userVerification": "required",
        "allowCredentials": [
            {"type": "public-key", "id": key.credential_id, "transports": key.transports}
            for key in fits
        ],
    }
    return json.dumps(options)


@require_POST
@never_cache
def answer(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """The asked person's signed answer."""
    said = request.POST.get("decision", "")
    try:
        if said not in _SAID:
            raise Refused("malformed_passkey", "Say approve or deny.")
        reason = request.POST.get("reason", "").strip()[:500]
        assertions.give(actor(request), str(approval_id), _SAID[said], sent(request), reason)
        sentence = Approval.objects.values_list("sentence", flat=True).get(pk=approval_id)
        messages.success(request, f"You signed {_SIGNED[said]} of “{sentence}”.")
    except NotYours:
        mark(request, "not_yours", certain=True)
        raise Http404 from None
    except Approval.DoesNotExist:
        raise Http404 from None
    except Refused as refused:
        tell(request, refused.code)  # what a passkey signed is on the trail already
        messages.error(request, refused.detail)
    return redirect("approval", approval_id=approval_id)
