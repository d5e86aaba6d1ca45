"""Whatever goes wrong is a sentence, a code, what to do about it, and the right exit code."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.ata.ata_process import ROOT, Ata
from tests.ata.portal_stand_in import Reply, StandIn

USAGE = {
    "unknown_filter",
    "bad_filter",
    "bad_cursor",
    "unsupported_format",
    "bad_target",
    "bad_params",
    "invalid_request",
}


def _codes() -> list[tuple[int, str]]:
    """Every code that docs/api.md says the API can answer."""
    table = (ROOT / "docs" / "api.md").read_text().partition("## Errors")[2]
    rows = re.findall(r"^\| (\d{3}) \| ([^|]+) \|", table, re.MULTILINE)
    found = [
        (int(status), code) for status, cell in rows for code in re.findall(r"`([a-z_]+)`", cell)
    ]
    assert len(found) > 40
    return [(status, code) for status, code in found if status >= 400 and not code.endswith("_")]


@pytest.mark.parametrize(("status", "code"), _codes(), ids=str)
def test_each_problem_of_the_portal_says_what_to_do(
    signed_in: Ata, portal: StandIn, status: int, code: str
) -> None:
    problem = {"title": "No", "detail": f"It said {code}", "code": code, "request_id": "ref-1234"}
    portal.on("GET", "/v1/approvals", Reply(status, problem))
    done = signed_in.here("approvals", "--json")
    error = json.loads(done.stdout)["error"]
    assert error["code"] == code
    assert error["message"] == f"It said {code}."
    assert len(error["fix"]) > 10 and error["fix"].endswith((".", "/"))
    assert "{" not in error["fix"]
    assert error["fix"] != "Check that ATA_PORTAL is the portal's own address."
    assert done.exit_code == (2 if code in USAGE else 1)
    assert ("ref-1234" in error["fix"]) == (status >= 500)


@pytest.mark.parametrize(
    ("reply", "code", "fix"),
    [
        (Reply(401, {}), "unauthorized", "ata login"),
        (Reply(403, {}), "forbidden", "ata status"),
        (Reply(404, raw=b"<html>", content_type="text/html"), "not_found", "name or id"),
        (Reply(418, {}), "http_418", "ATA_PORTAL"),
        (Reply(429, {}), "rate_limited", "Try again in a moment"),
        (Reply(500, raw=b"oops"), "http_500", "the administrator of the portal's host"),
        (Reply(502, raw=b""), "http_502", "check that the portal runs"),
        (Reply(503, raw=b""), "http_503", "Try again"),
        (Reply(302, raw=b""), "redirected", "ATA_PORTAL"),
        (Reply(200, raw=b"<html>"), "unexpected_answer", "ATA_PORTAL"),
        (Reply(200, raw=b'"text"'), "unexpected_answer", "ATA_PORTAL"),
        (Reply(403, {"code": "x", "fix": "Do as the portal says."}), "x", "Do as the portal says."),
        (Reply(403, {"code": "mcp_held"}), "mcp_held", "/enforcement/"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_answer_that_says_nothing_is_still_explained(
    signed_in: Ata, portal: StandIn, reply: Reply, code: str, fix: str
) -> None:
    portal.on("GET", "/v1/approvals", reply)
    done = signed_in.here("approvals", "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["code"]) == (1, code)
    assert fix in error["fix"]
    plain = signed_in.here("approvals")
    assert plain.exit_code == 1 and plain.stdout == ""
    assert plain.stderr.splitlines()[0].endswith(f"({code})")


def test_the_wait_that_a_limit_asks_for_is_said(signed_in: Ata, portal: StandIn) -> None:
    limited = Reply(429, {"code": "rate_limited"}, headers=(("Retry-After", "17"),))
    portal.on("GET", "/v1/approvals", limited)
    assert "Try again in 17 seconds" in signed_in("approvals").stderr


# On the way.


@contextmanager
def _listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server of one kind of answer, until the end of the test."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    with connection:
                        answer(connection)
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def _hang_up(connection: socket.socket) -> None:
    connection.recv(10)


def _no_http(connection: socket.socket) -> None:
    connection.recv(10_000)
    connection.sendall(b"220 mail.acme.example ESMTP\r\n\r\n")


def _certificate(folder: Path) -> Path:
    """A key and a certificate that nobody signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def _said(ata: Ata, url: str) -> tuple[str, str]:
    ata.sign_in(portal=url)
    done = ata("approvals", "--json", ATA_PORTAL=url)
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 1 and error["code"] == "unreachable"
    return error["message"], error["fix"]


def test_nobody_at_the_address(ata: Ata) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    message, fix = _said(ata, f"http://127.0.0.1:{port}")
    assert "does not answer." in message
    assert "make up" in fix and "ATA_PORTAL" in fix


