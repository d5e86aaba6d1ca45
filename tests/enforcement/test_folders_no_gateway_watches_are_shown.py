"""*Gateways* shows what an outpost says of the folders that its gateway does not watch."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town, known
from tests.enforcement.outpost_device import Device

pytestmark = pytest.mark.django_db
Work = Callable[[], None]


@pytest.fixture
def device(town: Town, edge: Edge, look: Work) -> Device:
    known("admin2", "admin", name="Anna Admin")
    look()
    return Device(instance="edge-1").enrol(known("admin", "admin").as_actor(via="web"))


@pytest.fixture
def web(device: Device) -> Client:
    return browser("operator", "operator")


def read(web: Client, path: str) -> str:
    page = web.get(path)
    assert page.status_code == 200
    words = re.sub(r"<[^>]+>", " ", page.content.decode())
    return re.sub(r"\s+", " ", html.unescape(words)).replace(" .", ".").replace(" ;", ";")


def shown(web: Client, device: Device, scans: object) -> str:
    device.send(health={"up": True, "scans": scans})
    return read(web, "/enforcement/fleet/edge-1/settings/")


def said(**other: Any) -> dict[str, Any]:
    counts = {"scanned": 3, "waiting": 0, "not_scanned": 0}
    return {"agents": ["cursor", "codex"], "names": [], **counts, **other}


def test_all_scanned_is_said_with_the_agents(web: Client, device: Device) -> None:
    page = shown(web, device, said())
    assert (
        "Folders it does not watch Cursor, Codex. The outpost had the gateway scan 3 of the "
        "3 skills and plugins there." in page
    )


def test_what_waits_and_what_is_not_scanned_is_named(web: Client, device: Device) -> None:
    names = [
        {"agent": "cursor", "kind": "skill", "name": "<b>pdf", "why": "too_large"},
        {"agent": "codex", "kind": "plugin", "name": "x", "why": "not_offered"},
    ]
    page = shown(web, device, said(waiting=1, not_scanned=2, names=names))
    assert "scan 3 of the 6 skills and plugins there; 1 waiting; 2 not scanned." in page
    assert "Cursor’s skill <b>pdf: more than 5,000 files" in page
    assert "Codex’s plugin x: this version of DefenseClaw does not scan it on request" in page
    listed = read(web, "/enforcement/fleet/")
    assert "1 of 2 gateways has a problem" in listed
    assert "2 skills and plugins are not scanned in folders that the gateway does" in listed


def test_empty_folders_are_said_to_be_empty(web: Client, device: Device) -> None:
    page = shown(web, device, said(scanned=0))
    assert "Cursor, Codex. No skill or plugin is there." in page


@pytest.mark.parametrize(
    "scans",
    [
        None,
        7,
        [],
        {},
        {"agents": []},
        {"agents": "cursor"},
        {"agents": [{"x": 1}], "scanned": 2},
    ],
)
def test_without_such_folders_nothing_is_said(web: Client, device: Device, scans: object) -> None:
    assert "Folders it does not watch" not in shown(web, device, scans)


def test_a_report_of_any_shape_breaks_no_page(web: Client, device: Device) -> None:
    names = [7, {}, {"agent": "cursor", "kind": "rm", "name": "x", "why": []}, {"name": 3}]
    page = shown(web, device, said(scanned="9", waiting=-4, not_scanned=None, names=names))
    assert "No skill or plugin is there." in page
    assert "No skill or plugin is there." in shown(web, device, said(scanned=0, names=7))
