"""`ata verify`: check proofs offline, with trust roots that the verifier brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ata.errors import ExitCode, usage_error
from ata.options import Json, open_screen
from ata.output.safe_text import safe
from ata.output.screen import Screen, paint
from ata.verify.access_review_result import is_result, verify_result
from ata.verify.audit_file import TrustOptions, verify_if_audit_file
from ata.verify.evidence_file_grouping import Pair, evidence_packs, read_file, read_pack
from ata.verify.export_files import find_export, verify_export
from ata.verify.full_log_file import is_log, verify_log
from ata.verify.overall_verdict import FAILED, UNPROVEN, VERIFIED, Part, not_checked, show_overall
from ata.verify.sample_files import is_sample, verify_sample
from ata.verify.time_tokens import Timed, Token, read_authorities, read_token
from ata.verify.trust_roots import pack_roots, read_issuer_keys, read_passkeys, read_trust

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from audit.ledger.offline.proof_check import Report
    from audit.ledger.packs.pack_check_result import Claim
    from audit.ledger.passkey_assertions import Passkey
    from audit.ledger.person_and_log_levels import Level
    from audit.ledger.trust_policy import Policy

# What the shared report cannot know: whether evidence was given here and what it came to.
_WHO = "Who acted:"
_CLOSED = "No openings were given, so nothing shows of whom the evidence is that the entry names."


def verify(
    ctx: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Audit files, packs, the log, results, samples; or proofs with their files.",
        ),
    ],
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="The logs and witnesses you trust (C2SP tlog-policy)."),
    ] = None,
    vkey: Annotated[
        list[str] | None,
        typer.Option("--vkey", help="A log key you trust, or a file that holds it."),
    ] = None,
    key_history: Annotated[
        Path | None,
        typer.Option("--key-history", help="Follow from your log key to newer ones (/log/keys)."),
    ] = None,
    issuer_keys: Annotated[
        Path | None,
        typer.Option("--issuer-keys", help='The issuer\'s JWKS, or {"issuer": JWKS, ...}.'),
    ] = None,
    passkeys: Annotated[
        Path | None,
        typer.Option("--passkeys", help="The passkeys you trust (ata.passkeys.v1)."),
    ] = None,
    entry: Annotated[
        Path | None, typer.Option("--entry", help="The entry's exact bytes, for one proof.")
    ] = None,
    time_token: Annotated[
        Path | None,
        typer.Option("--time-token", help="A time token about the tree (RFC 3161)."),
    ] = None,
    tsa_ca: Annotated[
        Path | None,
        typer.Option("--tsa-ca", help="Certificates of the time authorities you trust (PEM)."),
    ] = None,
    entries: Annotated[
        Path | None,
        typer.Option(
            "--entries", help="The whole log (`ata audit entries`), for an export or a sample."
        ),
    ] = None,
    since: Annotated[
        list[Path] | None,
        typer.Option("--since", help="A checkpoint that you kept: the log must still hold it."),
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option("--fingerprint", help="Of the log's key, for an audit file without --vkey."),
    ] = None,
    json_output: Json = False,
) -> None:
    """Verify evidence without any server: who, what, when; each check; what is not proven."""
    screen = open_screen(ctx, json_output)
    options = TrustOptions(
        policy, vkey or [], key_history, issuer_keys, passkeys, tsa_ca, fingerprint
    )
    if (good := verify_if_audit_file(screen, files, options)) is not None:
        _ends(good)
        return
    trust = read_trust(policy, vkey or [], key_history)
    if export := find_export(files):
        _without_since(since)
        _ends(verify_export(screen, export, entries, trust))
        return
    if logs := [path for path in files if is_log(path)]:
        _alone(files, "The log is verified alone.", "ata verify LOG.ndjson --since NOTE.")
        token = read_token(time_token, tsa_ca)
        _ends(verify_log(screen, logs[0], since or [], trust, token))
        return
    if results := [path for path in files if is_result(path)]:
        _alone(files, "The result of a review is verified alone.", "ata verify RESULT.ndjson.")
        _ends(verify_result(screen, results[0], trust))
        return
    if samples := [path for path in files if is_sample(path)]:
        _ends(_verify_sample(screen, files, samples[0], entries, trust))
        return
    _without_since(since)
    keys, enrolled = read_issuer_keys(issuer_keys), read_passkeys(passkeys)
    packs, loose = evidence_packs(files)
    authorities = read_authorities(tsa_ca) if packs else ()
    pairs: list[Pair] = []
    unused: list[str] = []
    if loose or not packs:  # read before any verdict is printed: one of them may be unusable
        pack = read_pack(loose, entry)
        found = _Brought(pack.evidence(), keys, enrolled, read_token(time_token, tsa_ca))
        pairs = pack.pairs()
        unused = pack.unused(pairs, judged=found.judges)
    alone = unused if len(packs) + len(pairs) == 1 else []
    parts = [_verify_pack(screen, path, trust, keys, enrolled, authorities) for path in packs]
    if pairs:
        parts += _verify_pairs(screen, pairs, trust, found, alone)
    if len(parts) > 1:
        show_overall(screen, parts, unused)
    _ends(all(part.state == VERIFIED for part in parts))


def _verify_sample(
    screen: Screen, files: Sequence[Path], sample: Path, entries: Path | None, trust: Policy
) -> bool:
    how = "ata verify SAMPLE.json --entries LOG.ndjson."
    _alone(files, "A sample is verified alone.", how)
    if entries is None:
        raise usage_error("A sample is drawn again from the whole log.", how)
    return verify_sample(screen, sample, entries, trust)


def _without_since(since: Sequence[Path] | None) -> None:
    if since:
        raise usage_error(
            "--since needs the whole log.",
            "Fetch it: ata audit entries LOG.ndjson; then verify it alone. An export is compared "
            "with it by --entries LOG.ndjson, also with a later one.",
        )


def _alone(files: Sequence[Path], words: str, fix: str) -> None:
    if len(files) != 1:
        raise usage_error(words, fix)


def _ends(good: bool) -> None:
    if not good:
        raise typer.Exit(ExitCode.FAILED)


def _verify_pack(
    screen: Screen,
    path: Path,
    trust: Policy,
    keys: dict[str, object] | None,
    passkeys: dict[str, Passkey],
    authorities: Sequence[Certificate],
) -> Part:
    from ata.verify.pack_report import show
    from audit.ledger.packs import pack_check

    report = pack_check.check(read_file(path), pack_roots(trust, keys, passkeys, authorities))
    show(screen, str(path), report)
    return Part(str(path), report.verdict.state)


@dataclass(frozen=True, slots=True)
class _Brought:
    """Evidence by digest, and the keys to judge it by; `keys` is None where none were given."""

    evidence: dict[str, bytes]
    keys: dict[str, object] | None
    passkeys: dict[str, Passkey]
    token: Token | None

    @property
    def judges(self) -> bool:
        return self.keys is not None or bool(self.passkeys)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A proof and its entry, checked alone.

    Attributes:
        problem: why the openings do not fit, in a sentence; "" where they do.
        human: None where the entry was not opened and no keys were given.
        refused: why evidence that it names does not verify.
        claim: what it says about people; empty where anything failed.
    """

    pair: Pair
    report: Report
    problem: str
    human: Level | None
    refused: tuple[str, ...]
    timed: Timed | None
    log: Level
    claim: Claim

    @property
    def intact(self) -> bool:
        held = self.timed is None or self.timed.ok
        return self.report.ok and held and not self.problem and not self.refused

    @property
    def claimed(self) -> tuple[int | None, Claim]:
        """Its index, and what counts of its claim."""
        from audit.ledger.packs.pack_check_result import Claim

        return self.report.index, self.claim if self.intact else Claim()


