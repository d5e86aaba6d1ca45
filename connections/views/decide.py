"""Taking a decision from a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest

from accounts.permissions import actor
from approvals.errors import Refused
from approvals.pipeline.service import Performed, perform
from audit.recording.actors import Target
from ui.refused_request_audit_flag import tell


def decide(
    request: HttpRequest,
    verb: str,
    target: Target,
    params: Mapping[str, Any] | None = None,
    *,
    refused: str = "",
) -> Performed | None:
    """Take it with the form's reason; None where it is refused, which a message says.

    Args:
        refused: what the message says before why.
    """
    reason = request.POST.get("reason", "").strip()[:500]
    try:
        return perform(actor(request), verb, target, params=params, reason=reason)
    except Refused as no:
        tell(request, no.code)
        messages.error(request, f"{refused}{no.detail}")
        return None
