"""What the running portal writes when it is only looked at, or sent nothing: no decision."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection

from approvals.actor_json import from_json
from audit.evidence import storage
from audit.models import EventRow
from audit.recording.actors import Actor
from tests.attacks.sign_in.doors import doors
from tests.audit.browsing import browser_of
from tests.house.test_nothing_is_written_past_the_pipeline import SAFE, methods_of
from tests.house.ways_in import ROUTES
from tests.support.sign_in import SUBS

DECIDED = re.compile(
    r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"((?:approvals_(?!person|shortlived|idempotency)'
    r"|connections_(?:connectedaccount|justintime|manifest|freeze|review)|enforcement_asset)\w*)\"",
    re.IGNORECASE,
)
ROLES = {"nobody": (), "everything": ("auditor", "operator", "admin")}


@pytest.fixture(autouse=True)
def _own_ground(db: None, settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    storage.forget_read()
    cache.clear()


@pytest.fixture
def decided() -> Iterator[list[str]]:
    """Tables of decisions that were written, one entry a statement."""
    found: list[str] = []

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if match := DECIDED.match(sql):
            found.append(match[1])
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        yield found


def person(role: str) -> Actor:
    """Somebody with no role, or with all of them."""
    roles = list(ROLES[role])
    return from_json(
        {
            "iss": django_settings.ENV.issuer,
            "sub": SUBS["operator"],
            "name": role,
            "roles": roles,
            "via": "web",
        }
    )


def answers(role: str, pattern: str, path: str, method: str) -> int:
    """The status of one request; what a page raises counts as no answer."""
    browser = browser_of(person(role))
    browser.raise_request_exception = False
    return int(getattr(browser, method)(path).status_code)


@pytest.mark.parametrize("role", ROLES)
def test_looking_at_every_page_decides_nothing(role: str, decided: list[str]) -> None:
    seen = [answers(role, door.pattern, door.path, "get") for door in doors()]
    assert decided == []
    assert seen.count(200) >= 5
    actions = set(EventRow.objects.values_list("action", flat=True))
    assert actions <= {"access.refused", "audit.viewed", "operator.sign_in_failed",
                       "connection.connected", "connection.exported", "audit.exported",
                       "evidence.read", "audit.verified"}, actions  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_an_empty_form_at_a_door_that_does_not_decide_decides_nothing(
    role: str, decided: list[str]
) -> None:
    tried = 0
    for door in doors():
        methods = methods_of(door.view)
        said, _ = ROUTES.get(door.pattern, ("", ""))
        if door.pattern.startswith("v1/") or said == "decides" or (methods and not methods - SAFE):
            continue
        answers(role, door.pattern, door.path, "post")
        tried += 1
    assert tried > 8
    assert decided == []


def test_these_eyes_are_open(decided: list[str]) -> None:
    """A decision in the same process is seen."""
    from approvals.pipeline.service import perform
    from audit.recording.actors import Target

    perform(person("everything"), "skill.hold", Target("skill", "pdf-exfil"))
    assert "enforcement_asset" in decided
