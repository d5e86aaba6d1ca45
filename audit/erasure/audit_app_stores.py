"""The stores of `audit`: the log's values, evidence, exports, what was set aside, and the files
of the database itself. Registered at import.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from django.core.cache import cache

from audit.erasure import (
    erase_names_in_text,
    erase_openings,
    process_caches,
    vacuum,
)
from audit.erasure.subject_and_store_registry import Known, Store, Whose, knows, register, reserves
from audit.evidence import (
    storage,
)
from audit.exports import erase_exports
from audit.ledger import issuer_token_verification
from audit.ledger.format import commitment
from audit.models import (
    EvidenceItem,
    Openings,
    QuarantinedRow,
    VerificationRun,
)
from audit.recording import (
    action_registry,
)
from audit.recording.actors import SYSTEM
from audit.saved_views import person_erasure as saved_views
from audit.search import (
    index_tokens,
)

LOG = "log"
EVIDENCE = "evidence"
EXPORTS = "exports"
DATABASE = "database"

_QUARANTINED = ("row_id", "detail", "content")
_RUN = ("requested_by", "result")


@reserves
def from_events(_key: str) -> Iterator[str]:
    """What events, and the portal itself, are called."""
    yield from action_registry.names()
    yield SYSTEM.name


@knows
def from_openings(key: str) -> Iterator[Known]:
    """What the person was called in their own events."""
    known: set[Known] = set()
    for values in Openings.objects.filter(subject=key).values_list("values", flat=True).iterator():
        for who in ("actor", "on_behalf_of"):
            sub, name, email = (values.get(f"{who}.{each}", ("", ""))[1] for each in _NAMES)
            known.add(Known("", sub, name, email))
        for path, (_, value) in values.items():
            if path.startswith("private.") and isinstance(value, dict) and "sub" in value:
                iss, sub, name, email = (str(value.get(each, "")) for each in ("iss", *_NAMES))
                known.add(Known(iss, sub, name, email))
    yield from known


_NAMES = ("sub", "name", "email")


def _nothing(_whose: Whose) -> int:
    """The job erases it batch by batch, and notes which entries it touched."""
    return 0


def _evidence_of(whose: Whose) -> int:
    return EvidenceItem.objects.filter(subject=whose.key).count() if whose.key else 0


def _destroy_evidence(whose: Whose) -> int:
    found = _evidence_of(whose)
    storage.erase_subject(whose.key)
    return found


def _quarantined(whose: Whose) -> int:
    return erase_names_in_text.count(QuarantinedRow, _QUARANTINED, whose)


def _drop_quarantined(whose: Whose) -> int:
    pattern, gone = whose.pattern(), 0
    if pattern is None:
        return 0
    for row in list(erase_names_in_text.naming(QuarantinedRow.objects.all(), _QUARANTINED, whose)):
        if any(erase_names_in_text.holds(getattr(row, name), pattern) for name in _QUARANTINED):
            row.delete()
            gone += 1
    return gone


def _forget(_whose: Whose) -> int:
    process_caches.tell()
    return 0


def _clear_cache(_whose: Whose) -> int:
    with suppress(OSError):
        cache.clear()
    return 0


register(
    Store(
        "set_aside",
        "Rows of an import that were set aside",
        40,
        _quarantined,
        _drop_quarantined,
        [f"audit.QuarantinedRow.{name}" for name in _QUARANTINED],
    )
)
register(
    Store(
        "verifications",
        "Who asked for a verification",
        40,
        lambda whose: erase_names_in_text.count(VerificationRun, _RUN, whose),
        lambda whose: erase_names_in_text.scrub(VerificationRun, _RUN, whose),
        [f"audit.VerificationRun.{name}" for name in _RUN],
    )
)
register(
    Store(
        EXPORTS,
        "Exports that are kept: the files, who asked and for what",
        60,
        lambda whose: len(erase_exports.of(whose)),
        erase_exports.forget,
        [f"audit.ExportJob.{name}" for name in erase_exports.TEXTS],
    )
)
register(
    Store(
        "saved_views",
        "Saved views of the trail",
        40,
        saved_views.count,
        saved_views.forget,
        ["audit.WeeklyDigest.owner", *(f"audit.SavedView.{name}" for name in saved_views.COLUMNS)],
    )
)
register(Store("cache", "The cache of the portal", 65, lambda _whose: 0, _clear_cache))
register(
    Store(
        LOG,
        "Values of the audit trail, its search and its packed export lines",
        90,
        erase_openings.count,
        _nothing,
        [
            "audit.Openings.values",
            *(
                f"audit.EventRow.{name}"
                for name in (
                    *("actor_key", "actor_sub", "actor_name", "actor_email", "target_name"),
                    *("sentence", "terms"),
                )
            ),
            "audit.ExportBlock.body",
        ],
    )
)
register(
    Store(
        EVIDENCE,
        "Evidence about the person: its key and its bodies",
        95,
        _evidence_of,
        _destroy_evidence,
    )
)
register(Store("memory", "What running processes remember", 97, lambda _whose: 0, _forget))
register(
    Store(
        DATABASE,
        "Free pages, index segments and the journal of the database",
        99,
        lambda _whose: 0,
        lambda _whose: vacuum.compact(),
    )
)

for _name, _each in {
    "subject keys": commitment.subject_key.cache_clear,
    "words and filter values": index_tokens.forget,
    "sign-in tokens that were verified": issuer_token_verification.forget,
    "evidence that was read": storage.forget_read,
}.items():
    process_caches.register(_name, _each)
