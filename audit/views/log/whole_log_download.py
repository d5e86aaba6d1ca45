"""The whole log to take away, and how to check it without us."""

from __future__ import annotations

import re

from django.conf import settings
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.permissions import actor
from audit.exports import full_log
from audit.models import Checkpoint
from audit.recording.actors import Actor
from audit.views.read_permissions import for_readers

FILE = "log.ndjson"


@require_safe
@for_readers
def entries(request: HttpRequest) -> HttpResponseBase:
    """All entries of a signed tree (`?size=`, else the newest) with what may be released."""
    size = request.GET.get("size", "")
    if size and not re.fullmatch(r"0|[1-9][0-9]{0,17}", size):
        raise Http404("size is the number of entries of a tree")
    try:
        checkpoint = full_log.checkpoint_of(int(size) if size else None)
    except full_log.NoSuchTree as error:
        raise Http404(f"{error}") from None
    return as_file(request, actor(request), checkpoint, FILE)


def as_file(
    request: HttpRequest, who: Actor, checkpoint: Checkpoint, name: str
) -> HttpResponseBase:
    """The download of the whole log; HEAD gets its headers, reads no entry and records nothing."""
    return StreamingHttpResponse(
        () if request.method == "HEAD" else full_log.hand_out(who, checkpoint),
        content_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def commands() -> str:
    """Three commands by which anybody keeps us honest; the last needs no server."""
    url = settings.PORTAL_URL
    return (
        "# once; compare it with others\n"
        f"curl -s {url}/log/key > log.key\n"
        "# today, and keep it\n"
        f"curl -s {url}/log/checkpoint > kept.note\n"
        "# later, with the log as a file\n"
        f"ata verify {FILE} --vkey log.key --since kept.note"
    )
