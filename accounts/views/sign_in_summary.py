"""The sign-in of this session in words: how, how strong, how long ago, what needs a new one."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import SignedInSession
from accounts.recent_sign_in.requirement import what_is_missing
from approvals import clock
from approvals.errors import FRESH_FOR_S
from ui.times import duration, relative

# RFC 8176; what is not here is shown as the issuer wrote it.
_METHODS = {
    "pwd": "a password",
    "mfa": "more than one factor",
    "otp": "a one-time code",
    "recovery": "a recovery code",
    "hwk": "a hardware key",
    "swk": "a software key",
    "fpt": "a fingerprint",
    "face": "a face",
    "pin": "a PIN",
    "sms": "a text message",
    "user": "a test of presence",
    "sc": "a smart card",
}
NEEDS_IT = (
    "changing the policy",
    "adding or revoking a passkey",
    "reading evidence bodies",
    "erasing a person or placing and lifting a legal hold",
    "offboarding a person",
    "setting when a person’s access ends",
    "changing the approved settings of a gateway",
    "downloading an audit file",
)


@dataclass(frozen=True, slots=True)
class Assurance:
    """`how` and `when` are sentences; `missing` is why a new sign-in would be asked for."""

    how: str
    when: str
    second_factor: bool
    fresh: bool
    missing: str
    break_glass: bool


def assurance(session: SignedInSession) -> Assurance:
    """What the portal knows about this sign-in."""
    missing = what_is_missing(session, FRESH_FOR_S, True)
    return Assurance(
        how=_how(session),
        when=_when(session),
        second_factor="mfa" in session.amr,
        fresh=not missing,
        missing=missing,
        break_glass=session.ends_at is not None,
    )


def _how(session: SignedInSession) -> str:
    if session.ends_at is not None:
        return "By break-glass, without the issuer. No one vouches for who you are."
    if not session.amr:
        return "The issuer knew you already and did not ask again."
    ways = [_METHODS.get(way, way) for way in session.amr if isinstance(way, str)]
    return f"Reported by the issuer: {' and '.join(ways)}."


def _when(session: SignedInSession) -> str:
    now = clock.now()
    ago = relative(session.auth_time, now)
    if session.ends_at is not None:
        left = (session.ends_at - now).total_seconds()
        return f"{ago}; it ends in {duration(max(left, 1))} and cannot be renewed"
    if session.auth_time_said:
        return f"{ago}, reported by the issuer"
    return f"the issuer answered {ago}, and did not say when you signed in there"
