"""What the worker does for accounts every few minutes."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.sessions.models import Session

from accounts.access_refusal_events import QUIET
from accounts.break_glass import credential_check
from accounts.models import SeenLogoutToken, SeenRefusal, SignedInSession
from accounts.sessions.service import TOUCH_EVERY, live
from auth0_client.tokens.id_token import LEEWAY_S


def tidy(now: datetime) -> None:
    """Forget sessions that ran out, refusals that are folded no more, logout tokens that nobody
    could replay any more, and counts of break-glass tries."""
    credential_check.tidy(now)
    Session.objects.filter(expire_date__lte=now).delete()
    SignedInSession.objects.exclude(pk__in=live(SignedInSession.objects.all())).filter(
        created__lt=now - TOUCH_EVERY  # a sign-in that is being written has its row soon
    ).delete()
    SeenRefusal.objects.filter(at__lt=now - QUIET).delete()
    SeenLogoutToken.objects.filter(expires__lt=now - timedelta(seconds=2 * LEEWAY_S)).delete()
