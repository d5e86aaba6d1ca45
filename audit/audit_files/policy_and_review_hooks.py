"""Policy versions and results of access reviews, which other apps keep.

`approvals` and `connections` import this app, so `portal.hooks_between_apps` passes their
functions in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """One version of the approval policy.

    Attributes:
        digest: hex SHA-256 that its entry names.
        body: the document in RFC 8785 form; None where values of it were erased.
        event: that made it; None for the version that the product begins with.
    """

    digest: str
    body: bytes | None
    event: UUID | None


type Policies = Callable[[], Iterable[PolicyDocument]]
type Result = Callable[[UUID], bytes | None]


def _none(_closed: UUID) -> None:
    return None


_policies: Policies = tuple
_result: Result = _none


def use_policies(source: Policies) -> None:
    """Name the function that returns all versions of the policy, oldest first."""
    global _policies
    _policies = source


def use_review_results(source: Result) -> None:
    """Name the function that returns the signed result of a review by the event that closed it."""
    global _result
    _result = source


def policies() -> list[PolicyDocument]:
    """All versions of the policy, oldest first; the first is the one the product begins with."""
    return list(_policies())


def review_result(closed: UUID) -> bytes | None:
    """The signed result of the review that this event closed; None where it is not kept whole."""
    return _result(closed)
