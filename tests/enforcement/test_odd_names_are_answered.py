"""What the page of a component says and links where its name is an unusual one."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.urls import reverse

from approvals import clock
from approvals.models import Approval
from approvals.views import reason_and_finding_shown
from audit.recording.actors import Actor
from enforcement.models import Finding
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge
from tests.enforcement.test_hostile_rows_hide_nothing import change_newest

pytestmark = pytest.mark.django_db
HOST = urlsplit(django_settings.PORTAL_URL).netloc
UP = "../../etc/passwd"


def test_a_name_that_no_component_has_is_said_to_be_the_cause(edge: Edge, olu: Actor) -> None:
    page = browser("operator", "operator").get(
        reverse("enforcement-asset", args=["skill", "\u202etxt.exe"]), HTTP_HOST=HOST
    )
    text = page.content.decode()
    assert "until a gateway is registered" not in text
    assert "The name holds a character that no skill, server, plugin or tool has." in text


def test_links_to_a_name_with_dots_stay_with_it(
    edge: Edge, look: Callable[[], int], olu: Actor
) -> None:
    edge.scan("odd", severity="CRITICAL")
    change_newest(edge, "target = ?", "/skills/odd")
    look()
    Finding.objects.update(name=UP)
    found = Finding.objects.filter(kind="skill")[0]
    right = reverse("enforcement-asset", args=["skill", UP])
    client = browser("operator", "operator")
    page = client.get(f"/enforcement/findings/{found.pk}/", HTTP_HOST=HOST).content.decode()
    assert f'href="{right}"' in unescape(page)
    assert "/skill/../" not in page and "/skill/%2E%2E/" not in page
    asked = Approval(target_kind="skill", target_name=UP, created=clock.now())
    assert reason_and_finding_shown.because(asked, olu).url == right


def test_the_live_part_of_a_name_with_dots_asks_for_itself(
    edge: Edge, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser("operator", "operator")
    right = reverse("enforcement-asset", args=["skill", UP])
    form = {"act": "block", "reason": "a path", "new": "on", "severity": ""}
    client.post(right, form, HTTP_HOST=HOST)
    client.post(right, {**form, "act": "hold"}, HTTP_HOST=HOST)
    page = unescape(client.get(right, HTTP_HOST=HOST).content.decode())
    assert f'hx-get="{right}" hx-trigger="every 2s"' in page


def test_a_long_name_that_is_to_be_confirmed_wraps(edge: Edge, olu: Actor) -> None:
    path = reverse("enforcement-asset", args=["skill", "x" * 300])
    page = browser("operator", "operator").get(path, HTTP_HOST=HOST).content.decode()
    assert '<label class="wrap-any"><input type="checkbox" name="new"' in page
