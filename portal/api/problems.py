"""Errors of `/v1`: RFC 9457 problem+json with a stable `code`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from approvals.models import Approval
from approvals.perform import Refused

CONTENT_TYPE = "application/problem+json"
_STATUS_OF_REFUSAL = {
    "not_permitted": 403,
    "unknown_verb": 422,
    "bad_target": 422,
    "bad_params": 422,
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
    if request is not None and (reference := request.META.get("ATA_REQUEST_ID")):
        body["request_id"] = reference
    response = JsonResponse(body, status=problem.status, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    for name, value in problem.headers.items():
        response[name] = value
    return response


def refusal(refused: Refused) -> Problem:
    """A pipeline refusal as a problem."""
    status = _STATUS_OF_REFUSAL.get(refused.code, 409)
    members: dict[str, Any] = {"pointer": refused.pointer} if refused.pointer else {}
    return Problem(status, refused.code, refused.detail, **members)


def register(api: NinjaAPI) -> None:
    """Every error of the API leaves as problem+json."""

    @api.exception_handler(Problem)
    def _problem(request: HttpRequest, error: Problem) -> HttpResponse:
        return answer(error, request)

    @api.exception_handler(Refused)
    def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
        return answer(refusal(error), request)

    @api.exception_handler(Approval.DoesNotExist)
    def _no_approval(request: HttpRequest, _error: Approval.DoesNotExist) -> HttpResponse:
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
        first: dict[str, Any] = dict(error.errors[0]) if error.errors else {}
        where = [
            str(p) for p in first.get("loc", ()) if p not in {"body", "query", "path", "header"}
        ]
        return answer(
            Problem(
                422,
                "invalid_request",
                f"{'/'.join(where) or 'body'}: {first.get('msg', 'not valid')}",
                pointer="/" + "/".join(where),
            ),
            request,
        )

    @api.exception_handler(HttpError)
    def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
        code = "invalid_json" if error.status_code == 400 else "refused"
        return answer(Problem(error.status_code, code, str(error.message)), request)
