"""Answers of CIBA requests, sealed between reading and committing them.

Auth0 gives an answer once. It is stored in a separate transaction before anything else can fail,
so that a commit that is rolled back (a deadlock, a full disk, a worker that dies) is tried again
from here. Tokens inside are encrypted (`secret_box`) and are gone after `KEPT_FOR`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from approvals import clock
from approvals.models import Ask
from approvals.step_up import sealed_secrets
from auth0_client.grants import ciba, poll_results
from auth0_client.tokens.token_response import Tokens

KEPT_FOR: Final = timedelta(hours=1)
"""Longer than anything is committed after its time (`meant.READ_WITHIN`)."""
_KIND: Final = "ciba_answer"

type Answer = ciba.Approved | ciba.Refused | poll_results.Expired


@dataclass(frozen=True, slots=True)
class Sealed:
    """An answer and when it was read, by which expiry and tokens are judged.

    `at` is by our clock; `epoch` the seconds that tokens are compared with.
    """

    answer: Answer
    at: datetime
    epoch: float


def store(ask: Ask, answer: Answer) -> Sealed:
    """Seal the answer to `ask` in a separate transaction."""
    sealed = Sealed(answer, clock.now(), time.time())
    text = json.dumps({"at": sealed.at.isoformat(), "epoch": sealed.epoch, **_as_json(answer)})
    with transaction.atomic(durable=True):
        sealed_secrets.keep(_KIND, str(ask.pk), text, expires=sealed.at + KEPT_FOR)
    return sealed


def read(ask: Ask) -> Sealed | None:
    """The answer that was read before; None where there is none."""
    try:
        found = json.loads(sealed_secrets.read(_KIND, str(ask.pk)))
    except sealed_secrets.SecretGone:
        return None
    return Sealed(_from_json(found), datetime.fromisoformat(found["at"]), found["epoch"])


def drop(ask: Ask) -> None:
    """Forget the answer: it was committed, or came too late."""
    sealed_secrets.drop(_KIND, str(ask.pk))


def _as_json(answer: Answer) -> dict[str, object]:
    if isinstance(answer, ciba.Refused):
        return {"answer": "refused", "detail": answer.detail}
    if isinstance(answer, poll_results.Expired):
        return {"answer": "expired"}
    return {
        "answer": "approved",
        "access_token": answer.tokens.access_token,
        "id_token": answer.tokens.id_token,
        "details": list(answer.tokens.authorization_details),
    }


def _from_json(found: dict[str, Any]) -> Answer:
    if found["answer"] == "refused":
        return ciba.Refused(str(found["detail"]))
    if found["answer"] == "expired":
        return poll_results.Expired()
    return ciba.Approved(
        Tokens(
            access_token=str(found["access_token"]),
            token_type="Bearer",  # noqa: S106  # the name of a kind of token
            expires_in=None,
            scope=frozenset(),
            id_token=found["id_token"],
            authorization_details=tuple(found["details"]),
        )
    )