def _verify_pairs(
    screen: Screen, pairs: Sequence[Pair], trust: Policy, brought: _Brought, unused: Sequence[str]
) -> list[Part]:
    """Verify them together: one may prove the person of another of its operation, as in a pack."""
    from audit.ledger.packs.pack_check_result import person_gaps

    checked = [_check_one(pair, trust, brought) for pair in pairs]
    gaps = person_gaps([one.claimed for one in checked])
    return [_show_one(screen, *each, unused) for each in zip(checked, gaps, strict=True)]


def _check_one(pair: Pair, trust: Policy, brought: _Brought) -> _Checked:
    from audit.ledger import person_and_log_levels
    from audit.ledger.offline.proof_check import verify_proof_file
    from audit.ledger.packs.pack_check_result import Claim

    report = verify_proof_file(pair.proof.body, pair.entry.body, policy=trust)
    problem, event = _reveal(pair)
    human: Level | None = None
    refused, claim = tuple[str, ...](), Claim()
    if event and (brought.judges or pair.openings):
        human, refused, claim = _judged(event, brought, opened=bool(pair.openings))
    timed = brought.token.judge(pair.proof.body) if brought.token else None
    moment = timed.moment if timed else None
    log = person_and_log_levels.log(pair.entry.body, pair.proof.body, trust, external_time=moment)
    return _Checked(pair, report, problem, human, refused, timed, log, claim)


