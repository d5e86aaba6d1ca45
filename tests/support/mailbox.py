"""A mail server on a free loopback port: keeps what it takes, refuses when told (RFC 5321)."""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Mailbox:
    """`letters` holds every message taken; `refusals` how many of the next are put off (451)."""

    letters: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refusals: int = 0
    _server: socketserver.ThreadingTCPServer | None = None

    @property
    def url(self) -> str:
        """As MAILER_URL names it."""
        assert self._server is not None
        return f"smtp://localhost:{self._server.server_address[1]}?tls=none"

    def start(self) -> Mailbox:
        """Listen."""
        mailbox = self

        class Session(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True  # headers and body leave in two parts (RFC 896)

            def handle(self) -> None:
                self.say("220 mailbox")
                for line in self.rfile:
                    command = line.split(b":")[0].strip().upper()
                    if command == b"RCPT TO":
                        mailbox.recipients.append(line.split(b"<")[1].split(b">")[0].decode())
                    if command == b"DATA":
                        self.take()
                    elif command == b"QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 ok")

            def take(self) -> None:
                self.say("354 go on")
                body = b""
                while not body.endswith(b"\r\n.\r\n"):
                    body += self.rfile.readline()
                if mailbox.refusals:
                    mailbox.refusals -= 1
                    self.say("451 later, please")
                    return
                message = message_from_bytes(body[:-3], policy=policy.default)
                assert isinstance(message, EmailMessage)
                mailbox.letters.append(message)
                self.say("250 taken")

            def say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

        self._server = socketserver.ThreadingTCPServer(("localhost", 0), Session)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
