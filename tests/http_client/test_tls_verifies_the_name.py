"""Connecting to a checked address must not weaken TLS: the name is still what is verified."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from http_client import Guard, HostUnreachable, HttpClient


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        return None


def certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[int, ssl.SSLContext]]:
    pem = certificate(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = serving.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port, ssl.create_default_context(cafile=str(pem))
    server.shutdown()
    server.server_close()


def test_a_trusted_name_is_reached_over_tls(secure: tuple[int, ssl.SSLContext]) -> None:
    port, trust = secure
    with HttpClient(guard=Guard(loopback=True), ssl_context=trust) as client:
        assert client.get(f"https://localhost:{port}/", operation="t.tls").ok


def test_the_right_machine_under_the_wrong_name_is_refused(
    secure: tuple[int, ssl.SSLContext],
) -> None:
    port, trust = secure
    with (
        HttpClient(guard=Guard(loopback=True), ssl_context=trust) as client,
        pytest.raises(HostUnreachable),
    ):
        client.get(f"https://127.0.0.1:{port}/", operation="t.tls")


def test_a_certificate_nobody_vouches_for_is_refused(secure: tuple[int, ssl.SSLContext]) -> None:
    port, _ = secure
    with HttpClient(guard=Guard(loopback=True)) as client, pytest.raises(HostUnreachable):
        client.post_json(f"https://localhost:{port}/", {}, operation="t.tls")
