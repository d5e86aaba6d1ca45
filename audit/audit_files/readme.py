"""The text that an audit file begins with: what it holds, and how to check it."""

from __future__ import annotations

from django.conf import settings

from audit.audit_files.audit_scope import Scope
from audit.ledger.audit_file_format.signed_manifest import shown_time

_TEXT = """\
AUDIT FILE OF AUTH0-ATA, FORMAT ata.audit-file.v1

{framework}, from {after} to before {before} (UTC).

Check it without asking anyone
  1. Get the log's key, or its fingerprint, from someone who kept it outside the portal and
     outside this file: a printed sheet, a colleague, last year's workpapers.
     {portal}/log/key serves it too.
  2. Get the issuer's keys from the issuer (jwks_uri of its discovery document).
  3. ata verify FILE.zip --vkey log.key --issuer-keys jwks.json
     With passkeys in it: add --passkeys passkeys.json, from who keeps the enrolments.
     With a fingerprint in the place of the key: --fingerprint HEX
  Without a key from elsewhere the answer is at most "consistent with itself": the key in keys/
  was put there by whoever made the file.
  You may unpack the file and pack it again: order, compression and a folder around it do not
  matter. Copy what you want to write into out of it first.

What is in it
  manifest.json manifest.note   what belongs to it, signed by the log
  log/range.ndjson              {range}
  samples/                      which items were drawn, and all that is needed to draw them again
  evidence/items-NNN.zip        evidence packs of the items: entries, proofs, signed tokens
  policies/                     the approval policies in force in the period, by their digest
  reviews/                      signed results of access reviews that were closed in the period
  roles.json                    who acted with which roles, from which entry to which, and which
                                ends of access by role were set, changed or removed
  keys/log.key                  the log's key AS THE FILE ITSELF CLAIMS: proves nothing alone
  verify.html                   checks the packs in evidence/ in a browser, without a network

verify.html is also at {portal}/log/verify.html. Its SHA-256 is
  {sha256}
Compare it there, or use a copy that you kept: a page that came in a file cannot vouch for itself.

Keep this file as you keep personal data: it names people.
"""
_COMPLETE = "all entries of the period{until}; values only of those in a population"
_UNTIL = " up to entry {last:,}, the last one of the signed tree"
_PARTIAL = "the entries of the populations; of all others only a hash"


def readme(scope: Scope, verifier_sha256: str) -> str:
    """The text for one file.

    Args:
        scope: of the file.
        verifier_sha256: hex digest of the `verify.html` in it.
    """
    last = scope.last_signed
    until = "" if last is None else _UNTIL.format(last=last)
    return _TEXT.format(
        framework=scope.framework.title,
        after=shown_time(scope.within.after),
        before=shown_time(scope.within.before),
        portal=settings.PORTAL_URL,
        range=_COMPLETE.format(until=until) if scope.complete else _PARTIAL,
        sha256=verifier_sha256,
    )
