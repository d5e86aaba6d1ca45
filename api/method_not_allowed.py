"""405 of `/v1` as problem+json; the framework answers it before any of our handlers."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from api.problems import Problem, answer


class MethodsInWords:
    """Name the methods that an address has, in words and in `Allow` (RFC 9110 section 15.5.6)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not (request.path.startswith("/v1/") and isinstance(response, HttpResponseNotAllowed)):
            return response
        allowed = ", ".join(sorted(m.strip() for m in response["Allow"].split(",")))
        problem = Problem(
            405,
            "method_not_allowed",
            f"This address has {allowed}, not {(request.method or '')[:20]}.",
            headers={"Allow": allowed},
        )
        return answer(problem, request)
