"""`ca_file` and `client_cert_file` of a gateway: whose certificates it may show, and ours.

A gateway with a `ca_file` is trusted through that authority and those of the setting `CA_FILE`, not
through public ones. The client certificate and its key are PEM in one file. Changed files count at
the next call.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from enforcement.gateways.instances import Instance
from http_client.proxies_and_authorities import add_authorities, new_context

type Stamp = tuple[Path, int, int]
"""A file, with when it changed and its size."""


class TlsFileUnusable(Exception):
    """One of the files cannot be used; the message says which and why, without any of its text."""


def context(instance: Instance) -> ssl.SSLContext | None:
    """How connections to this gateway are secured; None where it has neither file.

    Raises:
        TlsFileUnusable: a file cannot be read or holds no certificate.
    """
    if instance.ca_file is None and instance.client_cert_file is None:
        return None
    return _context(
        _stamp(instance.ca_file, "ca_file"), _stamp(instance.client_cert_file, "client_cert_file")
    )


@lru_cache(maxsize=64)
def _context(ca: Stamp | None, client: Stamp | None) -> ssl.SSLContext:
    try:
        made = (
            add_authorities(ssl.create_default_context(cafile=str(ca[0]))) if ca else new_context()
        )
    except (OSError, ValueError):
        raise TlsFileUnusable("The ca_file holds no PEM certificates.") from None
    if client is not None:
        try:
            # Without a password given, OpenSSL would ask for one at the terminal.
            made.load_cert_chain(client[0], password=_refuse_password)
        except (OSError, ValueError):
            raise TlsFileUnusable(
                "The client_cert_file needs a certificate and its key, both PEM, without password."
            ) from None
    return made


def _refuse_password() -> str:
    raise ValueError


def _stamp(path: Path | None, key: str) -> Stamp | None:
    if path is None:
        return None
    try:
        status = path.stat()
        path.open("rb").close()
    except OSError as error:
        raise TlsFileUnusable(f"The {key} cannot be read: {error.strerror}.") from None
    return path, status.st_mtime_ns, status.st_size
