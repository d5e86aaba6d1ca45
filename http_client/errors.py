"""What can go wrong on the way out. No message here ever carries a secret or a whole URL."""

from __future__ import annotations


class HttpClientError(Exception):
    """A call to another system that brought no usable answer.

    ``operation`` is the caller's own name for the call (``ciba.poll``), ``host`` the host it was
    meant for. ``maybe_delivered`` says whether the other side may have acted on the request:
    a caller that changes remote state must then record *unknown*, never *failed*.
    """

    def __init__(
        self, operation: str, host: str, reason: str, *, maybe_delivered: bool = False
    ) -> None:
        super().__init__(f"{operation} ({host}): {reason}")
        self.operation = operation
        self.host = host
        self.reason = reason
        self.maybe_delivered = maybe_delivered


class RequestTimedOut(HttpClientError):
    """The other side did not answer in the time given."""


class HostUnreachable(HttpClientError):
    """No connection, no TLS, or a connection that broke before the answer was complete."""


class AddressRefused(HttpClientError):
    """Our own guard refused the address; nothing was sent."""


class BadAnswer(HttpClientError):
    """An answer came, but not one this product can read.

    ``field`` names the part that is wrong, in dotted form, or is empty for the whole answer. The
    value itself is never repeated: it is somebody else's text and may hold a secret.
    """

    def __init__(self, operation: str, host: str, problem: str, *, field: str = "") -> None:
        named = f"field {field!r} {problem}" if field else problem
        super().__init__(operation, host, f"unreadable answer: {named}", maybe_delivered=True)
        self.field = field
        self.problem = problem
