"""`/log/`: the public face of the log (C2SP tlog-tiles). Hashes reveal nothing; entries would."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from accounts.bearer import bearer
from accounts.models import User
from accounts.permissions import actor
from api.problems import Problem, answer
from audit.keys import keyring
from audit.ledger.merkle import ProofError
from audit.ledger.tiles import WIDTH, TileName, parse_path
from audit.proofs import proofs_and_tiles, timestamping
from audit.proofs.proofs_and_tiles import NotSequenced
from audit.views.read_permissions import reads_everything

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_FOR_READERS = "Entries are for auditors, operators and admins; the hashes at tile/0/… are public."
_NEVER_CHANGES = "max-age=31536000, immutable"


@login_not_required
@require_safe
def checkpoint(request: HttpRequest) -> HttpResponse:
    """The newest signed checkpoint with its cosignatures."""
    try:
        text = proofs_and_tiles.checkpoint_note()
    except NotSequenced as error:
        response = HttpResponse(f"{error}\n", status=404, content_type=_TEXT)
        response["Retry-After"] = "5"
        return response
    response = HttpResponse(text, content_type=_TEXT)
    response["Cache-Control"] = "no-cache"
    return response


@login_not_required
@require_safe
def key(request: HttpRequest) -> HttpResponse:
    """The log's verifier keys (C2SP signed-note), one a line, to be compared on another way."""
    text = "".join(f"{one}\n" for one in proofs_and_tiles.vkeys())
    response = HttpResponse(text, content_type=_TEXT)
    response["Cache-Control"] = "public, max-age=300"
    return response


@login_not_required
@require_safe
def keys(request: HttpRequest) -> JsonResponse:
    """Every key the log ever had, and the statements that lead from one to the next."""
    ring = keyring.read()
    keys = [{"vkey": p.vkey, "since": p.since, "until": p.until} for p in ring.periods]
    body = {"origin": proofs_and_tiles.origin(), "keys": keys, "statements": ring.statements}
    return JsonResponse(body, headers={"Cache-Control": "public, max-age=300"})


@login_not_required
@require_safe
def time_token(request: HttpRequest, size: int) -> HttpResponse:
    """What the time authority said about the tree of that size (RFC 3161, DER)."""
    token = timestamping.token_for(size) if size < 2**63 else None
    if token is None:
        raise Http404(f"no time token is about a tree of {size}")
    return HttpResponse(
        bytes(token.response),
        content_type="application/timestamp-reply",
        headers={
            "Content-Disposition": f'attachment; filename="{size}.tsr"',
            "Cache-Control": f"public, {_NEVER_CHANGES}",
        },
    )


@login_not_required
@require_safe
def tile(request: HttpRequest, tile: str) -> HttpResponse:
    """A tile of hashes for anybody, or an entry bundle for readers of the trail."""
    try:
        name = parse_path(tile)
    except ValueError as error:
        raise Http404(str(error)) from None
    if name.level is None:
        return _bundle(request, name)
    try:
        body = proofs_and_tiles.served_tile(name.level, name.index, name.width)
    except ProofError as error:
        raise Http404(str(error)) from None
    return _forever(body, name, "public")


def _bundle(request: HttpRequest, name: TileName) -> HttpResponse:
    if "authorization" in request.headers:  # a program with a token, such as an auditor's witness
        if (problem := _refused(request)) is not None:
            return answer(problem, request)
    elif not isinstance(request.user, User) or not reads_everything(actor(request)):
        raise PermissionDenied(_FOR_READERS)
    try:
        body = proofs_and_tiles.bundle(name.index, name.width)
    except ProofError as error:
        raise Http404(str(error)) from None
    return _forever(body, name, "private")


def _refused(request: HttpRequest) -> Problem | None:
    """Why the token in the header opens no entries; None where it does."""
    try:
        caller = bearer(request)
    except Problem as problem:
        return problem
    if caller is None:
        words = "Send an access token for this API: Authorization: Bearer …"
        return Problem(401, "token_missing", words)
    if not reads_everything(caller.actor):
        return Problem(403, "not_permitted", _FOR_READERS)
    return None


def _forever(body: bytes, name: TileName, scope: str) -> HttpResponse:
    response = HttpResponse(body, content_type=_BYTES)
    whole = name.width == WIDTH
    response["Cache-Control"] = f"{scope}, {_NEVER_CHANGES if whole else 'max-age=3600'}"
    return response
