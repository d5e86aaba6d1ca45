"""Errors in the My Account API's dialect: RFC 9457 problem details with `validation_errors`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate

from django.http import HttpRequest, HttpResponse, JsonResponse

_CODES = {400: "0001", 401: "0003", 403: "0002", 404: "0001", 405: "0001", 409: "0001", 415: "0001"}


@dataclass(frozen=True, slots=True)
class Invalid:
    """One thing wrong with the body or the query (`source`)."""

    detail: str
    field: str
    pointer: str
    source: str = "body"


class Problem(Exception):
    """An answer of the My Account API other than success."""

    def __init__(self, status: int, detail: str, invalid: Sequence[Invalid] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.invalid = tuple(invalid)

    def response(self) -> HttpResponse:
        """The problem as `application/problem+json`."""
        body: dict[str, Any] = {
            "type": f"https://auth0.com/api-errors#A0E-{self.status}-{_CODES[self.status]}",
            "status": self.status,
            "title": HTTPStatus(self.status).phrase,
            "detail": self.detail,
        }
        if self.invalid:
            body["validation_errors"] = [asdict(item) for item in self.invalid]
        response = JsonResponse(body, status=self.status, content_type="application/problem+json")
        if self.status == HTTPStatus.UNAUTHORIZED:
            response["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        return response


def field(name: str, detail: str) -> Problem:
    """A 400 about one member of the body."""
    return Problem(400, "Payload validation error", [Invalid(detail, name, f"/{name}")])


def query(name: str, detail: str) -> Problem:
    """A 400 about one query parameter."""
    return Problem(400, "Query validation error", [Invalid(detail, name, f"/{name}", "query")])


def answers_problems[**P](
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Turn a `Problem` raised by `view` into its response."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Problem as problem:
            return problem.response()

    return wrapped
