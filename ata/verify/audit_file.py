"""The ZIP of an audit (`ata.audit-file.v1`), checked by `ata verify`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ata.errors import usage_error
from ata.output.safe_text import safe
from ata.output.screen import Screen, paint
from ata.verify.overall_verdict import not_checked
from ata.verify.pack_report import check_lines, verdict_lines
from ata.verify.time_tokens import read_authorities
from ata.verify.trust_roots import pack_roots, read_issuer_keys, read_passkeys, read_trust

if TYPE_CHECKING:
    from audit.ledger.audit_file_format.audit_file_report import AuditFileReport
    from audit.ledger.packs.pack_check import Roots

_HEX = 64


def _is_audit_file(path: Path) -> bool:
    """Whether a file is an archive with the members of an audit file, wherever they came from."""
    from audit.ledger.audit_file_format.signed_manifest import LOG_KEY, RANGE, ROLES
    from audit.ledger.audit_file_format.zip_members import names_of

    return any(
        name.replace("\\", "/").endswith((RANGE, LOG_KEY, f"/{ROLES}")) or name == ROLES
        for name in names_of(path)
    )


def _read_fingerprint(text: str | None) -> str:
    """A fingerprint as 64 hex digits, whatever stands between them; "" where none was given."""
    if text is None:
        return ""
    digits = text.lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if len(digits) != _HEX or set(digits) - set("0123456789abcdef"):
        raise usage_error(
            "That is no fingerprint.",
            "It is the SHA-256 of the log's public key, 64 hex digits, as the Ledger page shows.",
        )
    return digits


@dataclass(frozen=True, slots=True)
class TrustOptions:
    """Options of `ata verify` that name what the verifier trusts."""

    policy: Path | None
    vkeys: Sequence[str]
    key_history: Path | None
    issuer_keys: Path | None
    passkeys: Path | None
    tsa_ca: Path | None
    fingerprint: str | None

    def roots(self) -> Roots:
        """What an audit file is checked with; without logs where they name no key.

        Raises:
            AtaError: usage, where both a key and a fingerprint are given, or one cannot be read.
        """
        from audit.ledger.trust_policy import NONE, Policy

        trust = Policy((), {}, {}, NONE)
        if self.policy or self.vkeys:
            if self.fingerprint:
                raise usage_error("A key was given as well as a fingerprint.", "Give one of them.")
            trust = read_trust(self.policy, self.vkeys, self.key_history)
        issuers, passkeys = read_issuer_keys(self.issuer_keys), read_passkeys(self.passkeys)
        return pack_roots(trust, issuers, passkeys, read_authorities(self.tsa_ca))


def verify_if_audit_file(screen: Screen, files: Sequence[Path], trust: TrustOptions) -> bool | None:
    """Whether the audit file among these is verified; None where there is none.

    Raises:
        AtaError: usage, where other files stand next to it, or a fingerprint is given without it.
    """
    fingerprint = _read_fingerprint(trust.fingerprint)
    found = [path for path in files if _is_audit_file(path)]
    if not found:
        if fingerprint:
            raise usage_error("A fingerprint is for an audit file.", "Give the key with --vkey.")
        return None
    if len(files) != 1:
        raise usage_error("An audit file is verified alone.", "ata verify FILE.zip --vkey KEY.")
    return _verify(screen, found[0], trust.roots(), fingerprint)


def _verify(screen: Screen, path: Path, roots: Roots, fingerprint: str) -> bool:
    from audit.ledger.audit_file_format.audit_file_check import ARCHIVE, check
    from audit.ledger.audit_file_format.audit_file_report import AuditFileReport
    from audit.ledger.audit_file_format.zip_members import ZipError, ZipMembers
    from audit.ledger.packs.pack_check_result import Check

    try:
        with path.open("rb") as file:
            report = check(ZipMembers(file), roots, fingerprint)
    except ZipError as error:
        failed = Check(ARCHIVE, "failed", f"{str(error)[:1].upper()}{str(error)[1:]}.")
        report = AuditFileReport("", "", (failed,), ())
    except OSError as error:
        raise usage_error(f"{path} cannot be read: {error.strerror}.") from error
    _show(screen, path, report)
    return report.verdict.ok


def _show(screen: Screen, path: Path, report: AuditFileReport) -> None:
    lines = [f"{safe(path)}: {safe(report.words)}" if report.words else safe(path)]
    lines += check_lines(report.checks)
    lines += ["Populations that the manifest names:"] if report.tables else []
    for one in report.tables:
        asked = safe(one.filter) or "every entry"
        lines.append(f"  · {safe(one.id)} {safe(one.title)}: {one.rows:,} rows of {asked}")
    lines += [paint(f"{safe(one.name)}: {safe(one.words)}", "dim") for one in report.packs]
    lines += ["Not proven:", *(f"  · {safe(limit)}" for limit in report.not_proven)]
    lines += not_checked(report.unlisted)
    lines += verdict_lines(report.verdict)
    screen.result({"audit_file": str(path), **report.to_dict()}, *lines)
