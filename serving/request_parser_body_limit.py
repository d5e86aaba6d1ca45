"""What of a request is read, and what is left to be refused by the application unread."""

from __future__ import annotations

from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError

from serving.limits import LONGEST_BODY, LONGEST_PUSH, PUSHES


class Request(HTTPRequestParser):  # type: ignore[misc]
    """A request that is complete with its body, or at once where its body is not read.

    Bodies that are longer than LONGEST_BODY (of PUSHES: LONGEST_PUSH) or come in chunks (RFC 9112
    section 7.1) are not taken in: the application sees headers that say so and an empty body, words
    the refusal, and the connection ends with it.
    """

    unread = False
    body_rcv: Any
    chunked: bool
    content_length: int

    def received(self, data: bytes) -> int:
        """Take in bytes; returns how many belonged to this request."""
        consumed: int = super().received(data)
        if self.body_rcv is None:
            # Nothing is awaited, so there is nothing to be told to continue with.
            self.expect_continue = False
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read the headers, and decide about the body.

        Raises:
            ParsingError: answered with 400.
        """
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # a length of more digits than Python converts
            raise ParsingError(f"Content-Length is invalid ({len(header_plus)} bytes)") from error
        longest = LONGEST_PUSH if self.path.startswith(PUSHES) else LONGEST_BODY
        if not self.chunked and self.content_length <= longest:
            return
        if self.chunked:
            # waitress takes the header away and would leave a length beside it standing, which
            # RFC 9112 section 6.3 overrules.
            self.headers["TRANSFER_ENCODING"] = "chunked"
            self.headers.pop("CONTENT_LENGTH", None)
        self.unread, self.chunked, self.content_length = True, False, 0
        self.close()
        self.body_rcv = None
        self.connection_close = True
        self.headers["CONNECTION"] = "close"


def is_unread(request: Any) -> bool:
    """Whether bytes may follow that nobody will read."""
    return bool(request.error or getattr(request, "unread", False))
