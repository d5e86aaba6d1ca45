"""Which witnesses are asked, and which of them the portal's own policy counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from audit.keys import keyring
from audit.ledger import note, trust_policy
from audit.ledger.note import VerifierKey
from audit.ledger.trust_policy import Policy, PolicyError


@dataclass(frozen=True, slots=True)
class Target:
    """A witness that checkpoints are sent to.

    Attributes:
        url: submission prefix (C2SP tlog-witness), without a slash at its end.
        keys: whose cosignatures are taken from it.
    """

    url: str
    keys: tuple[VerifierKey, ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What `LEDGER_POLICY_FILE` and `LEDGER_WITNESS_URLS` say.

    Attributes:
        policy: with this log, by all keys of its present name, as its only log; None where there
            is none.
        targets: whom to ask, each address once.
        ours: key names of witnesses that are this log's own key: they count for nobody.
        problem: why something of it cannot be used, as a sentence; empty when all can.
    """

    policy: Policy | None = None
    targets: tuple[Target, ...] = ()
    ours: frozenset[str] = frozenset()
    problem: str = ""


def configured() -> Configuration:
    """The configuration in force; read again when the policy file changes."""
    file, urls = settings.LEDGER_POLICY_FILE, settings.LEDGER_WITNESS_URLS
    if file is None and not urls.strip():
        return Configuration()
    try:
        changed = file.stat().st_mtime_ns if file else 0
    except OSError as error:
        return Configuration(problem=f"LEDGER_POLICY_FILE cannot be read: {error.strerror}.")
    ring = keyring.read()
    present = tuple(one.vkey for one in ring.of(ring.names[-1]))
    return _read(file, changed, urls, present, tuple(one.vkey for one in ring.periods))


@lru_cache(maxsize=4)
def _read(
    file: Path | None, _changed: int, urls: str, present: tuple[str, ...], own: tuple[str, ...]
) -> Configuration:
    if file is None:
        return Configuration(
            problem="LEDGER_WITNESS_URLS is set without LEDGER_POLICY_FILE: no one could tell "
            "whose cosignature counts. Write a C2SP tlog-policy that names the witnesses' keys."
        )
    try:
        found = trust_policy.parse(file.read_text())
    except (OSError, UnicodeDecodeError, PolicyError) as error:
        return Configuration(problem=f"LEDGER_POLICY_FILE cannot be used: {error}.")
    found = replace(found, logs=tuple(map(note.parse_vkey, present)))
    public = {note.parse_vkey(one).public_key for one in own}
    ours = frozenset(w.name for w in found.witnesses.values() if w.public_key in public)
    targets, problem = _targets(found, urls)
    return Configuration(found, targets, ours, problem)


def _targets(found: Policy, urls: str) -> tuple[tuple[Target, ...], str]:
    """Addresses of the policy with their own key, further ones with any key of the policy."""
    targets: dict[str, Target] = {}
    problem = ""
    own = [(url, (found.witnesses[name],)) for name, url in found.urls.items()]
    further = [(url.rstrip("/"), tuple(found.witnesses.values())) for url in urls.split()]
    for url, keys in own + further:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > 500:
            problem = f"{url[:60]!r} is no address of a witness; write https://host/prefix."
        else:
            targets.setdefault(url, Target(url, keys))
    return tuple(targets.values()), problem
