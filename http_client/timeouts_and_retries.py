"""How long a call may take and when it is tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import stamina

from http_client.deadline import remaining
from http_client.errors import AddressRefused, BadAnswer, HttpClientError
from http_client.response import Answer

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "DELETE"})
_WORTH_ANOTHER_TRY: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. ``total`` bounds one attempt, however slowly its bytes arrive.

    The calls of a request have a bound together (`http_client.time_budget_for_all_calls`).
    """

    connect: float = 2.0
    read: float = 10.0
    write: float = 10.0
    pool: float = 5.0
    total: float = 30.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often an idempotent call (GET, HEAD, DELETE) or a failed connect is tried again.

    ``retry_after_cap`` is the longest Retry-After, in seconds, that is waited out; an answer that
    asks for more is handed to the caller at once.
    """

    attempts: int = 3
    first_wait: float = 0.2
    longest_wait: float = 2.0
    retry_after_cap: float = 5.0


class _TryAgain(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.operation}: status {answer.status}")
        self.answer = answer


def with_retries(policy: Retries, method: str, once: Callable[[], Answer]) -> Answer:
    """Call ``once`` until it brings an answer worth keeping or ``policy`` is exhausted.

    The last answer is returned whatever its status; the last error is raised as it is.
    """
    idempotent = method.upper() in _IDEMPOTENT

    def tried() -> Answer:
        answer = once()
        if idempotent and answer.status in _WORTH_ANOTHER_TRY:
            raise _TryAgain(answer)
        return answer

    try:
        return tried()
    except Exception as failure:  # what follows costs more than many a call
        first = iter([failure])
    try:
        for attempt in stamina.retry_context(
            on=partial(wait_before_retry, policy, idempotent),
            attempts=policy.attempts,
            timeout=None,
            wait_initial=policy.first_wait,
            wait_max=policy.longest_wait,
            wait_jitter=policy.first_wait,
        ):
            with attempt:
                if (failed := next(first, None)) is not None:
                    raise failed
                return tried()
    except _TryAgain as given_up:
        return given_up.answer
    raise AssertionError("a retry loop ends in an answer or an error")


def wait_before_retry(policy: Retries, idempotent: bool, failure: Exception) -> bool | float:
    """Whether ``failure`` deserves another attempt: False, True, or after how many seconds."""
    asked = failure.answer.retry_after() if isinstance(failure, _TryAgain) else None
    if remaining() <= (policy.longest_wait if asked is None else asked):
        return False  # it would begin when nothing is left for it
    if isinstance(failure, _TryAgain):
        if asked is None:
            return True
        return asked if asked <= policy.retry_after_cap else False
    if isinstance(failure, AddressRefused | BadAnswer) or not isinstance(failure, HttpClientError):
        return False
    return idempotent or not failure.maybe_delivered
