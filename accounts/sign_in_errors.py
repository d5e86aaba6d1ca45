"""The one page on which a sign-in that does not succeed ends, and what it says to do."""

from __future__ import annotations

import secrets

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.anonymous_events import record_anonymous
from accounts.break_glass.open_until import open_until
from audit.recording.actors import Actor
from auth0_client.errors import Auth0Error, TokenRefused, Unavailable
from http_client.errors import BadAnswer, HttpClientError
from ui import outage_banners
from ui.request_id import request_id

_CLOCKS = frozenset({"expired", "issued_in_future", "not_yet_valid"})
_LOST = (
    "This browser no longer remembers the sign-in that this answer belongs to: it was begun in "
    "another tab, too long ago, or the address was opened twice. Start again."
)
_BLOCKED = (
    "This browser did not keep the cookie that a sign-in needs. Allow cookies for this site, then "
    "start again."
)
_ONE_FACTOR = (
    "What you were going to do needs a sign-in with a second factor, and the issuer did not ask "
    "for one. Enrol one with the issuer; if you have one, tell your admin that its sign-in must "
    "honour acr_values."
)
WORDS = {
    "state_lost": _LOST,
    "cookies_blocked": _BLOCKED,
    "no_second_factor": _ONE_FACTOR,
}


class SignInRefused(Exception):
    """Sign-in ends here; `code` goes to the trail, `words` to the page."""

    def __init__(self, code: str, words: str = "", status: int = 403) -> None:
        words = words or WORDS[code]
        super().__init__(f"{code}: {words}")
        self.code = code
        self.words = words
        self.status = status


def because_of(error: TokenRefused | Auth0Error | HttpClientError) -> SignInRefused:
    """What a failure on the way to the issuer means for the person who is signing in."""
    if isinstance(error, TokenRefused):
        words = "The issuer's token did not verify."
        if error.code in _CLOCKS:
            words += " The clocks of the issuer and of this server may disagree: tell your admin."
        return SignInRefused(error.code, words)
    if isinstance(error, BadAnswer):
        return SignInRefused("bad_answer", "The issuer's answer cannot be read.")
    if isinstance(error, Auth0Error):
        words = "The issuer did not confirm this sign-in."
        if isinstance(error, Unavailable):
            words = outage_banners.sign_in_words()
        return SignInRefused(error.code, words)
    return SignInRefused("issuer_unreachable", outage_banners.sign_in_words(), 503)


def failed(request: HttpRequest, refused: SignInRefused) -> HttpResponse:
    """The page, with a reference id that one event repeats; without where none was recorded."""
    reference = secrets.token_hex(6)
    recorded = record_anonymous(
        Actor(iss="", sub="", via="web", request=request_id(request)),
        "operator.sign_in_failed",
        outcome="failure",
        severity="MEDIUM",
        data={"code": refused.code, "reference": reference},
        private={"ip": request.META.get("REMOTE_ADDR", "")},
    )
    return render(
        request,
        "errors/signin_failed.html",
        {
            "code": refused.code,
            "detail": refused.words,
            "reference": reference if recorded else "",
            "recorded": recorded,
            "break_glass": open_until() is not None,
        },
        status=refused.status,
    )
