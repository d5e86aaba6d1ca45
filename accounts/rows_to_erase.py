"""The store of `accounts`: the account, its live sessions, and the sign-in of a command line."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session

from accounts.models import CommandLineSignIn, User
from audit.erasure import erase_names_in_text, subject_and_store_registry
from audit.erasure.subject_and_store_registry import Known, Store, Whose, knows, register


@knows
def from_accounts(key: str) -> Iterator[Known]:
    """What the account says."""
    for iss, sub in subject_and_store_registry.identities(User, key):
        for user in User.objects.filter(iss=iss, sub=sub):
            yield Known(iss, sub, user.name, user.email)
    for iss, sub in subject_and_store_registry.identities(CommandLineSignIn, key):
        yield Known(iss, sub)


def _browsers(whose: Whose) -> list[str]:
    """Keys of sessions of the person, or that name them; the values are signed and packed."""
    accounts = {str(pk) for pk in User.objects.filter(whose.of()).values_list("pk", flat=True)}
    pattern, found = whose.pattern(), []
    for session in Session.objects.iterator():
        held = session.get_decoded()
        named = pattern is not None and erase_names_in_text.holds(held, pattern)
        if named or str(held.get(SESSION_KEY, "")) in accounts:
            found.append(session.session_key)
    return found


def _count(whose: Whose) -> int:
    signed_in = CommandLineSignIn.objects.filter(whose.of()).count()
    return User.objects.filter(whose.of()).count() + signed_in + len(_browsers(whose))


def _erase(whose: Whose) -> int:
    gone, _ = Session.objects.filter(session_key__in=_browsers(whose)).delete()
    gone += CommandLineSignIn.objects.filter(whose.of()).delete()[0]
    return gone + User.objects.filter(whose.of()).delete()[0]


_COLUMNS = {
    "identity.User": ("sub", "name", "email", "roles"),
    "identity.SignedInSession": ("session_key", "sid", "amr", "acr", "ip", "user_agent"),
    "identity.CommandLineSignIn": ("sub", "amr"),
    "sessions.Session": ("session_key", "session_data"),
}
register(
    Store(
        "identity",
        "The account, its sessions and sign-ins",
        5,
        _count,
        _erase,
        [f"{model}.{name}" for model, names in _COLUMNS.items() for name in names],
    )
)