def test_a_host_that_is_not_there(ata: Ata) -> None:
    message, fix = _said(ata, "https://nobody.invalid")
    assert "cannot be found: no such host" in message
    assert fix == "Check the name and the network."


def test_a_connection_that_breaks(ata: Ata) -> None:
    with _listening(_hang_up) as port:
        message, _ = _said(ata, f"http://127.0.0.1:{port}")
    assert "broke the connection" in message


def test_something_that_is_no_web_server(ata: Ata) -> None:
    with _listening(_no_http) as port:
        message, fix = _said(ata, f"http://127.0.0.1:{port}")
    assert "does not speak HTTP there" in message
    assert "scheme, host and port" in fix


def test_an_answer_that_cannot_be_unpacked(ata: Ata, portal: StandIn) -> None:
    packed = Reply(200, raw=b"not gzip", headers=(("Content-Encoding", "gzip"),))
    portal.on("GET", "/v1/approvals", packed)
    message, fix = _said(ata, portal.url)
    assert "sent what cannot be unpacked" in message
    assert "on the way" in fix


def test_https_where_there_is_none(ata: Ata, portal: StandIn) -> None:
    message, fix = _said(ata, portal.url.replace("http:", "https:"))
    assert "does not speak TLS there" in message
    assert "scheme, host and port" in fix


def test_a_certificate_that_nobody_vouches_for(ata: Ata, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(10)

    with _listening(answer) as port:
        message, fix = _said(ata, f"https://localhost:{port}")
    assert "certificate that is not accepted" in message
    assert "SSL_CERT_FILE" in fix and "CA_FILE or" in fix


def test_a_certificate_that_ca_file_vouches_for(ata: Ata, tmp_path: Path) -> None:
    file = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(10)

    with _listening(answer) as port:
        url = f"https://localhost:{port}"
        ata.sign_in(portal=url)
        done = ata("approvals", "--json", ATA_PORTAL=url, CA_FILE=str(file))
    assert "broke the connection" in json.loads(done.stdout)["error"]["message"]


@pytest.mark.parametrize(
    ("text", "why"), [(None, "cannot be read"), ("", "has no PEM certificates")]
)
def test_a_ca_file_that_cannot_be_used_is_named(
    ata: Ata, portal: StandIn, tmp_path: Path, text: str | None, why: str
) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    ata.sign_in(portal=portal.url)
    done = ata("approvals", "--json", ATA_PORTAL=portal.url, CA_FILE=str(file))
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (1, "bad_ca_file")
    assert error["message"] == f"CA_FILE {why}: {file}."


def test_an_address_that_is_none_and_one_in_clear(ata: Ata) -> None:
    for url, code in (("nonsense", "bad_url"), ("http://portal.acme.example", "insecure_url")):
        done = ata("approvals", "--json", ATA_PORTAL=url)
        error = json.loads(done.stdout)["error"]
        assert (done.returncode, error["code"]) == (1, code)
        assert error["fix"]


def test_every_code_of_ata_itself_is_in_its_document() -> None:
    text = "".join(path.read_text() for path in (ROOT / "ata").rglob("*.py"))
    codes = set(re.findall(r'code="([a-z_]+)"', text))
    table = (ROOT / "docs" / "cli.md").read_text().partition("## Errors")[2]
    assert len(codes) > 25
    assert {code for code in codes if f"`{code}`" not in table} == set()


@pytest.mark.parametrize("before", [True, False])
def test_json_is_for_every_command(ata: Ata, before: bool) -> None:
    for command in (
        ["status"],
        ["approvals"],
        ["approvals", "wait", "x"],
        ["approvals", "cancel", "x"],
        ["connections", "list"],
        ["connections", "revoke", "x"],
        ["connections", "suspend", "x"],
        ["connections", "resume", "x"],
        ["connections", "settings"],
        ["connections", "set", "github", "--idle-hours", "8"],
        ["freeze", "agent", "x"],
        ["unfreeze", "everything"],
        ["freeze", "me"],
        ["skill", "block", "x", "--reason", "y"],
        ["alert", "dismiss", "x", "--reason", "y"],
        ["audit", "search"],
        ["audit", "tail", "--no-follow"],
        ["audit", "export"],
        ["mcp", "proxy", "x"],
    ):
        done = ata.here(*(["--json", *command] if before else [*command, "--json"]))
        assert json.loads(done.stdout)["error"]["code"] == "not_signed_in", command
        assert done.stderr == ""


def test_the_json_of_a_running_server_stays_off_the_agents_pipe(ata: Ata) -> None:
    done = ata("mcp", "run", "x", "--json", "--", "true")
    assert done.stdout == ""
    assert json.loads(done.stderr)["error"]["code"] == "not_signed_in"
