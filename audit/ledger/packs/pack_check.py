"""Checking an evidence pack: every step by name, each event in words, and what is not proven.

Needs no server and no network. `ata verify PACK` prints this report; the verifier inside a pack
(`audit/packs/verifier/`) makes the same checks under the same names. Trust roots come from the
verifier: what the pack says about its own keys is shown as its claim and raises no level.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from audit.ledger import issuer_token_verification, passkey_assertions, person_and_log_levels
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError, canonical
from audit.ledger.key_transitions import key_statements_in_exports
from audit.ledger.note import NoteError
from audit.ledger.offline.proof_check import (
    SAME_FOR_ALL_UNPROVEN,
    Step,
    moved,
    moved_unproven,
    verify_proof_file,
)
from audit.ledger.packs import archive as packs
from audit.ledger.packs import missing_values, who_acted_and_approved
from audit.ledger.packs import report_sentences as words
from audit.ledger.packs.archive import Pack, PackError
from audit.ledger.packs.pack_check_result import (
    Check,
    EventReport,
    PackReport,
)
from audit.ledger.person_and_log_levels import IssuerKeys, Judged
from audit.ledger.trust_policy import Policy

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

EVENTS_CHECK: Final = "Every event has its entry, openings and proof"
EVIDENCE_CHECK: Final = "The evidence is what the entries name"
TIME_CHECK: Final = "An authority you trust saw the tree"
OPENINGS_CHECK: Final = "The openings match the entry"
EVIDENCE_CHECKS: Final = {
    "id_token": "The issuer signed the sign-in",
    "approval_token": "The issuer signed the approval of this very act",
    "assertion": "A passkey signed this very act",
}
_STATES: Final = {"counts": "ok", "aside": "aside", "refused": "failed", "unknown": "unchecked"}
_SAID: Final = 50  # of what is not in a pack
_BODIES: Final = ("id_token", "approval_token", "assertion", "acknowledgement")


@dataclass(frozen=True, slots=True)
class Roots:
    """What the verifier trusts, from elsewhere than the pack.

    Attributes:
        policy: logs, witnesses and a quorum.
        issuer_keys: issuer -> JWKS; a set under "" counts for the entry's own issuer.
        passkeys: credential id -> passkey.
        authorities: certificates of time authorities.
    """

    policy: Policy
    issuer_keys: IssuerKeys = field(default_factory=dict)
    passkeys: Mapping[str, passkey_assertions.Passkey] = field(default_factory=dict)
    authorities: Sequence[Certificate] = ()


def check(data: bytes, roots: Roots) -> PackReport:
    """Check the bytes of a pack; failures are checks of the report, never exceptions."""
    try:
        pack = packs.read(data)
    except PackError as error:
        return _refused(error)
    followed, roots = _followed(pack, roots)
    checks = [
        Check(
            packs.ARCHIVE_CHECK, "ok", f"{len(pack.members) + 2} members, each bit accounted for."
        ),
        Check(packs.MANIFEST_CHECK, "ok", f"It is of the log {pack.manifest['origin']}."),
        _signed(pack, roots.policy),
        _members(roots.policy),
        *followed,
    ]
    moves = moved(str(pack.manifest["origin"]), roots.policy.moves)
    checks += [_of_step(step, roots.policy) for step in moves]
    contents = _Contents(pack)
    checks += [_complete(contents), _named(contents)]
    events = tuple(_check_event(contents, index, roots) for index in contents.indices)
    return PackReport(
        str(pack.manifest["words"]),
        tuple(checks),
        events,
        tuple(_not_proven(contents, events, roots)),
    )


def _refused(error: PackError) -> PackReport:
    order = (packs.ARCHIVE_CHECK, packs.MANIFEST_CHECK, packs.MEMBERS_CHECK)
    before = order[: order.index(error.check)]
    checks = [Check(name, "ok", "It holds.") for name in before]
    advice = f" {words.ONE_FORM}" if error.check == packs.ARCHIVE_CHECK else ""
    checks.append(Check(error.check, "failed", words.sentence(error) + advice))
    later = (*order[len(before) + 1 :], packs.SIGNED_CHECK, EVENTS_CHECK, EVIDENCE_CHECK)
    checks += [Check(name, "unchecked", words.EARLIER) for name in later]
    return PackReport("", tuple(checks), (), (words.NOTHING,))


def _followed(pack: Pack, roots: Roots) -> tuple[list[Check], Roots]:
    """What former keys signed, where the pack has it, and the keys to which trusted ones lead."""
    body, name = pack.members.get("log/key-history"), key_statements_in_exports.CHECK
    if body is None:
        return [], roots
    try:
        statements = key_statements_in_exports.read(body)
        origin, size = str(pack.manifest["origin"]), pack.manifest["tree"]["size"]
        policy = key_statements_in_exports.follow(statements, origin, pack.note, roots.policy, size)
    except (NoteError, KeyError, TypeError) as error:
        return [Check(name, "failed", words.sentence(error))], roots
    count = words.count(len(statements), "statement")
    detail = f"{count}, each signed by the keys before it."
    return [Check(name, "ok", detail)], replace(roots, policy=policy)


def _signed(pack: Pack, trust: Policy) -> Check:
    if not trust.logs:
        return Check(packs.SIGNED_CHECK, "unchecked", words.NO_LOG_KEY)
    try:
        origin = packs.check_signature(pack, canonical(pack.manifest), trust.logs)
    except PackError as error:
        return Check(packs.SIGNED_CHECK, "failed", words.sentence(error))
    return Check(packs.SIGNED_CHECK, "ok", f"{origin} signed it, and so each member.")


def _members(trust: Policy) -> Check:
    """The members have the digests of the manifest; that proves as much as its signature."""
    if not trust.logs:
        return Check(packs.MEMBERS_CHECK, "unchecked", words.UNSIGNED_MANIFEST)
    return Check(packs.MEMBERS_CHECK, "ok", "None was added, taken, moved or changed.")


class _Contents:
    """The members of a pack, put together by entry."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.indices = sorted({_index(name) for name in pack.members if name.startswith("events/")})
        self.checkpoint = pack.members.get("log/checkpoint", b"")
        self.bodies = {
            _digest(name): body
            for name, body in pack.members.items()
            if packs.kind_of(name) in _BODIES
        }

        parts = ((index, self.part(index, "entry")) for index in self.indices)
        self.certificates = missing_values.certificates(parts)
        self.withheld = missing_values.Withheld(pack.manifest["withheld"])

    def part(self, index: int, part: str) -> bytes:
        return self.pack.members.get(packs.event_name(index, part), b"")

    @cached_property
    def issuer_keys(self) -> dict[str, Any]:
        """Key sets that came in the pack, bounded."""
        found: dict[str, list[list[Any]]] = {}
        for body in self.pack.of_kind("issuer_keys").values():
            value = _json(body)
            if isinstance(value, dict) and isinstance(value.get("keys"), list):
                found.setdefault(str(value.get("iss")), []).append(value["keys"])
        return {
            iss: {"keys": issuer_token_verification.distinct_keys(sets)}
            for iss, sets in found.items()
        }

    @cached_property
    def passkeys(self) -> dict[str, passkey_assertions.Passkey]:
        """The passkeys that came in the pack."""
        try:
            return passkey_assertions.read_directory(self.pack.members.get("passkeys.json", b""))
        except ValueError:
            return {}

    def references(self) -> dict[str, str]:
        """Digest -> kind of all that the entries name."""
        found = {}
        for index in self.indices:
            document = _json(self.part(index, "entry"))
            named = document.get("evidence") if isinstance(document, dict) else None
            for one in named if isinstance(named, list) else ():
                if isinstance(one, dict):
                    found[str(one.get("digest"))] = str(one.get("kind"))
        return found


