"""Building a pack: entries, openings and proofs at one checkpoint, and the evidence they name.

What may not go out is named in the manifest with its reason: a token that still opens something, a
person who was erased, a value that looks like a secret, a body that this reader may not read.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from audit.clock import rfc3339
from audit.evidence import storage
from audit.evidence.storage import EvidenceErased, EvidenceError, NotReleasable
from audit.exports.manifest import build as version
from audit.importing.secret_masking import mask
from audit.keys import keyring, log_identity
from audit.ledger import inclusion_proof_file as proof_files
from audit.ledger import tiles
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError, canonical
from audit.ledger.format.commitment import Opening
from audit.ledger.key_transitions import key_statements_in_exports
from audit.ledger.packs import archive
from audit.ledger.passkey_assertions import DIRECTORY
from audit.models import Checkpoint, Entry, EvidenceItem
from audit.packs.erasure_certificates import certificates_for
from audit.packs.event_selection import Selection
from audit.packs.readme import README
from audit.packs.verify_html import verifier
from audit.proofs import proofs_and_tiles, timestamping
from audit.recording.stored_event_loader import AlteredEntry, openings_of
from audit.sequencing import signed_state
from audit.sequencing.stored_tree_queries import read_tile

type Directory = Callable[[], dict[str, Any]]
type MayRead = Callable[[EvidenceItem], bool]

_TOKENS = ("id_token", "approval_token")
_BODIES = (*_TOKENS, "assertion", "acknowledgement")
_NAMED = 20
"""So many values of one entry that stay out of a pack are named."""


def _nobody() -> dict[str, Any]:
    return {"schema": DIRECTORY, "passkeys": []}


_directory: Directory = _nobody


class NothingToPack(Exception):
    """None of the events is in the signed tree yet."""


class TooMany(Exception):
    """More events, or larger ones, than a pack holds."""


def use_directory(source: Directory) -> None:
    """Name the function that returns the passkey directory (`ata.passkeys.v1`).

    `approvals`, which enrols passkeys, imports this app, so it passes it in.
    """
    global _directory
    _directory = source


@dataclass(frozen=True, slots=True)
class Built:
    """A pack and what its event has to say of it."""

    body: bytes
    tree_size: int
    indices: tuple[int, ...]
    bodies: tuple[tuple[str, str], ...]
    """Kind and digest of each body of evidence in it."""

    @property
    def has_tokens(self) -> bool:
        """Whether an issuer-signed token is in it."""
        return any(kind in _TOKENS for kind, _ in self.bodies)


@dataclass(slots=True)
class _Draft:
    """Members as they come together; `entries_of` says for which entries each one is."""

    members: dict[str, bytes] = field(default_factory=dict)
    entries_of: dict[str, list[int]] = field(default_factory=dict)
    withheld: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, body: bytes, indices: Iterable[int] = ()) -> None:
        self.members[name] = body
        self.entries_of[name] = list(indices)

    def hold_back_values(self, index: int, paths: Sequence[str], why: str) -> None:
        """Values of one entry, by their paths; of many only how many they are."""
        if len(paths) <= _NAMED:
            for path in paths:
                self.hold_back("value", f"{index}:{path}", why, [index], "")
        else:
            self.hold_back("values", str(index), why, [index], "")
            self.withheld[-1]["count"] = len(paths)

    def hold_back(self, kind: str, name: str, why: str, indices: Iterable[int], until: str) -> None:
        self.withheld.append(
            {"kind": kind, "name": name, "why": why, "until": until, "entries": sorted(indices)}
        )


def build(selection: Selection, now: datetime, may_read: MayRead) -> Built:
    """The pack of some events; those without a leaf in the newest signed tree are left out.

    All proofs lead to the checkpoint that most stand behind: timed, else witnessed, else newest.

    The same content gives the same bytes: nothing in a pack says when or for whom it was made.

    Args:
        selection: the events.
        now: decides which tokens are released.
        may_read: whether the body of an item may go to this reader.

    Raises:
        NothingToPack: no event has a place in the signed tree.
        TooMany: it would be larger than a pack may be.
        AlteredEntry: an entry or an opening was altered.
    """
    if len(selection.ids) > archive.MAX_EVENTS:
        raise TooMany(f"a pack holds at most {archive.MAX_EVENTS:,} events")
    checkpoint = signed_state.newest_checkpoint()
    if checkpoint is None or signed_state.is_former(checkpoint):
        raise NothingToPack("the log has signed nothing yet; try again in a second")
    leaves = _leaves(selection.ids, checkpoint.size)
    if not leaves:
        raise NothingToPack("no event is in the signed tree yet; try again in a second")
    openings = openings_of([id for id, _ in leaves.values()])
    extra = certificates_for(leaves, openings, checkpoint.size)
    openings |= openings_of([id for id, _ in extra.values()])
    leaves = dict(sorted((leaves | extra).items()))
    checkpoint = proofs_and_tiles.best_for(max(leaves)) or checkpoint
    note = proofs_and_tiles.signed_note(checkpoint)
    draft = _Draft()
    hidden = set(extra) if selection.person else set()
    documents = _add_events(draft, leaves, openings, checkpoint, note, hidden)
    bodies = _add_evidence(draft, documents, now, may_read)
    _add_roots(draft, documents)
    draft.add("README.txt", README.encode())
    draft.add("log/checkpoint", note.encode())
    if statements := key_statements_in_exports.carried(keyring.read().statements):
        draft.add("log/key-history", key_statements_in_exports.write(statements))
    if (token := timestamping.token_of(checkpoint)) is not None:
        draft.add("log/time-token", token)
    draft.add("log/vkey", _lines(keyring.vkeys()))
    draft.add("verify.html", verifier())
    about = {
        "tree": {"size": checkpoint.size, "root": b64encode(bytes(checkpoint.root)).decode()},
        "about": selection.about,
        "words": selection.words,
        "withheld": sorted(draft.withheld, key=_counts_first),
        "build": version(),
    }
    try:
        body = archive.write(
            draft.members, about, draft.entries_of, log_identity.origin(), log_identity.seed()
        )
    except archive.PackError as error:
        raise TooMany(f"{error}") from error
    return Built(body, checkpoint.size, tuple(documents), tuple(bodies))


def _counts_first(one: Mapping[str, Any]) -> tuple[bool, str, str]:
    return "count" not in one, one["kind"], one["name"]


def _lines(texts: Iterable[str]) -> bytes:
    return "".join(f"{one}\n" for one in texts).encode()


def _leaves(ids: Sequence[UUID], size: int) -> dict[int, tuple[UUID, bytes]]:
    found = Entry.objects.filter(event__in=ids, seq__lt=size).order_by("seq")
    rows = found.values_list("seq", "event", "event__entry")
    return {seq: (event, bytes(entry)) for seq, event, entry in rows}


def _add_events(
    draft: _Draft,
    leaves: Mapping[int, tuple[UUID, bytes]],
    openings: Mapping[UUID, list[Opening]],
    checkpoint: Checkpoint,
    note: str,
    hidden: Collection[int],
) -> dict[int, dict[str, Any]]:
    """Entry, openings and proof of each event; returns the public events by index.

    Of entries in `hidden` no value goes out: they are not this reader's.
    """
    tile = lru_cache(maxsize=None)(read_tile)
    documents = {}
    for index, (id, entry) in leaves.items():
        held = openings[id]
        try:
            documents[index] = entries.reveal(entry, held, index=index)
        except EntryError as error:
            raise AlteredEntry(index, id) from error
        shown = [] if index in hidden else held
        released = [one for one in shown if mask(one.value) == one.value]
        paths = sorted({one.path for one in held} - {one.path for one in released})
        draft.hold_back_values(index, paths, "not_permitted" if index in hidden else "secret")
        hashes = tiles.inclusion_proof(tile, index, checkpoint.size)
        draft.add(archive.event_name(index, "entry"), entry, [index])
        draft.add(archive.event_name(index, "openings.json"), _openings(released), [index])
        proof = proof_files.write(index, hashes, note).encode()
        draft.add(archive.event_name(index, "tlog-proof"), proof, [index])
    return documents


def _openings(openings: Iterable[Opening]) -> bytes:
    values = [
        {"path": one.path, "subject": one.subject, "salt": one.salt.hex(), "value": one.value}
        for one in sorted(openings, key=lambda one: one.path)
    ]
    return canonical({"openings": values})


def _add_evidence(
    draft: _Draft, documents: Mapping[int, Mapping[str, Any]], now: datetime, may_read: MayRead
) -> list[tuple[str, str]]:
    wanted: dict[tuple[str, str], list[int]] = {}
    for index, event in documents.items():
        for one in event["evidence"]:
            if one["kind"] in _BODIES:
                wanted.setdefault((one["kind"], one["digest"]), []).append(index)
    items = EvidenceItem.objects.in_bulk([digest for _, digest in wanted])
    added = []
    for (kind, digest), indices in sorted(wanted.items()):
        body, why, until = _released(items.get(digest), now, may_read)
        if body is None:
            draft.hold_back(kind, digest, why, indices, until)
        else:
            draft.add(f"evidence/{digest}.{kind}", body, indices)
            added.append((kind, digest))
    return added


def _released(
    item: EvidenceItem | None, now: datetime, may_read: MayRead
) -> tuple[bytes | None, str, str]:
    """The body; or None with why it is not released, and from when on it will be."""
    if item is None:
        return None, "missing", ""
    if not may_read(item):
        return None, "not_permitted", ""
    try:
        return storage.release(item.digest, now), "", ""
    except NotReleasable:
        until = item.not_before_release
        return None, "not_released", rfc3339(until) if until else ""
    except EvidenceErased:
        return None, "erased", ""
    except EvidenceError:
        return None, "missing", ""


def _add_roots(draft: _Draft, documents: Mapping[int, Mapping[str, Any]]) -> None:
    """Key sets, discovery documents and passkeys as the portal knows them: its own claim."""
    issuers = {name for event in documents.values() for name in _issuers(event)}
    kinds = ("issuer_keys", "issuer_discovery")
    for item in EvidenceItem.objects.filter(kind__in=kinds, name__in=issuers):
        try:
            draft.add(f"issuer/{item.digest}.{item.kind}", storage.get(item.digest))
        except EvidenceError:
            continue
    used = _credentials(body for name, body in draft.members.items() if name.endswith(".assertion"))
    enrolled = _directory()["passkeys"] if used else []
    document = {"schema": DIRECTORY, "passkeys": [one for one in enrolled if one["id"] in used]}
    draft.add("passkeys.json", canonical(document))


def _issuers(event: Mapping[str, Any]) -> Collection[str]:
    approver = event["data"].get("approver")
    named = approver.get("iss", "") if isinstance(approver, dict) else ""
    return {event["actor"]["iss"], named} - {""}


def _credentials(assertions: Iterable[bytes]) -> set[str]:
    """Credential ids of passkeys that signed something in the pack; only those are disclosed."""
    found = set()
    for body in assertions:
        try:
            found.add(str(json.loads(body)["credential"]["id"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found
