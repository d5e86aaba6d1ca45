"""Bodies against the running portal: refused by what they say of themselves, memory stays flat."""

from __future__ import annotations

import gzip
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contract.running import Portal, beside

EVENTS = "/v1/audit/events"
MIB = 2**20


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    running = beside(tmp_path_factory.mktemp("bodies"))
    yield running
    running.stop()
    running.tenant.stop()


@pytest.fixture(scope="module")
def token(portal: Portal) -> str:
    return portal.token("operator")


def ask(
    portal: Portal, token: str, method: str = "POST", path: str = EVENTS, **more: object
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", **(more.pop("headers", {}) or {})}  # type: ignore[dict-item]
    return httpx.request(method, f"{portal.url}{path}", headers=headers, timeout=60, **more)  # type: ignore[arg-type]


def memory(portal: Portal) -> int:
    """Resident bytes of the portal's processes together."""
    assert portal.process is not None
    total = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if portal.process.pid in (parent, int(folder.name)):
                total += int((folder / "statm").read_text().split()[1])
        except OSError:  # it ended while we looked
            continue
    return total * os.sysconf("SC_PAGE_SIZE")


def head(portal: Portal, path: str, *headers: str, body: bytes = b"") -> tuple[bytes, float]:
    """Send a request by hand; the first bytes of the answer and the seconds it took."""
    with socket.create_connection(("127.0.0.1", portal.port), timeout=20) as wire:
        lines = (f"POST {path} HTTP/1.1", f"Host: localhost:{portal.port}", *headers)
        began = time.monotonic()
        wire.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return wire.recv(4096), time.monotonic() - began


@pytest.mark.parametrize("path", [EVENTS, "/oidc/backchannel-logout/", "/approvals/"])
def test_64_mib_are_refused_before_they_are_sent(portal: Portal, path: str) -> None:
    before = memory(portal)
    for _ in range(5):
        said, seconds = head(
            portal, path, "Content-Type: application/json", f"Content-Length: {64 * MIB}",
            body=b"[" * MIB,
        )  # fmt: skip
        assert said.startswith(b"HTTP/1.1 413 ")
        assert seconds < 15  # the server waits 60 s for a body that it wants
    assert memory(portal) - before < 16 * MIB


def test_a_body_just_over_the_limit_names_the_limit(portal: Portal, token: str) -> None:
    answer = ask(
        portal,
        token,
        content=b" " * (5 * MIB // 2 + 1),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.json()["limit"] == 5 * MIB // 2


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x-gzip", "gzip, gzip"])
def test_a_compressed_body_is_refused_unread(portal: Portal, token: str, encoding: str) -> None:
    before = memory(portal)
    bomb = gzip.compress(b"\0" * (64 * MIB))
    answer = ask(
        portal,
        token,
        content=bomb,
        headers={"Content-Type": "application/json", "Content-Encoding": encoding},
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_encoding")
    assert answer.headers["Accept-Encoding"] == "identity"
    assert memory(portal) - before < 16 * MIB


def test_a_body_in_chunks_is_asked_for_its_length(portal: Portal, token: str) -> None:
    answer = ask(
        portal,
        token,
        content=iter([b'{"action":', b'"ci.ran"}']),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/xml",
    ],
)
@pytest.mark.parametrize("path", [EVENTS, "/v1/decisions", "/v1/audit/exports"])
def test_only_json_is_read(portal: Portal, token: str, path: str, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = ask(portal, token, path=path, content=b'{"action":"ci.ran"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert answer.headers["Accept"] == "application/json"


@pytest.mark.parametrize("path", [EVENTS, "/v1/decisions", "/v1/audit/exports", "/v1/session"])
def test_an_empty_body_is_a_clear_mistake(portal: Portal, token: str, path: str) -> None:
    answer = ask(portal, token, path=path, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] in {"invalid_json", "invalid_request"}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_a_method_that_there_is_not_is_answered_with_those_there_are(
    portal: Portal, token: str, method: str
) -> None:
    answer = ask(portal, token, method)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"verb": "skill.block", "target": {"kind": "skill", "name": "a\0b"}}, "/target/name"),
        ({"verb": "skill.block", "target": {"kind": "skill", "name": "\ud800"}}, "/target/name"),
        (
            {"verb": "skill.block", "target": {"kind": "skill", "name": "x" * 10_000}},
            "/target/name",
        ),
        ({"verb": "skill.block", "target": {"kind": "skill", "name": 7}}, "/target/name"),
        ({"verb": "skill.block", "target": {"kind": "skill"}}, "/target/name"),
        ({"verb": "skill.blok", "target": {"kind": "skill", "name": "x"}}, "/verb"),
        ({"verb": "skill.block", "target": {"kind": "mcp", "name": "x"}}, "/target"),
        (
            {"verb": "skill.block", "target": {"kind": "skill", "name": "x"}, "severity": "BAD"},
            "/severity",
        ),
        ({"verb": "skill.block", "target": {"kind": "skill", "name": "x"}, "aprove": 1}, "/aprove"),
        (
            {"verb": "skill.block", "target": {"kind": "skill", "name": "x"}, "params": {"a/b": 1}},
            "/params/a/b",
        ),
    ],
)
def test_a_decision_that_cannot_be_read_says_where(
    portal: Portal, token: str, body: object, pointer: str
) -> None:
    answer = ask(
        portal,
        token,
        path="/v1/decisions",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.json()["pointer"] == pointer


@pytest.mark.parametrize(
    ("query", "code", "nearest"),
    [
        ("severty=HIGH", "unknown_filter", "severity"),
        ("-outcom=denied", "unknown_filter", "outcome"),
        ("outcome=denyed", "bad_filter", "denied"),
        ("outcome=", "bad_filter", "success"),
        ("after=2026-02-30", "bad_filter", "2026-01-31 or 2026-01-31T09:30:00Z"),
        ("after=2016-12-31T23:59:60Z", "bad_filter", "2026-01-31 or 2026-01-31T09:30:00Z"),
        ("q=%ff%fe", "bad_filter", None),
        ("actor=" + "x" * 1001, "bad_filter", None),
        ("&".join(["q=a"] * 300), "unknown_filter", None),
        ("limit=1&limit=2", "bad_filter", "50"),
        ("limit=٣", "bad_filter", "50"),
        ("order=newest&order=oldest", "bad_filter", None),
    ],
)
def test_a_filter_that_cannot_be_names_key_and_nearest(
    portal: Portal, token: str, query: str, code: str, nearest: str | None
) -> None:
    answer = ask(portal, token, "GET", f"{EVENTS}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json().get("nearest") == nearest


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/approvals/%00", 400),
        ("/v1/approvals?status=never", 422),
        ("/v1/approvals?limit=99999999999999999999", 422),
        ("/v1/connections?connection=%00", 400),
        ("/v1/audit/events?q=%00", 400),
        ("/v1/audit/events?cursor=s1%00", 400),
        ("/v1/connections/%F0%9F%92%A9", 404),
        ("/v1/audit/events/not-an-id", 422),
        ("/v1/audit/exports/%2e%2e", 422),
        ("/v1/manifests/skill/%E2%80%AE", 422),
        ("/v1/manifests/spell/x", 422),
        ("/v1/auth/token?connection=%0d%0aX", 422),
        ("/v1/nowhere", 404),
    ],
)
def test_an_address_that_cannot_be_is_a_problem_not_an_error(
    portal: Portal, token: str, path: str, status: int
) -> None:
    answer = ask(portal, token, "GET", path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    if "%00" in path:
        assert answer.json()["detail"] == "A NUL character is no text."


def test_a_header_that_is_never_finished_ends(portal: Portal) -> None:
    """Slow headers: while a dozen are open, others are served."""
    wires = [socket.create_connection(("127.0.0.1", portal.port)) for _ in range(12)]
    try:
        for wire in wires:
            wire.sendall(b"POST /v1/audit/events HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert httpx.get(f"{portal.url}/healthz", timeout=15).status_code == 200
    finally:
        for wire in wires:
            wire.close()