def _complete(contents: _Contents) -> Check:
    for index in contents.indices:
        for part in ("entry", "openings.json", "tlog-proof"):
            if packs.event_name(index, part) not in contents.pack.members:
                return Check(EVENTS_CHECK, "failed", f"Entry {index} is without its {part}.")
        if not contents.part(index, "tlog-proof").endswith(b"\n\n" + contents.checkpoint):
            return Check(EVENTS_CHECK, "failed", f"The proof of entry {index} is of another tree.")
    if not contents.indices:
        return Check(EVENTS_CHECK, "failed", "There is no event in it.")
    return Check(EVENTS_CHECK, "ok", f"{words.count(len(contents.indices), 'event')}, of one tree.")


def _named(contents: _Contents) -> Check:
    wanted = contents.references()
    for name, body in contents.pack.members.items():
        if not name.startswith(("evidence/", "issuer/")):
            continue
        digest, kind = _digest(name), packs.kind_of(name)
        if hashlib.sha256(body).hexdigest() != digest:
            return Check(EVIDENCE_CHECK, "failed", f"{name} holds another body.")
        if kind in _BODIES and wanted.get(digest) != kind:
            return Check(EVIDENCE_CHECK, "failed", f"No entry names {name}.")
    for digest, kind in wanted.items():
        if (
            kind in _BODIES
            and digest not in contents.bodies
            and digest not in contents.withheld.by_name
        ):
            detail = f"The {kind} {digest[:12]}… is neither there nor said to be withheld."
            return Check(EVIDENCE_CHECK, "failed", detail)
    held = f"{words.count(len(contents.bodies), 'body', 'bodies')} of evidence"
    absent = sum(
        kind in _BODIES and digest not in contents.bodies for digest, kind in wanted.items()
    )
    left_out = f"; {absent} that the entries name {words.are(absent)} not in it" if absent else ""
    return Check(EVIDENCE_CHECK, "ok", f"{held}{left_out}.")


