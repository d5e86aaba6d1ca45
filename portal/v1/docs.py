"""The OpenAPI document: `/v1/openapi.json`, and `/v1/docs` as a page that needs no script.

Anybody may fetch both, so the document is built, written and compressed once a process.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString
from django.views.decorators.http import condition, require_safe

from portal.v1.routers import api

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter or body member."""

    name: str
    where: str
    type: str
    required: bool
    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the API."""

    group: str
    method: str
    path: str
    summary: str
    text: str
    public: bool
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The OpenAPI document as it is sent: JSON, the same compressed, and its entity tag."""

    body: bytes
    compressed: bytes
    tag: str


@lru_cache(maxsize=1)
def document() -> Document:
    """The document, built once."""
    body = json.dumps(_schema(), ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Document(body, gzip.compress(body, mtime=0), tag)


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = api.get_openapi_schema()
    return schema


@login_not_required
@require_safe
@condition(etag_func=lambda request: document().tag)
def openapi(request: HttpRequest) -> HttpResponse:
    """The document; 304 for who has it."""
    found = document()
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    response = HttpResponse(
        found.compressed if packed else found.body, content_type="application/json"
    )
    if packed:
        response["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ("Accept-Encoding",))
    response["Cache-Control"] = "public, max-age=300"
    return response


@login_not_required
def docs(request: HttpRequest) -> HttpResponse:
    """Every call with its parameters, grouped as the routers are."""
    return render(request, "portal/api_docs.html", {"operations": _listing()})


@lru_cache(maxsize=1)
def _listing() -> SafeString:
    """The calls as HTML, in the groups of their routers: the same for everybody."""
    found: dict[str, list[Operation]] = {}
    for operation in operations():
        found.setdefault(operation.group, []).append(operation)
    groups = [{"name": name, "operations": those} for name, those in found.items()]
    return render_to_string("portal/api_operations.html", {"groups": groups})


def operations() -> tuple[Operation, ...]:
    """All operations of the OpenAPI document, in the order of the routers."""
    schema = _schema()
    return tuple(
        _operation(schema, path, method, found[method])
        for path, found in schema["paths"].items()
        for method in _METHODS
        if method in found
    )


def _operation(schema: dict[str, Any], path: str, method: str, spec: dict[str, Any]) -> Operation:
    return Operation(
        group=(spec.get("tags") or ["Other"])[0],
        method=method.upper(),
        path=path,
        summary=spec.get("summary", ""),
        text=spec.get("description", ""),
        public=spec.get("security") == [],
        fields=(*_parameters(spec), *_members(schema, spec)),
    )


def _parameters(spec: dict[str, Any]) -> list[Field]:
    return [
        Field(
            found["name"],
            found["in"],
            _type(found.get("schema", {})),
            bool(found.get("required")),
            found.get("description", ""),
        )
        for found in spec.get("parameters", ())
    ]


def _members(schema: dict[str, Any], spec: dict[str, Any]) -> list[Field]:
    """Members of a JSON body that names its schema."""
    content = spec.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = _resolved(schema, content.get("schema", {}))
    required = body.get("required", ())
    return [
        Field(name, "body", _type(_resolved(schema, found)), name in required,
              found.get("description", ""))
        for name, found in body.get("properties", {}).items()
    ]  # fmt: skip


def _resolved(schema: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    name = str(found.get("$ref", "")).rpartition("/")[2]
    resolved: dict[str, Any] = schema["components"]["schemas"][name] if name else found
    return resolved


def _type(found: dict[str, Any]) -> str:
    options = [_type(option) for option in found.get("anyOf", ()) if option.get("type") != "null"]
    return " or ".join(options) or str(found.get("type", "value"))
