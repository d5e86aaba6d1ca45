"""Who came in at the portal itself because the issuer is away: nobody vouches for them.

Nobody can be asked then, so nothing that would need asking, and nothing that loosens, is taken
from such a person: they read, and they tighten.
"""

from __future__ import annotations

from django.conf import settings

from approvals.registry import Stance, Verb
from audit.recording.actors import Actor

CODE = "break_glass"


def is_break_glass(actor: Actor) -> bool:
    """Whether the portal itself, and not the issuer, says who this is."""
    return actor.iss == settings.PORTAL_URL


def why_not(actor: Actor, verb: Verb) -> str:
    """Why this person may not take this decision now; empty when they may."""
    if not is_break_glass(actor) or verb.stance is Stance.TIGHTEN:
        return ""
    return (
        f"{verb.label} waits until the issuer answers again: during a break-glass sign-in things "
        "can be held, suspended and read, and nothing else."
    )