def _check_event(contents: _Contents, index: int, roots: Roots) -> EventReport:
    entry, proof = contents.part(index, "entry"), contents.part(index, "tlog-proof")
    report = verify_proof_file(proof, entry, policy=roots.policy)
    checks = [_of_step(step, roots.policy) for step in report.steps]
    timed, moment = _timed(contents, roots)
    checks += timed
    if report.index is not None and report.index != index:
        checks.append(Check(EVENTS_CHECK, "failed", f"The proof is for entry {report.index}."))
    log = person_and_log_levels.log(entry, proof, roots.policy, external_time=moment)
    event, opened = _open(contents, index)
    checks += opened
    if event is None:
        return EventReport(index, "", (), tuple(checks), words.NOT_COMPUTED, log)
    trusted = _keys_for(event, roots.issuer_keys)
    judged = tuple(person_and_log_levels.judge(event, contents.bodies, trusted, roots.passkeys))
    checks += [_of_evidence(one, contents.withheld) for one in judged]
    human = person_and_log_levels.level_of(event, judged)
    claimed = None
    if any(one.state == "unknown" for one in judged):
        own = person_and_log_levels.human(
            event, contents.bodies, contents.issuer_keys, contents.passkeys
        )
        claimed = own if own.code > human.code else None
    said, gaps = words.said(event, judged, human), _gaps(judged, contents.withheld)
    claim = who_acted_and_approved.claim_of(event, judged, human, gaps)
    return EventReport(index, str(event["id"]), said, tuple(checks), human, log, claimed, claim)


def _gaps(judged: Sequence[Judged], withheld: missing_values.Withheld) -> Iterable[tuple[str, str]]:
    for what, one in who_acted_and_approved.unproven(judged):
        yield what, _evidence_detail(one, withheld)


def _timed(contents: _Contents, roots: Roots) -> tuple[list[Check], datetime | None]:
    """What a time token in the pack came to; nothing where there is none."""
    token = contents.pack.members.get("log/time-token")
    if token is None:
        return [], None
    if not roots.authorities:
        return [Check(TIME_CHECK, "unchecked", words.NO_AUTHORITY)], None
    from audit.ledger import (
        time_tokens,  # only who brings an authority needs what reads its certificates
    )

    try:
        signed = contents.checkpoint.decode()
        moment = time_tokens.verify(token, signed, roots.authorities)
    except (time_tokens.TimestampError, UnicodeDecodeError) as error:
        return [Check(TIME_CHECK, "failed", words.sentence(error))], None
    return [Check(TIME_CHECK, "ok", f"By {moment:%Y-%m-%d %H:%M:%S} UTC.")], moment


def _of_step(step: Step, trust: Policy) -> Check:
    if not trust.logs and step.name in words.NEED_LOG_KEY:
        return Check(step.name, "unchecked", words.NO_LOG_KEY)
    if step.ok:
        return Check(step.name, "ok", step.detail)
    return Check(step.name, "unchecked" if step.skipped else "failed", step.detail)


def _of_evidence(one: Judged, withheld: missing_values.Withheld) -> Check:
    absent = one.digest in withheld.by_name
    state = "withheld" if absent and one.state == "unknown" else _STATES[one.state]
    return Check(EVIDENCE_CHECKS[one.kind], state, _evidence_detail(one, withheld))


def _evidence_detail(one: Judged, withheld: missing_values.Withheld) -> str:
    held_back = withheld.by_name.get(one.digest)
    return words.withheld(held_back) if held_back else one.sentence


def _open(contents: _Contents, index: int) -> tuple[dict[str, Any] | None, list[Check]]:
    entry = contents.part(index, "entry")
    try:
        openings = missing_values.read_openings(contents.part(index, "openings.json"))
        event = entries.reveal(entry, openings, index=index)
    except EntryError as error:
        return None, [Check(OPENINGS_CHECK, "failed", words.sentence(error))]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None, [Check(OPENINGS_CHECK, "failed", "They cannot be read.")]
    count = words.count(len(openings), "value")
    checks = [Check(OPENINGS_CHECK, "ok", f"{count} as committed to in the entry.")]
    missing = missing_values.judge(index, entry, openings, contents.withheld, contents.certificates)
    if missing is not None:
        checks.append(Check(missing_values.VALUES_CHECK, *missing))
    return event, checks


def _keys_for(event: Mapping[str, Any], keys: IssuerKeys) -> IssuerKeys:
    issuer = str(event["actor"]["iss"])
    return {(name or issuer): value for name, value in keys.items()}


def _not_proven(contents: _Contents, events: Iterable[EventReport], roots: Roots) -> Iterable[str]:
    yield from words.ALWAYS
    yield from moved_unproven(str(contents.pack.manifest["origin"]), roots.policy.moves)
    if not roots.policy.witnessed:
        yield SAME_FOR_ALL_UNPROVEN
    absent = list(dict.fromkeys(map(words.withheld, contents.withheld.items)))
    yield from absent[:_SAID]
    if (more := len(absent) - _SAID) > 0:
        yield f"{more:,} more are not in it, as its manifest names them."
    unchecked = {
        check.name for event in events for check in event.checks if check.state == "unchecked"
    }
    for name in sorted(unchecked):
        yield f"{name}: not checked here."
    if any(event.claimed for event in events):
        yield words.OWN_CLAIM


def _index(name: str) -> int:
    return int(name.removeprefix("events/").partition(".")[0])


def _digest(name: str) -> str:
    return name.partition("/")[2].partition(".")[0]


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
