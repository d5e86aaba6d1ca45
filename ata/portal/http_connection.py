"""HTTP for this package: one client factory, one way of saying that nobody answered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ata.errors import AtaError, Unreachable

if TYPE_CHECKING:
    import ssl

    import httpx

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(url: str) -> bool:
    """Whether `url` names this machine by one of its fixed names."""
    return (urlsplit(url).hostname or "") in _LOOPBACK


def check_url(url: str, what: str) -> str:
    """Return `url` when a token may be sent there: https, or plain http to this machine.

    Raises:
        AtaError: code `insecure_url` or `bad_url`; `what` says whose address it is.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise AtaError(
            f"{what} is not a web address: {url!r}.",
            code="bad_url",
            fix="Give it as https://host or http://localhost:port.",
        )
    if parts.scheme == "http" and not is_loopback(url):
        raise AtaError(
            f"{what} {url} is not encrypted; a token would cross the network in clear.",
            code="insecure_url",
            fix="Use its https address.",
        )
    return url


def open_client(url: str) -> httpx.Client:
    """A client for the server at `url`; the caller closes it.

    Redirects are not followed: a token goes only where the operator sent it. Proxy settings
    from the environment do not apply to this machine.
    """
    import httpx

    near = is_loopback(url)
    return httpx.Client(
        timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        headers={"User-Agent": "ata", "Accept": "application/json"},
        trust_env=not near,
        verify=_authorities(trust_env=not near),
    )


def _authorities(*, trust_env: bool) -> ssl.SSLContext:
    """The authorities of this machine, and the certificates of `CA_FILE`.

    Raises:
        AtaError: code `bad_ca_file`.
    """
    import ssl

    import httpx

    context = httpx.create_ssl_context(trust_env=trust_env)
    if file := os.environ.get("CA_FILE"):
        try:
            context.load_verify_locations(file)
        except (OSError, ValueError) as error:
            readable = isinstance(error, ssl.SSLError | ValueError)
            reason = "has no PEM certificates" if readable else "cannot be read"
            raise AtaError(
                f"CA_FILE {reason}: {file}.",
                code="bad_ca_file",
                fix="Name a file with PEM certificates, or unset it.",
            ) from None
    return context


@contextmanager
def answering(what: str, url: str, fix: str) -> Iterator[None]:
    """Turn a transport failure into an `Unreachable` that names `what` at `url` and the fix.

    Raises:
        Unreachable: code `unreachable`; `details["sent"]` tells whether the request may have
            reached the server.
    """
    import httpx

    try:
        yield
    except (httpx.RequestError, httpx.InvalidURL) as error:
        sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        reason, better = _why(error, sent)
        raise Unreachable(
            f"{what} at {url} {reason}.",
            code="unreachable",
            fix=better or fix,
            details={"sent": sent},
        ) from error


def _why(error: Exception, sent: bool) -> tuple[str, str]:
    """What went wrong on the way, and what to do where that is not the usual thing."""
    import socket
    import ssl

    import httpx

    causes = list(_chain(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return "shows a certificate that is not accepted", (
            "Use the name that the certificate is for; for one of your own authority set CA_FILE "
            "or SSL_CERT_FILE."
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "does not speak TLS there", "Check the address: scheme, host and port."
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "cannot be found: no such host", "Check the name and the network."
    if isinstance(error, httpx.DecodingError):
        return "sent what cannot be unpacked", "Something on the way changed it: ask without it."
    if isinstance(error, httpx.ProxyError):
        return "cannot be reached through the proxy", "Check HTTPS_PROXY and NO_PROXY."
    if isinstance(error, httpx.TimeoutException):
        return "did not answer in time", ""
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
        return "does not speak HTTP there", "Check the address: scheme, host and port."
    return ("broke the connection" if sent else "does not answer"), ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
