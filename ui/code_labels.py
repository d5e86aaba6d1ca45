"""What each code looks like and is called on a page: words first, then shape, then colour.

The tables are the only place where a code of the contract becomes a tone or an icon, so two pages
can never show the same outcome differently. A code without an entry shows itself in neutral grey.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """Tone (a `t-*` class), icon (a symbol of `img/icons.svg`) and the words for one code, and what
    they mean where the words alone do not say it."""

    tone: str
    icon: str
    words: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class LevelWords:
    """One step of an evidence scale: chip words, and the sentence that says what it means."""

    words: str
    meaning: str


OUTCOMES: dict[str, Look] = {
    "success": Look("ok", "check", "success"),
    "approved": Look("ok", "check", "approved"),
    "denied": Look("bad", "x", "denied"),
    "failure": Look("bad", "octagon-alert", "failure"),
    "failed": Look("bad", "octagon-alert", "failed"),
    "expired": Look("warn", "clock", "expired"),
    "unknown": Look("warn", "help", "unknown"),
    "pending": Look("info", "circle-dashed", "pending"),
    "cancelled": Look("off", "circle-slash", "cancelled"),
}

_ENDED = "Recorded as pending. This is how its operation ended."
STATES: dict[str, Look] = {
    # Of an event that was recorded as pending: how its operation ended.
    "later_approved": Look("ok", "check", "approved later", _ENDED),
    "later_done": Look("ok", "check", "completed later", _ENDED),
    "later_denied": Look("bad", "x", "denied later", _ENDED),
    "later_failed": Look("bad", "octagon-alert", "failed later", _ENDED),
    "later_expired": Look("warn", "clock", "expired later", _ENDED),
    "later_cancelled": Look("off", "circle-slash", "cancelled later", _ENDED),
    "connected": Look("ok", "plug", "connected"),
    "expiring": Look("warn", "hourglass", "expiring"),
    "asleep": Look("hold", "moon", "paused"),
    "suspended": Look("hold", "pause", "suspended"),
    "needs_reconnect": Look("bad", "unplug", "needs reconnect"),
    "revocation_pending": Look("warn", "clock", "refused; deletion pending"),
    "revoking": Look("warn", "clock", "revocation in progress"),
    "gone": Look("off", "unplug", "gone at Auth0"),
    "revoked": Look("off", "unplug", "revoked"),
    "reconnect": Look("bad", "unplug", "needs reconnect"),
    "frozen": Look("hold", "snowflake", "frozen"),
    "held": Look("hold", "hand", "on hold"),
    "blocked": Look("bad", "ban", "blocked"),
    "allowed": Look("ok", "check", "allowed"),
    "quarantined": Look("bad", "lock", "quarantined"),
    "released": Look("off", "lock-open", "released"),
    "unscanned": Look("off", "help", "no scan was read"),
    "clean": Look("ok", "shield-check", "no open finding"),
    "open": Look("warn", "circle-dot", "open"),
    "acknowledged": Look("info", "eye", "acknowledged"),
    "dismissed": Look("off", "eye-off", "dismissed"),
    "denied_inferred": Look("warn", "help", "denied, inferred"),
    "done": Look("ok", "check", "done"),
    "closed": Look("off", "circle-slash", "closed"),
    "answering": Look("ok", "radio", "answering"),
    "online": Look("ok", "radio", "online"),
    "offline": Look("bad", "unplug", "offline"),
    "token_refused": Look("bad", "lock", "token refused"),
    "deaf": Look("bad", "unplug", "partly unknown"),
    "not answering": Look("bad", "unplug", "not answering"),
    "not_enforced": Look("warn", "triangle-alert", "not enforced"),
    "stopped": Look("ok", "shield-check", "stopped"),
    "partly_stopped": Look("warn", "triangle-alert", "partly stopped"),
    "not_stopped": Look("warn", "triangle-alert", "not stopped"),
    "effect_not_known": Look("off", "help", "effect not known"),
    "running": Look("info", "loader", "running"),
    "ready": Look("ok", "check", "ready"),
    "covered": Look("ok", "check", "covered"),
    "silent": Look("warn", "circle-dashed", "no events"),
    "not_covered": Look("off", "circle-slash", "not by this product"),
    "heard": Look("ok", "radio", "received"),
    "never": Look("off", "help", "nothing received"),
}

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO", "NONE")

HUMAN: dict[str, LevelWords] = {
    "H0": LevelWords("not verified", "No one signed for this. It was claimed or imported."),
    "H1": LevelWords("signed in", "The issuer signed the sign-in of the person who acted."),
    "H2": LevelWords(
        "approved this action", "The issuer or a passkey signed exactly this request."
    ),
    "H3": LevelWords(
        "approved with two methods", "The issuer and a passkey both signed exactly this request."
    ),
}

LOG: dict[str, LevelWords] = {
    "L0": LevelWords("recorded", "Recorded, not yet in the signed log."),
    "L1": LevelWords("in signed log", "In the log signed with our own key."),
    "L2": LevelWords("witnessed", "A quorum of independent witnesses co-signed it."),
    "L3": LevelWords("timestamped", "Witnessed, and an outside authority signed the time."),
}


def look(code: str) -> Look:
    """The look of an outcome or a state; an unknown code shows its own word in grey."""
    key = code.strip().lower()
    found = OUTCOMES.get(key) or STATES.get(key)
    return found or Look("off", "circle", key.replace("_", " ") or "unknown")
