"""Sending a letter that is due: one attempt, and what its row says afterwards.

A letter is a row with a due time (`approvals.due_work`), about an ask, an account, a review
or a saved view. It may be late, doubled by a crash or lost; what it is about does not depend on it.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import parseaddr
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage

from approvals import clock
from approvals.models import NoticeState
from http_client.errors import HttpClientError

log = logging.getLogger(__name__)

_FIRST_WAIT_S: Final = 5
_DONE: Final[Mapping[str, Any]] = {"state": NoticeState.SENT, "due": None}
_FAILED: Final[Mapping[str, Any]] = {"state": NoticeState.FAILED, "due": None}
_NO_ADDRESS: Final = (
    "No letter can be sent to the e-mail address that Auth0 has. An admin corrects it there."
)


class InvalidAddress(Exception):
    """No letter can be made out to an address; names nothing of it."""


def has_mail_server() -> bool:
    """Whether letters go to a mail server, not to the output of the worker (`console://`)."""
    return not str(settings.MAILERS["default"]["BACKEND"]).endswith("console.EmailBackend")


def deliver(
    letter: Any,
    send: Callable[[], None],
    *,
    longest_wait_s: int = 600,
    afterwards: Mapping[str, Any] = _DONE,
    without_address: Mapping[str, Any] = _FAILED,
) -> None:
    """Send a letter, or have it sent later: after 5 s, and each time after twice as long.

    Args:
        letter: a row with `state`, `attempts`, `sent`, `due` and maybe `detail`.
        send: sends it once; what SMTP and HTTP may raise counts as not sent.
        afterwards: what the row of one that was sent has besides `sent`.
        without_address: what the row of one has whose address is invalid, instead of a next try.
    """
    try:
        send()
    except InvalidAddress:
        log.warning("%s %s is not sent: its address is invalid", letter._meta.label, letter.pk)
        _note(letter, _NO_ADDRESS, **without_address)
    except (smtplib.SMTPException, OSError, HttpClientError) as error:
        # What a mail server says may repeat the address: the log has the kind of trouble only.
        try_later(letter, type(error).__name__, longest_wait_s=longest_wait_s)
    else:
        _note(letter, "", sent=clock.now(), **afterwards)


def try_later(letter: Any, trouble: str, *, longest_wait_s: int) -> None:
    """Have a letter tried later that could not be sent, or not even be written."""
    attempts = letter.attempts + 1
    log.warning("%s %s was not sent: %s", letter._meta.label, letter.pk, trouble)
    wait = timedelta(seconds=min(_FIRST_WAIT_S * 2 ** min(attempts - 1, 10), longest_wait_s))
    said = f"{trouble}: tried {attempts} times"
    _note(letter, said, attempts=attempts, due=clock.now() + wait)


def _note(letter: Any, detail: str, **changes: Any) -> None:
    if hasattr(letter, "detail"):
        changes["detail"] = detail
    type(letter).objects.filter(pk=letter.pk).update(**changes)


def mail(identifier: str, to: str, subject: str, text: str) -> None:
    """Send one letter as plain text.

    Raises:
        InvalidAddress: it cannot be made out to `to`.
        SMTPException, OSError: it was not taken.
    """
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    letter = EmailMessage(
        subject=subject,
        body=text,
        to=[to],
        # The same for each attempt, so that a letter sent twice shows once (RFC 5322 3.6.4).
        headers={"Message-ID": f"<{identifier}@{host}>", "Auto-Submitted": "auto-generated"},
    )
    try:
        letter.send()
    except ValueError:  # its words repeat the address
        raise InvalidAddress from None
