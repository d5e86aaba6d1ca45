"""What was signed about a log's keys, carried in what is handed out after a change of its name.

A pack or the manifest of an export that was made under a later name brings the statements that lead
to it (`audit.ledger.key_transitions.log_renames`, `audit.ledger.key_transitions.handover`), oldest
first. They are signed by the keys that they name, so the holder of only a former key reaches the
present one without asking the log; and the holder of the present one learns what was lost on the
way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from audit.ledger import note
from audit.ledger.format.canonical import EntryError, canonical
from audit.ledger.key_transitions import handover, log_renames
from audit.ledger.key_transitions.log_renames import Move
from audit.ledger.note import ED25519, NoteError, VerifierKey
from audit.ledger.trust_policy import Policy

CHECK: Final = "What former keys signed of this log fits"
MEMBER: Final = "key_statements"
"""Of a signed document of another format, in which the statements can come along."""


def carried(statements: Sequence[str]) -> list[str]:
    """The statements that go along: all of a log that changed its name, none of another."""
    return list(statements) if any(map(log_renames.is_move, statements)) else []


def write(statements: Sequence[str]) -> bytes:
    """The member of a pack: `{"statements": [...]}` in RFC 8785 form."""
    return canonical({"statements": list(statements)})


def read(body: bytes) -> list[str]:
    """The statements of a member.

    Raises:
        NoteError: it has another form.
    """
    try:
        document = json.loads(body)
        if not isinstance(document, dict) or canonical(document) != body:
            raise NoteError("it is not in canonical form (RFC 8785)")
    except (ValueError, RecursionError, EntryError) as error:
        raise error if isinstance(error, NoteError) else NoteError("it is not JSON") from None
    return listed(document.get("statements") if set(document) == {"statements"} else None)


def listed(document: object) -> list[str]:
    """The statements of a member or a manifest.

    Raises:
        NoteError: they are no list of texts.
    """
    if (
        not isinstance(document, list)
        or not document
        or not all(isinstance(one, str) for one in document)
    ):
        raise NoteError("it is no list of statements")
    return document


def follow(
    statements: Sequence[str],
    origin: str,
    signed: str | bytes | Callable[[VerifierKey], bool],
    trust: Policy,
    size: int = -1,
) -> Policy:
    """The verifier's policy with the keys to which its own lead, and the changes of name.

    Args:
        statements: as they came.
        origin: the log that they have to lead to.
        signed: a note by the key to which they have to lead; of what is no note, whether a key
            signed it.
        trust: what the verifier brought; statements that it knows are held against these.
        size: entries of the tree that came along, if one did.

    Raises:
        NoteError: a statement that is malformed, not signed by those that it names, or that leads
            elsewhere; or another one than the verifier knows.
    """
    moves, keys = _chain(statements, origin)
    if not _lead(signed, [key for key in keys if key.name == origin]):
        raise NoteError("they do not lead to the key that signed what they came with")
    for one in trust.moves:
        if any(other.old_origin == one.old_origin and other != one for other in moves):
            raise NoteError(
                f"it says that {one.old_origin} goes on otherwise than the history that you brought"
            )
    if 0 <= size < moves[-1].kept.size:
        raise NoteError(
            f"{origin} began with {moves[-1].kept.size} entries, and this tree has {size}"
        )
    found = log_renames.trail(statements, trust.logs)
    logs = tuple(dict.fromkeys((*trust.logs, *found.keys)))
    return replace(trust, logs=logs, moves=tuple(dict.fromkeys((*moves, *trust.moves))))


def _lead(signed: str | bytes | Callable[[VerifierKey], bool], keys: list[VerifierKey]) -> bool:
    if callable(signed):
        return any(map(signed, keys))
    try:
        note.verify(signed, keys)
    except NoteError:
        return False
    return True


def _chain(
    statements: Sequence[str], origin: str
) -> tuple[tuple[Move, ...], tuple[VerifierKey, ...]]:
    """The changes of name and all keys, once every statement is signed by the keys before it."""
    if len(set(statements)) != len(statements):
        raise NoteError("a statement stands in it twice")
    moves = [log_renames.parse(one) for one in statements if log_renames.is_move(one)]
    names = [one.new_origin for one in moves]
    if not moves or [one.old_origin for one in moves[1:]] != names[:-1] or names[-1] != origin:
        raise NoteError(f"the changes of name in it do not lead to {origin}")
    whole = log_renames.trail(statements, _old(statements[0]))
    reached = frozenset(whole.keys)
    for one in statements:
        if reached.isdisjoint(_old(one)):
            raise NoteError("a statement in it is by a key that no statement before it names")
    return whole.moves, whole.keys


def _old(statement: str) -> Collection[VerifierKey]:
    read: Iterable[VerifierKey]
    read = (log_renames.parse if log_renames.is_move(statement) else handover.parse)(statement).old
    return [key for key in read if key.key_type == ED25519]
