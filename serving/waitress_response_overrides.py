"""How answers differ from waitress's: HEAD has no body, the server's own refusals name nobody."""

from __future__ import annotations

from functools import partial
from typing import Any

from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

from serving.waiting_order import digest_of


class Busy(Error):  # type: ignore[misc]
    """Too many requests of unproven callers wait."""

    code = 503
    reason = "Service Unavailable"


class Answer(WSGITask):  # type: ignore[misc]
    """An answer of the application."""

    def get_environment(self) -> dict[str, Any]:
        """The WSGI environment; `serving.waiting` surrounds a wait for somebody else, and
        `serving.vouch` is called where the credentials of the request were verified."""
        environ: dict[str, Any] = super().get_environment()
        if self.request.command == "HEAD":
            environ.pop("wsgi.file_wrapper", None)  # would be sent past `write`
        environ["serving.waiting"] = partial(self.channel.server.lent_thread, self.channel)
        environ["serving.vouch"] = self._vouch
        return environ

    def _vouch(self) -> None:
        self.channel.server.proven.vouch(digest_of(self.request.headers))

    def write(self, data: bytes) -> None:
        """Send a piece; nothing of a body for HEAD (RFC 9110 section 9.3.2)."""
        super().write(b"" if self.request.command == "HEAD" else data)

    def finish(self) -> None:
        """Send what ends a body in chunks, where there was one."""
        if self.request.command == "HEAD":
            self.write(b"")
            self.chunked_response = False
        super().finish()


class Refusal(ErrorTask):  # type: ignore[misc]
    """The server's own answer to what is no request; repeats nothing of it."""

    def execute(self) -> None:
        """Answer and close."""
        error = self.request.error
        body = f"{error.reason}\n".encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if error.code == Busy.code:
            self.response_headers.append(("Retry-After", "5"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)
