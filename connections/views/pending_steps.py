"""What is not finished about connections, for admins and auditors."""

from __future__ import annotations

import re
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import actor, needs_role
from connections.api.pending_steps import CURSOR, cursor_of, place_of
from connections.revocation import pending_steps_list
from connections.revocation.pending_steps_list import COUNTED, MOST


@never_cache
@needs_role("admin", "auditor")
@require_safe
def unfinished(request: HttpRequest) -> HttpResponseBase:
    """What waits for whom since when; admins may have a step tried again."""
    after = request.GET.get("after", "")
    place = place_of(after) if re.fullmatch(CURSOR, after) else None
    # From the beginning it is counted, as far as that goes; behind a place only the page is read.
    if place is None:
        found = pending_steps_list.pending()
        rows, more = found[:MOST], len(found) > MOST
    else:
        rows, more = pending_steps_list.page(place, MOST)
        found = rows
    context = {
        "rows": rows,
        "total": min(len(found), COUNTED),
        "uncounted": len(found) > COUNTED,
        "failed": sum(row.state == "failed" for row in found),
        "resumed": place is not None,
        "next_url": f"?after={cursor_of(rows[-1].place)}" if more else "",
        "may": "admin" in actor(request).roles,
    }
    return render(request, "connections/remediations.html", context)


@needs_role("admin")
@require_POST
def retry(request: HttpRequest, step: UUID) -> HttpResponseBase:
    """Try a remote step of a decision again, as soon as a worker is free."""
    what = pending_steps_list.step_in_words(str(step))
    if not pending_steps_list.try_again(str(step)):
        raise Http404(str(step))
    messages.success(request, f"You asked for another try of “{what}”.")
    return redirect("connections:remediations")
