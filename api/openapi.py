"""What the OpenAPI document promises beyond the shapes of success: who may call, and every no.

Each operation lists its own refusals next to its code with `may`; what every operation of a kind
can answer is added here, so that `tests/contract` can hold the running server to the whole.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from ninja import NinjaAPI, Schema
from pydantic import BaseModel

from api.problems import CONTENT_TYPE
from audit.ingest.reported_events import Reported

PUBLIC: Final[dict[str, Any]] = {"security": []}
"""`openapi_extra` of an operation that needs no token."""

_OF_BODIES: Final = (411, 413, 415, 422)
_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})
_WORDS: Final = {
    400: "The request is malformed, or its body is not JSON",
    401: "No token, or one that is not accepted",
    403: "Your roles or your token do not allow it",
    404: "Not there, or not yours to see",
    409: "Not in a state for this",
    410: "It was there and is gone",
    411: "The body does not say its length",
    413: "The body is too large",
    415: "The body is compressed or is no JSON",
    422: "A value is not as described; `pointer` names it",
    429: "Too often; Retry-After says when",
    431: "Address and headers together are longer than 64 KiB; said by the server, in plain text",
    502: "The vault did not answer",
    503: "The issuer's keys cannot be read",
}


class ProblemDetails(Schema):
    """Why a call did nothing (RFC 9457). Branch on `code`: it is stable."""

    model_config = {"extra": "allow"}

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str = ""
    pointer: str = ""


def may(*statuses: int, **success: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` that lists the refusals of an operation.

    `success` is the content of its 200 answer by a short name, where no schema describes it:
    `may(404, ok=BYTES)`.
    """
    responses: dict[int, Any] = {status: refusal(status) for status in statuses}
    if content := success.get("ok"):
        responses[200] = {"description": "OK", "content": content}
    return {"responses": responses}


def text(media_type: str) -> dict[str, Any]:
    """Content of an answer that is no JSON."""
    return {media_type: {"schema": {"type": "string"}}}


BYTES: Final = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}

ZIP: Final = {"application/zip": {"schema": {"type": "string", "format": "binary"}}}


def refusal(status: int) -> dict[str, Any]:
    """One refusal as the document shows it."""
    return {
        "description": _WORDS.get(status, HTTPStatus(status).phrase),
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
    }


class ContractAPI(NinjaAPI):
    """The API whose document names its security and its problems."""

    def get_openapi_schema(self, **options: Any) -> Any:
        """The OpenAPI document, complete."""
        schema: Any = super().get_openapi_schema(**options)
        components = schema["components"]
        components["schemas"] |= _schemas(ProblemDetails, Reported)
        components["securitySchemes"] = {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "An Auth0 access token for the audience in /v1/client-config.",
            },
            "dpop": {
                "type": "http",
                "scheme": "dpop",
                "description": "The same bound to a key, with a proof in the header DPoP.",
            },
        }
        schema["security"] = [{"bearer": []}, {"dpop": []}]
        for found in schema["paths"].values():
            for method in _METHODS & found.keys():
                _complete(found[method])
        return schema


def _schemas(*models: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    return found


def _complete(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    general = [400] if operation.get("security") == [] else [400, 401, 503]
    if "requestBody" in operation:
        general += _OF_BODIES
    for status in general:
        responses.setdefault(status, refusal(status))
    responses[431] = {"description": _WORDS[431], "content": text("text/plain")}
    operation["responses"] = dict(sorted(responses.items()))
