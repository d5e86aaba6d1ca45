"""Trust policies (C2SP tlog-policy): which logs and which witnesses a verifier believes.

A policy comes from the verifier, never from the log, a proof or an evidence pack. One keyword is
our own: `require ed25519 ml-dsa-44` asks for a log signature of each kind named. A program that
does not know it refuses the policy, which is better than asking for less.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from audit.ledger import checkpoint as checkpoints
from audit.ledger import cosignature, note
from audit.ledger.checkpoint import Checkpoint
from audit.ledger.cosignature import Cosignature
from audit.ledger.key_transitions.log_renames import Move
from audit.ledger.note import Note, NoteError, VerifierKey

NONE: Final = "none"
KINDS: Final = {"ed25519": note.ED25519, "ml-dsa-44": note.COSIGNATURE_MLDSA44}


class PolicyError(ValueError):
    """A policy text that cannot be used; the message names the line."""


@dataclass(frozen=True, slots=True)
class Group:
    """Members of which at least `threshold` must have cosigned."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A checkpoint seen through a policy.

    Attributes:
        checkpoint: signed by one of the policy's logs.
        cosignatures: valid ones by the policy's witnesses that were allowed to count.
        quorum_met: whether those satisfy the quorum; true of `quorum none`.
    """

    checkpoint: Checkpoint
    cosignatures: tuple[Cosignature, ...]
    quorum_met: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy.

    Attributes:
        logs: keys of the accepted logs.
        witnesses: policy name -> key.
        groups: policy name -> group.
        quorum: name of a witness or group, or `none`.
        urls: policy name -> submission prefix of that witness, where the policy names one.
        required: key types with each of which a log key must have signed; any one is enough where
            it is empty.
        moves: changes of a log's name by which the verifier came to some of the keys.
    """

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey]
    groups: Mapping[str, Group]
    quorum: str
    urls: Mapping[str, str] = field(default_factory=dict)
    required: tuple[int, ...] = ()
    moves: tuple[Move, ...] = ()

    @property
    def witnessed(self) -> bool:
        """Whether the policy asks for any witness at all."""
        return self.quorum != NONE

    def satisfied_by(self, cosigned: Collection[str]) -> bool:
        """Return whether these witnesses, by their policy names, make the quorum."""
        return self.quorum == NONE or self._holds(self.quorum, cosigned)

    @property
    def fewest(self) -> int:
        """The smallest number of witnesses that can make the quorum; 0 of `quorum none`."""
        return 0 if self.quorum == NONE else self._fewest(self.quorum)

    def _fewest(self, name: str) -> int:
        group = self.groups.get(name)
        if group is None:
            return 1
        return sum(sorted(map(self._fewest, group.members))[: group.threshold])

    def _holds(self, name: str, cosigned: Collection[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in cosigned
        return sum(self._holds(member, cosigned) for member in group.members) >= group.threshold

    def judge(
        self, signed_checkpoint: str | bytes | Note, *, discounted: Collection[str] = ()
    ) -> Verdict:
        """Verify a checkpoint and its cosignatures.

        Args:
            signed_checkpoint: with all its signature lines.
            discounted: key names of witnesses that count toward no quorum, such as one that runs
                in the log's own process.

        Raises:
            NoteError: malformed, not signed by a log of the policy, or the signature of a log or
                witness of the policy does not verify.
        """
        parsed = (
            signed_checkpoint
            if isinstance(signed_checkpoint, Note)
            else note.parse(signed_checkpoint)
        )
        checkpoint = checkpoints.verify(parsed, self.logs, self.required)
        own = {key.public_key for key in self.logs}  # a log is no witness of itself
        counted = [
            key
            for key in self.witnesses.values()
            if key.name not in discounted and key.public_key not in own
        ]
        found = cosignature.verify(parsed, counted)
        keys = {cosigned.key for cosigned in found}
        names = {name for name, key in self.witnesses.items() if key in keys}
        return Verdict(checkpoint, tuple(found), self.satisfied_by(names))


@dataclass(slots=True)
class _Draft:
    logs: list[VerifierKey] = field(default_factory=list)
    witnesses: dict[str, VerifierKey] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)
    urls: dict[str, str] = field(default_factory=dict)
    quorum: str = ""
    required: tuple[int, ...] = ()

    def key(
        self, text: str, key_types: Sequence[int], others: Collection[VerifierKey]
    ) -> VerifierKey:
        key = note.parse_vkey(text)
        if key.key_type not in key_types:
            wanted = " or ".join(map(str, key_types))
            raise PolicyError(f"the key of {key.name} has type {key.key_type}, not {wanted}")
        if any(key.public_key == other.public_key for other in others):
            raise PolicyError(f"the key of {key.name} is listed twice")
        return key

    def log(self, words: list[str]) -> None:
        if not 1 <= len(words) <= 2:
            raise PolicyError("write: log <vkey> [<url>]")
        self.logs.append(self.key(words[0], checkpoints.LOG_KEY_TYPES, self.logs))

    def witness(self, words: list[str]) -> None:
        if not 2 <= len(words) <= 3:
            raise PolicyError("write: witness <name> <vkey> [<url>]")
        self.new_name(words[0])
        known = self.witnesses.values()
        self.witnesses[words[0]] = self.key(words[1], cosignature.KEY_TYPES, list(known))
        if words[2:]:
            self.urls[words[0]] = words[2].rstrip("/")

    def group(self, words: list[str]) -> None:
        if len(words) < 3:
            raise PolicyError("write: group <name> all|any|<number> <name>…")
        name, rule, *members = words
        self.new_name(name)
        for member in members:
            self.known_name(member)
            if member in self.grouped:
                raise PolicyError(f"{member} is already a member of a group")
            self.grouped.add(member)
        self.groups[name] = Group(_threshold(rule, len(members)), tuple(members))

    def set_quorum(self, words: list[str]) -> None:
        if len(words) != 1:
            raise PolicyError("write: quorum <name>, or quorum none")
        if self.quorum:
            raise PolicyError("there is a quorum already")
        if words[0] != NONE:
            self.known_name(words[0])
        self.quorum = words[0]

    def require(self, words: list[str]) -> None:
        if self.required or not words or len(set(words)) != len(words):
            raise PolicyError(f"write once: require {' '.join(KINDS)}, or one of them")
        if unknown := [word for word in words if word not in KINDS]:
            raise PolicyError(f"{unknown[0]!r} is none of {', '.join(KINDS)}")
        self.required = tuple(KINDS[word] for word in words)

    def new_name(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise PolicyError(f"the name {name} is taken")

    def known_name(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise PolicyError(f"{name} is not a witness or group of an earlier line")


def parse(text: str) -> Policy:
    """Read a policy file.

    Raises:
        PolicyError: with the number of the line at fault, or because the quorum is missing.
    """
    draft = _Draft()
    readers: Mapping[str, Callable[[list[str]], None]] = {
        "log": draft.log,
        "witness": draft.witness,
        "group": draft.group,
        "quorum": draft.set_quorum,
        "require": draft.require,
    }
    for number, line in enumerate(text.split("\n"), 1):
        words = line.replace("\t", " ").split(" ")
        keyword, *rest = [word for word in words if word] or ["#"]
        if keyword.startswith("#"):
            continue
        try:
            if any((c < " " and c != "\t") or c == "\x7f" for c in line):
                raise PolicyError("holds a control character")
            if keyword not in readers:
                raise PolicyError(f"{keyword!r} is none of {', '.join(readers)}")
            readers[keyword](rest)
        except (PolicyError, NoteError) as error:
            raise PolicyError(f"line {number}: {error}") from error
    if not draft.quorum:
        raise PolicyError("there is no quorum line; write `quorum none` to ask for no witness")
    return Policy(
        tuple(draft.logs), draft.witnesses, draft.groups, draft.quorum, draft.urls, draft.required
    )


def _threshold(rule: str, members: int) -> int:
    if rule in ("any", "all"):
        return 1 if rule == "any" else members
    if not (rule.isascii() and rule.isdigit()) or not 1 <= int(rule) <= members:
        raise PolicyError(f"{rule!r} is not any, all or a number from 1 to {members}")
    return int(rule)
