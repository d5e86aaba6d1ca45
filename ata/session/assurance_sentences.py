"""What the portal says of this sign-in, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ata.clock import parse_time
from ata.output.safe_text import in_words, safe

# RFC 8176; what is not here is shown as the issuer wrote it.
_METHODS = {
    "pwd": "a password",
    "mfa": "more than one factor",
    "otp": "a one-time code",
    "hwk": "a hardware key",
    "swk": "a software key",
    "pin": "a PIN",
    "sms": "a text message",
}
_WAYS = {"phone": "a push to your phone", "passkey": "your passkey, on the portal's page"}


@dataclass(frozen=True, slots=True)
class Assurance:
    """The `assurance` of `GET /v1/whoami`; an older portal says less."""

    signed_in_at: str | None
    signed_in_said: bool
    amr: tuple[str, ...]
    ways: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The JSON form, under the portal's own names."""
        return {
            "signed_in_at": self.signed_in_at,
            "signed_in_said": self.signed_in_said,
            "amr": list(self.amr),
            "step_up": list(self.ways),
        }

    def when(self, now: float) -> str:
        """How long ago the sign-in was, and by whose word."""
        moment = parse_time(self.signed_in_at) if self.signed_in_at else None
        if moment is None:
            return "the portal holds no evidence of it; `ata login` gives it some"
        ago = f"{in_words(now - moment)} ago"
        return ago if self.signed_in_said else f"{ago} or longer: the issuer did not say when"

    def how(self) -> str:
        """With which factors, as far as the issuer said."""
        if not self.amr:
            return "the issuer did not say with which factors"
        return "with " + " and ".join(safe(_METHODS.get(one, one)) for one in self.amr)

    def step_up(self) -> str:
        """How this person could be asked to approve something."""
        if not self.ways:
            return "no one can ask you: enrol a phone with the issuer, or a passkey in the portal"
        return " or ".join(safe(_WAYS.get(one, one)) for one in self.ways)


def read(who: Mapping[str, object]) -> Assurance:
    """From the answer of `GET /v1/whoami`."""
    found = who.get("assurance")
    said: Mapping[str, object] = found if isinstance(found, dict) else {}
    at = said.get("signed_in_at")
    return Assurance(
        signed_in_at=at if isinstance(at, str) else None,
        signed_in_said=said.get("signed_in_said") is True,
        amr=_texts(said.get("amr")),
        ways=_texts(said.get("step_up")),
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()
