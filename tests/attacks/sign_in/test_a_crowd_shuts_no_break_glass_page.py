"""Strangers who post empty forms keep nobody out who has the secret and a code."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyotp
import pytest
import time_machine
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

pytestmark = pytest.mark.django_db


def test_a_crowd_of_empty_forms_keeps_nobody_out_who_has_secret_and_code(
    settings: Any, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    cache.clear()
    page, host = "/oidc/break-glass/", urlsplit(django_settings.PORTAL_URL).netloc
    now = datetime.now(UTC).replace(second=5)
    until = (now + timedelta(hours=4)).isoformat()
    settings.ENV = settings.ENV.model_copy(update={"BREAKGLASS_UNTIL": until})
    paper = tmp_path / "paper"
    call_command("breakglass", "create", "night-shift", "--write", str(paper), stdout=StringIO())
    [[secret, uri]] = re.findall(r"Secret\n  (\S+)\n[^/]*\n  (otpauth:\S+)", paper.read_text())
    with time_machine.travel(now, tick=False):
        code = pyotp.TOTP(re.findall(r"secret=(\w+)", uri)[0]).now()
        for number in range(40):
            crowd = Client(REMOTE_ADDR=f"192.0.2.{number}")
            assert crowd.post(page, {}, HTTP_HOST=host).status_code in {403, 429}
        form = {"name": "night-shift", "secret": secret, "code": code}
        answer = Client().post(page, form, HTTP_HOST=host)
    assert (answer.status_code, answer.get("Location")) == (302, "/")