def _show_one(
    screen: Screen, one: _Checked, gaps: Sequence[tuple[str, str]], unused: Sequence[str]
) -> Part:
    pair, report, problem, human = one.pair, one.report, one.problem, one.human
    refused, timed, log = one.refused, one.timed, one.log
    state = FAILED if not one.intact else UNPROVEN if gaps else VERIFIED
    unproven = sorted({what for what, _ in gaps}, reverse=True)
    value = {
        "proof": pair.proof.name,
        "entry": pair.entry.name,
        **report.to_dict(),
        "ok": state == VERIFIED,
        "verdict": state,
        "refused": list(refused),
        "unproven": unproven,
        "reasons": [reason for _, reason in gaps],
        "openings": {"given": len(pair.openings), "ok": not problem, "detail": problem},
        "human": human and {"code": human.code, "reasons": list(human.reasons)},
        "time": timed and {"ok": timed.ok, "detail": timed.detail},
        "log": {"code": log.code, "reasons": list(log.reasons)},
        "not_checked": list(unused),
        "not_proven": _not_proven(report, human),
    }
    lines = [f"{safe(pair.proof.name)} for {safe(pair.entry.name)}", *_step_lines(report)]
    if pair.openings:
        detail = problem or f"{len(pair.openings)} values are the ones committed to."
        lines.append(_step_line(not problem, "The openings match the entry", detail))
    if timed:
        lines.append(_step_line(timed.ok, "An authority you trust saw the tree", timed.detail))
    lines += [_step_line(False, "The evidence is of this event", one) for one in refused]
    lines += _level_lines(human, log)
    lines += ["Not proven:", *(f"  · {safe(limit)}" for limit in _not_proven(report, human))]
    lines += not_checked(unused)
    lines.append(_verdict(state, unproven, opened=bool(pair.openings)))
    lines += [f"  {safe(reason)}" for _, reason in gaps]
    screen.result(value, *lines)
    return Part(pair.proof.name, state)


def _verdict(state: str, gaps: Sequence[str], *, opened: bool) -> str:
    if state == VERIFIED:
        closed = "✓ Log entry verified. It names no one here: no openings were given."
        return paint("✓ Verified." if opened else closed, "green")
    if state == FAILED:
        return paint("✗ NOT verified.", "red")
    return paint(f"– Log entry verified. Person NOT proven: {' and '.join(gaps)}.", "yellow")


def _reveal(pair: Pair) -> tuple[str, dict[str, object] | None]:
    """The event with its values opened; or why it cannot be opened, in a sentence."""
    from audit.ledger.format import entry as entries
    from audit.ledger.format.canonical import EntryError

    try:
        return "", entries.reveal(pair.entry.body, pair.openings)
    except EntryError as error:
        return (f"{error}." if pair.openings else ""), None


def _judged(
    event: dict[str, object], brought: _Brought, *, opened: bool
) -> tuple[Level, tuple[str, ...], Claim]:
    """The level of the person, why evidence is refused, and the claim about people, as in a pack.

    `opened`: whether openings were given.
    """
    from audit.ledger import person_and_log_levels
    from audit.ledger.packs.pack_check_result import WHO_ACTED, WHO_APPROVED, Claim
    from audit.ledger.packs.who_acted_and_approved import claim_of, unproven

    actor = event.get("actor")
    issuer = str(actor.get("iss") or "") if isinstance(actor, dict) else ""
    keys = brought.keys or {}
    named = {(name or issuer): value for name, value in keys.items() if isinstance(value, dict)}
    judged = tuple(person_and_log_levels.judge(event, brought.evidence, named, brought.passkeys))
    human = person_and_log_levels.level_of(event, judged)
    refused = tuple(one.sentence for one in judged if one.state == "refused")
    gaps = [(what, one.sentence) for what, one in unproven(judged)]
    if opened:
        return human, refused, claim_of(event, judged, human, gaps)
    # An entry that stays closed names nobody, and so its evidence proves nobody.
    roles = {WHO_ACTED if one.kind == "id_token" else WHO_APPROVED for one in judged}
    return human, refused, Claim(gaps=tuple((role, _CLOSED) for role in roles))


def _not_proven(report: Report, human: Level | None) -> list[str]:
    limits = list(report.not_proven)
    if human is not None and human.code != "H0":
        return [limit for limit in limits if not limit.startswith(_WHO)]
    return limits


def _step_lines(report: Report) -> list[str]:
    return [_step_line(step.ok, step.name, step.detail) for step in report.steps]


def _step_line(ok: bool, name: str, detail: str) -> str:
    mark = paint("✓", "green") if ok else paint("✗", "red")
    return f"{mark} {safe(name)}: {safe(detail)}"


def _level_lines(human: Level | None, log: Level) -> list[str]:
    lines = [f"Record: {log.words} ({log.code})", *(f"  {safe(one)}" for one in log.reasons)]
    if human is not None:
        lines.append(f"Person: {human.words} ({human.code})")
        lines += [f"  {safe(one)}" for one in human.reasons]
    return lines
