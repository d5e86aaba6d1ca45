"""Access reviews of a running portal, opened and read over its API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.connections.api_house import (
    ADMIN,
    MIA,
    MILO,
    ApiHouse,
)

LIST = "/v1/reviews"
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
ANEW = f"""
account({MIA!r}, "github", "read:user", "delete_repo")
account({MIA!r}, "gitlab", "read_user")
account({MILO!r}, "github", "read:user")
"""


def decides(place: ApiHouse, verb: str, name: str, **params: Any) -> None:
    body = {"verb": verb, "target": {"kind": "review", "name": name}, "params": params}
    done = place.said("POST", "/v1/decisions", ADMIN, body)
    assert done.status_code == 201, done.text


def opened(place: ApiHouse, title: str = "Spring", **params: Any) -> str:
    """The id of a review that owners decide in, or as the parameters say."""
    review = str(uuid4())
    given = {"title": title, "due": TOMORROW, "reviewers": "owners"} | params
    decides(place, "review.open", review, **given)
    return review


def by_admins(place: ApiHouse) -> str:
    return opened(place, reviewers="admins", admins=[ADMIN])


def accounts(place: ApiHouse, review: str, who: str, query: str = "") -> list[dict[str, Any]]:
    answer = place.said("GET", f"{LIST}/{review}/accounts{query}", who)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def door(review: str, one: dict[str, Any], act: str = "decide") -> str:
    return f"{LIST}/{review}/accounts/{one['id']}/{act}"


def of(found: list[dict[str, Any]], sub: str, connection: str = "github") -> dict[str, Any]:
    [one] = [a for a in found if (a["owner"]["sub"], a["connection"]) == (sub, connection)]
    return one


def keep(reason: str = "") -> dict[str, str]:
    return {"decision": "keep", "reason": reason}
