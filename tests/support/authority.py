"""A time authority (RFC 3161): OpenSSL's, with a root of its own that nobody else trusts."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_CONFIG = """
[ req ]
distinguished_name = dn
prompt = no
[ dn ]
CN = {name}
[ root ]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[ signer ]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[ tsa ]
default_tsa = own
[ own ]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
crypto_device = builtin
"""


def is_here() -> bool:
    """Whether OpenSSL's program is installed."""
    return shutil.which("openssl") is not None


@dataclass(frozen=True, slots=True)
class Authority:
    """Root certificate and signer in a folder."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, name: str = "Tests") -> Authority:
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder)
        made._configure(f"{name} root")
        (folder / "serial").write_text("01\n")
        made._openssl("req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                      "-extensions", "root", "-keyout", "root.key", "-out", "root.pem")  # fmt: skip
        made._configure(f"{name} signer")
        made._openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "signer.key",
                      "-out", "signer.csr")  # fmt: skip
        made._openssl("x509", "-req", "-in", "signer.csr", "-CA", "root.pem", "-CAkey", "root.key",
                      "-CAcreateserial", "-days", "2", "-extfile", "config", "-extensions",
                      "signer", "-out", "signer.pem", config=False)  # fmt: skip
        return made

    @property
    def root_file(self) -> Path:
        return self.folder / "root.pem"

    def answer(self, query: bytes) -> bytes:
        """The response to a query."""
        (self.folder / "query").write_bytes(query)
        self._openssl("ts", "-reply", "-queryfile", "query", "-out", "response")
        return (self.folder / "response").read_bytes()

    @contextmanager
    def served(self) -> Iterator[str]:
        """Its address while it answers over HTTP."""
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            server.server_close()

    def _configure(self, name: str) -> None:
        (self.folder / "config").write_text(_CONFIG.format(name=name, folder=self.folder))

    def _openssl(self, *args: str, config: bool = True) -> None:
        more = ["-config", "config"] if config else []
        subprocess.run(["openssl", *args, *more], cwd=self.folder, check=True, capture_output=True)
