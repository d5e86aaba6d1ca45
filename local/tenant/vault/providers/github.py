"""GitHub's REST API, as far as an agent of the demonstration needs it.

Shapes and refusals follow docs.github.com/rest (users, repositories, issues).
"""

from __future__ import annotations

from collections.abc import Collection

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from local.tenant import clock
from local.tenant.vault.models import ProviderItem, ProviderToken
from local.tenant.vault.providers.bearer import body, endpoint
from local.tenant.vault.providers.catalog import GITHUB

REPOSITORIES = (
    ("edge-runtime", "Runtime of the edge gateways", False),
    ("skills", "Reviewed skills of the fleet", True),
    ("runbooks", "What to do at 3 a.m.", True),
)


class _Dialect:
    def unauthenticated(self, why: str) -> HttpResponse:
        message = "Requires authentication" if why == "missing" else "Bad credentials"
        return _error(401, message)

    def out_of_scope(self, needed: Collection[str], held: Collection[str]) -> HttpResponse:
        response = _error(403, "Resource not accessible by integration")
        response["X-OAuth-Scopes"] = ", ".join(held)
        response["X-Accepted-OAuth-Scopes"] = ", ".join(needed)
        return response


_GITHUB = _Dialect()
_WRITE = ("repo", "public_repo")


@endpoint(GITHUB, _GITHUB, GET=())
def user(request: HttpRequest, token: ProviderToken) -> HttpResponse:
    """`GET /user`."""
    return _ok(
        token,
        {
            "login": token.grant.login,
            "id": int(token.grant.user_id),
            "type": "User",
            "name": token.grant.login.replace("-", " ").title(),
            "public_repos": sum(not private for _, _, private in REPOSITORIES),
        },
    )


@endpoint(GITHUB, _GITHUB, GET=_WRITE)
def repositories(request: HttpRequest, token: ProviderToken) -> HttpResponse:
    """`GET /user/repos`; private ones need the `repo` scope."""
    owner = token.grant.login
    return _ok(
        token,
        [
            {
                "id": 1000 + index,
                "name": name,
                "full_name": f"{owner}/{name}",
                "private": private,
                "description": description,
                "owner": {"login": owner, "id": int(token.grant.user_id)},
            }
            for index, (name, description, private) in enumerate(REPOSITORIES)
            if not private or "repo" in token.scopes
        ],
    )


@endpoint(GITHUB, _GITHUB, GET=_WRITE, POST=_WRITE)
def issues(request: HttpRequest, token: ProviderToken, owner: str, repo: str) -> HttpResponse:
    """`GET` and `POST /repos/{owner}/{repo}/issues`."""
    known = {name: private for name, _, private in REPOSITORIES}
    hidden = known.get(repo, True) and "repo" not in token.scopes
    if owner != token.grant.login or repo not in known or hidden:
        return _error(404, "Not Found")
    items = ProviderItem.objects.filter(provider=GITHUB.name, place=f"{owner}/{repo}/issues")
    if request.method == "GET":
        return _ok(token, [item.body for item in items.order_by("-id")])
    title = body(request).get("title")
    if not isinstance(title, str) or not title.strip():
        return _error(422, "Validation Failed")
    now = clock.now()
    issue = {
        "number": items.count() + 1,
        "title": title,
        "body": str(body(request).get("body", "")),
        "state": "open",
        "user": {"login": token.grant.login},
        "created_at": now.isoformat(),
    }
    ProviderItem.objects.create(
        provider=GITHUB.name, place=f"{owner}/{repo}/issues", body=issue, created_at=now
    )
    return _ok(token, issue, status=201)


def _ok(token: ProviderToken, content: object, status: int = 200) -> HttpResponse:
    response = JsonResponse(content, safe=False, status=status)
    response["X-OAuth-Scopes"] = ", ".join(token.scopes)
    return response


def _error(status: int, message: str) -> HttpResponse:
    return JsonResponse(
        {
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": str(status),
        },
        status=status,
    )


urlpatterns = [
    path("user", user),
    path("user/repos", repositories),
    path("repos/<str:owner>/<str:repo>/issues", issues),
]
