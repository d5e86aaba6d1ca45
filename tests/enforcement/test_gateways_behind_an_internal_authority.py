"""`ca_file` and `client_cert_file`: a real TLS server on loopback, with its own authority."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from enforcement.gateways import client
from enforcement.gateways.client import Gateway, NotAnswering
from enforcement.gateways.instances import Instance, InstancesRefused, load
from http_client import proxies_and_authorities


class Lists(BaseHTTPRequestHandler):
    """A gateway whose lists are empty."""

    def do_GET(self) -> None:
        body = json.dumps([]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        return None


@dataclass
class Authority:
    """Signs certificates for localhost and for clients."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    own: x509.Certificate

    @classmethod
    def make(cls, folder: Path) -> Self:
        folder.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        made = cls(folder, key, _certificate("Internal CA", key, None, key))
        made.file.write_bytes(made.own.public_bytes(serialization.Encoding.PEM))
        return made

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, name: str, password: bytes = b"") -> Path:
        """A certificate and its key in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        how: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            how = serialization.BestAvailableEncryption(password)
        made = _certificate(name, key, self.own, self.key)
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        file = self.folder / f"{name}.pem"
        file.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, form, how))
        return file


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([_general_name(name)]), False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=issuer is None,
                crl_sign=issuer is None,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            True,
        )
        .sign(signer, hashes.SHA256())
    )


@contextmanager
def served(certificate: Path, clients: Path | None) -> Iterator[str]:
    """The address of a TLS server; with `clients` it wants a certificate of that authority."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    if clients is not None:
        serving.verify_mode = ssl.CERT_REQUIRED
        serving.load_verify_locations(clients)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lists)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # refused handshakes
    server.socket = serving.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path / "internal")


@pytest.fixture
def address(authority: Authority) -> Iterator[str]:
    with served(authority.issue("localhost"), None) as url:
        yield url


@pytest.fixture
def guarded(authority: Authority) -> Iterator[str]:
    """A server that wants a client certificate."""
    with served(authority.issue("localhost"), authority.file) as url:
        yield url


def trouble(instance: Instance) -> str:
    with pytest.raises(NotAnswering) as found:
        Gateway(instance).blocked()
    return found.value.detail


def test_a_gateway_of_the_internal_authority_is_read(authority: Authority, address: str) -> None:
    instance = Instance(name="edge-1", base_url=address, ca_file=authority.file)
    assert Gateway(instance).blocked() == ()


def test_without_its_authority_the_gateway_is_not_trusted(address: str) -> None:
    assert "certificate that is not trusted; see its ca_file" in trouble(
        Instance(name="edge-1", base_url=address)
    )


def test_only_the_named_authority_is_trusted(tmp_path: Path, address: str) -> None:
    other = Authority.make(tmp_path / "other")
    instance = Instance(name="edge-1", base_url=address, ca_file=other.file)
    assert "not trusted" in trouble(instance)


def test_an_authority_of_ca_file_is_trusted_next_to_that_of_the_gateway(
    tmp_path: Path, authority: Authority, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    additions = proxies_and_authorities.Additions(ca_file=authority.file)
    monkeypatch.setattr(proxies_and_authorities, "_in_force", additions)
    other = Authority.make(tmp_path / "other")
    assert Gateway(Instance(name="edge-1", base_url=address, ca_file=other.file)).blocked() == ()
    client._http.cache_clear()
    assert Gateway(Instance(name="edge-1", base_url=address)).blocked() == ()
    client._http.cache_clear()


def test_the_portal_shows_its_client_certificate(authority: Authority, guarded: str) -> None:
    without = Instance(name="edge-1", base_url=guarded, ca_file=authority.file)
    assert "does not answer" in trouble(without)
    shown = without.model_copy(update={"client_cert_file": authority.issue("portal")})
    assert Gateway(shown).blocked() == ()


def test_a_renewed_client_certificate_counts_at_the_next_call(
    authority: Authority, guarded: str, tmp_path: Path
) -> None:
    stranger = Authority.make(tmp_path / "other").issue("portal")
    mine = tmp_path / "portal.pem"
    mine.write_bytes(stranger.read_bytes())
    instance = Instance(
        name="edge-1", base_url=guarded, ca_file=authority.file, client_cert_file=mine
    )
    assert "does not answer" in trouble(instance)
    mine.write_bytes(authority.issue("portal").read_bytes())
    assert Gateway(instance).blocked() == ()


def test_files_that_cannot_be_used_are_named(authority: Authority, address: str) -> None:
    plain = Instance(name="edge-1", base_url=address)
    missing, empty = authority.folder / "none.pem", authority.folder / "empty.pem"
    empty.write_text("")
    locked = authority.issue("locked", b"s3cret")
    for key, path, says in [
        ("ca_file", missing, "The ca_file cannot be read"),
        ("ca_file", empty, "The ca_file holds no PEM certificates"),
        ("client_cert_file", missing, "The client_cert_file cannot be read"),
        ("client_cert_file", authority.file, "needs a certificate and its key"),
        ("client_cert_file", locked, "without password"),
    ]:
        assert says in trouble(plain.model_copy(update={key: path}))


def test_tls_files_need_an_https_address(tmp_path: Path) -> None:
    path = tmp_path / "instances.toml"
    path.write_text('[[instance]]\nname = "e"\nbase_url = "http://e.example"\nca_file = "ca"\n')
    with pytest.raises(InstancesRefused, match="need an https:// address"):
        load(path)
    path.write_text('[[instance]]\nname = "e"\nbase_url = "https://e.example"\nca_file = "ca"\n')
    assert load(path)[0].ca_file == tmp_path / "ca"
