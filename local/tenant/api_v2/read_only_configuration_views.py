"""What the tenant is made of: roles, connections, clients, APIs and client grants (read only)."""

from __future__ import annotations

from allauth.idp.oidc.models import Client
from django.http import HttpRequest, HttpResponse, JsonResponse

from local.tenant.api_v2 import shapes
from local.tenant.api_v2.errors_and_rate_limits import not_found
from local.tenant.api_v2.paging import pages
from local.tenant.models import ClientGrant, Connection, Person, ResourceServer, Role


def roles(request: HttpRequest) -> HttpResponse:
    """``GET /roles?name_filter=``."""
    rows = Role.objects.filter(name__icontains=request.GET.get("name_filter", ""))
    return pages(request, rows.order_by("name"), "roles", shapes.role)


def role_users(request: HttpRequest, role_id: str) -> HttpResponse:
    """``GET /roles/{id}/users``: user_id, email, name and picture of each."""
    if not Role.objects.filter(pk=role_id).exists():
        raise not_found("role", "inexistent_role")
    rows = Person.objects.filter(roles=role_id).order_by("pk")
    return pages(request, rows, "users", _member)


def connections(request: HttpRequest) -> HttpResponse:
    """``GET /connections?name=&strategy=``."""
    rows = Connection.objects.order_by("name")
    for name in ("name", "strategy"):
        if name in request.GET:
            rows = rows.filter(**{name: request.GET[name]})
    return pages(request, rows, "connections", shapes.connection)


def connection(request: HttpRequest, connection_id: str) -> HttpResponse:
    """``GET /connections/{id}``."""
    row = Connection.objects.filter(pk=connection_id).first()
    if row is None:
        raise not_found("connection", "inexistent_connection")
    return JsonResponse(shapes.connection(row))


def clients(request: HttpRequest) -> HttpResponse:
    """``GET /clients``."""
    return pages(request, Client.objects.order_by("pk"), "clients", shapes.client)


def client(request: HttpRequest, client_id: str) -> HttpResponse:
    """``GET /clients/{id}``."""
    row = Client.objects.filter(pk=client_id).first()
    if row is None:
        raise not_found("client", "inexistent_client")
    return JsonResponse(shapes.client(row))


def resource_servers(request: HttpRequest) -> HttpResponse:
    """``GET /resource-servers``."""
    rows = ResourceServer.objects.order_by("pk")
    return pages(request, rows, "resource_servers", shapes.resource_server)


def resource_server(request: HttpRequest, identifier: str) -> HttpResponse:
    """``GET /resource-servers/{id or identifier}``."""
    row = ResourceServer.objects.filter(pk=identifier).first()
    if row is None:
        raise not_found("resource server", "inexistent_resource_server")
    return JsonResponse(shapes.resource_server(row))


def client_grants(request: HttpRequest) -> HttpResponse:
    """``GET /client-grants?client_id=&audience=&subject_type=``."""
    rows = ClientGrant.objects.order_by("pk")
    lookups = {
        "client_id": "client_id",
        "audience": "audience_id",
        "subject_type": "subject_type",
    }
    given = {field: request.GET[name] for name, field in lookups.items() if name in request.GET}
    return pages(request, rows.filter(**given), "client_grants", shapes.client_grant)


def _member(person: Person) -> dict[str, str]:
    full = shapes.user(person)
    return {name: full[name] for name in ("user_id", "email", "name", "picture")}
