"""`CA_FILE`, `HTTPS_PROXY` and `NO_PROXY` with a real proxy and TLS server on loopback."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from http_client import AddressRefused, Guard, HostUnreachable, HttpClient, Retries
from http_client import proxies_and_authorities as settings_of
from http_client.proxies_and_authorities import Additions, proxy_for
from tests.enforcement.test_gateways_behind_an_internal_authority import Authority
from tests.http_client.test_tls_verifies_the_name import Hello
from tests.support.connect_proxy import Proxy, connect_proxy

PUBLIC = "93.184.215.14"
"""Never connected to: the proxy connects it to this machine."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path / "internal")


@pytest.fixture(autouse=True)
def nothing_added() -> Iterator[None]:
    before = settings_of._in_force
    settings_of.configure(Additions())
    yield
    settings_of.configure(before)


def served(certificate: Path) -> ThreadingHTTPServer:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # refused handshakes
    server.socket = serving.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture
def near(authority: Authority) -> Iterator[int]:
    server = served(authority.issue("localhost"))
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def far(authority: Authority) -> Iterator[int]:
    server = served(authority.issue(PUBLIC))
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxy(far: int) -> Iterator[Proxy]:
    with connect_proxy(far) as running:
        yield running


def call(url: str, guard: Guard | None = None) -> bool:
    once = Retries(attempts=1)
    with HttpClient(guard=guard or Guard.only(url), retries=once) as client:
        return client.get(url, operation="t.additions").ok


def test_certificates_of_ca_file_are_trusted_in_addition(near: int, authority: Authority) -> None:
    with pytest.raises(HostUnreachable):
        call(f"https://localhost:{near}/")
    settings_of.configure(Additions(ca_file=authority.file))
    assert call(f"https://localhost:{near}/")
    public = settings_of.new_context().cert_store_stats()["x509_ca"]
    assert public > 50, "the public authorities stay trusted"


def test_a_public_address_is_called_through_the_proxy(proxy: Proxy, authority: Authority) -> None:
    settings_of.configure(Additions(authority.file, proxy.address))
    assert call(f"https://{PUBLIC}/")
    assert call(f"https://{PUBLIC}:8443/")
    assert proxy.places == [f"{PUBLIC}:443", f"{PUBLIC}:8443"]


def test_the_name_in_the_certificate_is_verified_behind_the_proxy(
    near: int, authority: Authority
) -> None:
    with connect_proxy(near) as other:
        settings_of.configure(Additions(authority.file, other.address))
        with pytest.raises(HostUnreachable):
            call(f"https://{PUBLIC}/")


def test_one_that_wants_a_password_gets_it_and_the_server_does_not(
    proxy: Proxy, authority: Authority
) -> None:
    address = proxy.address.replace("//", "//ata:p%40ss@")
    settings_of.configure(Additions(authority.file, address))
    assert call(f"https://{PUBLIC}/")
    named = base64.b64encode(b"ata:p@ss").decode()
    assert f"Proxy-Authorization: Basic {named}".lower() in proxy.asked[0].lower()


def test_an_address_of_this_machine_never_goes_through_the_proxy(
    near: int, proxy: Proxy, authority: Authority
) -> None:
    settings_of.configure(Additions(authority.file, proxy.address))
    assert call(f"https://localhost:{near}/")
    assert proxy.asked == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["::1"], ["10.1.2.3"], ["192.168.0.9"], ["172.16.0.1"], ["169.254.7.7"],
        ["100.64.0.1"], ["fe80::1%eth0"], ["fd00::1"], ["::ffff:10.0.0.1"], ["0.0.0.0"],
        ["168.63.129.16"], [PUBLIC, "10.1.2.3"], [],
    ],
)  # fmt: skip
def test_inner_addresses_never_go_through_the_proxy(addresses: list[str]) -> None:
    settings_of.configure(Additions(proxy="http://proxy.acme.example:3128"))
    assert proxy_for("h.acme.example", [PUBLIC]) == "http://proxy.acme.example:3128"
    assert proxy_for("h.acme.example", addresses) == ""


@pytest.mark.parametrize(
    ("rule", "direct"),
    [
        ("acme.example", True), (".acme.example", True), ("h.acme.example", True), ("*", True),
        ("93.184.215.0/24", True), (PUBLIC, True), ("cme.example", False), ("example.com", False),
        ("93.184.216.0/24", False), ("2001:db8::/32", False),
    ],
)  # fmt: skip
def test_what_no_proxy_names_is_called_directly(rule: str, direct: bool) -> None:
    settings_of.configure(Additions(None, "http://proxy.acme.example", frozenset({rule})))
    assert (proxy_for("h.acme.example", [PUBLIC]) == "") is direct


def test_the_guard_refuses_before_the_proxy_is_asked(proxy: Proxy) -> None:
    settings_of.configure(Additions(proxy=proxy.address))
    for url in ("https://169.254.169.254/", "https://10.1.2.3/"):
        with pytest.raises(AddressRefused):
            call(url, Guard())
    assert proxy.asked == []


def test_a_refusal_of_the_proxy_is_named(far: int) -> None:
    with connect_proxy(far, refuses=True) as closed:
        settings_of.configure(Additions(proxy=closed.address))
        with pytest.raises(
            HostUnreachable, match="the proxy answered CONNECT with status 403"
        ) as refused:
            call(f"https://{PUBLIC}/")
    assert not refused.value.maybe_delivered


def test_what_is_no_proxy_is_named(near: int, authority: Authority) -> None:
    settings_of.configure(Additions(proxy=f"http://127.0.0.1:{near}"))
    with pytest.raises(HostUnreachable):
        call(f"https://{PUBLIC}/")


def test_the_environment_adds_nothing(
    near: int, proxy: Proxy, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, proxy.address)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    (tmp_path / "netrc").write_text("machine localhost login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert proxy_for("h.acme.example", [PUBLIC]) == ""
    with pytest.raises(HostUnreachable):
        call(f"https://localhost:{near}/")
    assert proxy.asked == []
