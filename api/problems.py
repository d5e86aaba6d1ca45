"""Errors of `/v1`: RFC 9457 problem+json with a stable `code`."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from approvals.cancel_resend_confirm_denial import NotYours
from approvals.errors import FRESH_FOR_S, FRESH_SIGN_IN, Refused, UnknownName
from approvals.models import Approval
from connections.scope_escalation.attempt_limits import TooManyAsks
from ui import refused_request_audit_flag

CONTENT_TYPE = "application/problem+json"
_MFA = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"
_STATUS_OF_REFUSAL = {
    "not_permitted": 403,
    "legal_hold": 403,
    "needs_another_person": 403,
    "unknown_subject": 404,
    "unknown_manifest": 404,
    "reason_required": 422,
    "unknown_verb": 422,
    "bad_target": 422,
    "bad_params": 422,
    "bad_policy": 422,
    "too_much_to_show": 422,
    "asked_too_often": 429,
    "no_approver": 409,
    "closed": 409,
    "nobody_asked": 409,
    "nothing_to_confirm": 409,
}


class Problem(Exception):
    """An answer that says no: status, stable code, and words that name the fix."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.members = members


def answer(problem: Problem, request: HttpRequest | None = None) -> JsonResponse:
    """The problem as a response."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        **problem.members,
    }
    if request is not None:
        _mark(request, problem)
    if request is not None and (reference := request.META.get("ATA_REQUEST_ID")):
        body["request_id"] = reference
    response = JsonResponse(body, status=problem.status, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    for name, value in problem.headers.items():
        response[name] = value
    return response


def _mark(request: HttpRequest, problem: Problem) -> None:
    if "event_id" in problem.members:  # it is on the trail already
        refused_request_audit_flag.unmark(request)
        return
    said = refused_request_audit_flag.mark_of(request)
    if said is None or not said.certain:
        refused_request_audit_flag.mark(
            request, problem.code, str(problem.members.get("reason", ""))
        )


def pointer_of(path: Iterable[str | int]) -> str:
    """The RFC 6901 pointer of a path of names and positions; "" is the whole document."""
    texts = (str(part).encode("utf-8", "backslashreplace").decode() for part in path)
    return "".join("/" + text.replace("~", "~0").replace("/", "~1") for text in texts)


def not_fresh(why: str, instead: str = "") -> Problem:
    """401 with the challenge of RFC 9470: what was asked for takes a fresh sign-in.

    Args:
        instead: what else the caller can do, as the end of a sentence.
    """
    challenge = (
        'Bearer realm="auth0-ata", error="insufficient_user_authentication", '
        f'error_description="A fresh sign-in is needed", acr_values="{_MFA}", '
        f'max_age="{FRESH_FOR_S}"'
    )
    return Problem(
        401,
        FRESH_SIGN_IN,
        f"{why} Sign in again with `ata login` and a second factor{instead}.",
        headers={"WWW-Authenticate": challenge},
        max_age=FRESH_FOR_S,
    )


def refusal(refused: Refused) -> Problem:
    """A pipeline refusal as a problem."""
    if refused.code == FRESH_SIGN_IN:
        return not_fresh(refused.detail, ", or do it on the page in a browser")
    status = _STATUS_OF_REFUSAL.get(refused.code, 409)
    members: dict[str, Any] = {"pointer": refused.pointer} if refused.pointer else {}
    if isinstance(refused, UnknownName):
        members["nearest"] = list(refused.nearest)
    wait = {"Retry-After": str(refused.retry_after_s)} if isinstance(refused, TooManyAsks) else None
    return Problem(status, refused.code, refused.detail, headers=wait, **members)


def nothing_stored() -> Problem:
    """A full or read-only disk, or a database that takes no writes."""
    return Problem(
        503,
        "storage_unavailable",
        "Nothing can be stored right now, so nothing was done. Reading goes on; try again.",
        headers={"Retry-After": "30"},
    )


def busy() -> Problem:
    """A wait for the database was given up: for a lock, an answer, or all that a request needs."""
    return Problem(
        503,
        "busy",
        "The database is busy: it took too long for what this needed, and the step that waited "
        "was not stored. Try again.",
        headers={"Retry-After": "5"},
    )


def altered(name: str) -> Problem:
    """What the answer is made of is not what was recorded.

    Args:
        name: of the entry, as `entry 1,234`.
    """
    return Problem(
        500,
        "entry_altered",
        f"Nothing was made: {name} is not what was recorded, it was altered or is missing. Choose "
        "“Verify everything” on the page “Signed log”, and restore the database from a backup.",
    )


def register(api: NinjaAPI) -> None:
    """Every error of the API leaves as problem+json."""

    @api.exception_handler(Problem)
    def _problem(request: HttpRequest, error: Problem) -> HttpResponse:
        return answer(error, request)

    @api.exception_handler(Refused)
    def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
        refused_request_audit_flag.tell(request, error.code)
        return answer(refusal(error), request)

    @api.exception_handler(Approval.DoesNotExist)
    def _no_approval(request: HttpRequest, error: Approval.DoesNotExist) -> HttpResponse:
        if isinstance(error, NotYours):
            refused_request_audit_flag.mark(request, "not_yours", certain=True)
        return answer(
            Problem(404, "not_found", "There is no such approval, or it is not yours to see."),
            request,
        )

    @api.exception_handler(AuthenticationError)
    def _unauthenticated(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
        return answer(
            Problem(
                401,
                "token_missing",
                "Send an access token for this API: Authorization: Bearer …",
                headers={"WWW-Authenticate": 'Bearer realm="auth0-ata"'},
            ),
            request,
        )

    @api.exception_handler(ValidationError)
    def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        return answer(invalid(error), request)

    @api.exception_handler(RequestDataTooBig)
    def _too_big(request: HttpRequest, _error: RequestDataTooBig) -> HttpResponse:
        return answer(Problem(413, "too_large", "The body is too large."), request)

    @api.exception_handler(HttpError)
    def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
        # Reading the body is wrapped by the framework; what we said about it is the cause.
        if isinstance(error.__cause__, Problem):
            return answer(error.__cause__, request)
        code = "invalid_json" if error.status_code == 400 else "refused"
        return answer(Problem(error.status_code, code, str(error.message)), request)


def invalid(error: ValidationError) -> Problem:
    """422 for the first field that is not as its schema says."""
    first: dict[str, Any] = dict(error.errors[0]) if error.errors else {}
    source, *where = first.get("loc", ("body",))
    if source == "body":
        where = where[1:]  # the name of our own parameter
    pointer = pointer_of(where)
    words = str(first.get("msg", "not valid")).removeprefix("Value error, ")
    detail = f"{pointer.removeprefix('/') or source}: {words}"
    return Problem(422, "invalid_request", printable(detail), pointer=pointer)


def printable(text: str) -> str:
    """A sentence that quotes a caller, without what UTF-8 cannot carry, and not endless."""
    return text.encode("utf-8", "backslashreplace").decode()[:1000]
