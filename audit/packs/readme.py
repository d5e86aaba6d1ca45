"""The text that a pack begins with."""

from __future__ import annotations

from typing import Final

README: Final = """\
EVIDENCE PACK OF AUTH0-ATA, FORMAT ata.pack.v1

What this is
  Events of an audit trail with everything that proves them: the exact entries, the values they
  commit to, proofs that they are in a signed log, and what people and issuers signed of them.
  manifest.json names every other file with its SHA-256; manifest.note is the log's signature
  over it.

Check it without asking anyone
  1. Get the log's key from someone you trust, not from this pack, and save it as log.key.
     Get the issuer's keys from the issuer: its discovery document names them (jwks_uri).
  2. ata verify PACK.zip --vkey log.key --issuer-keys jwks.json
     With log/time-token in it: add --tsa-ca FILE, the certificates of the time authority.
     With passkeys in it: add --passkeys passkeys.json, from whoever keeps the enrolments.
  3. Or open verify.html from this pack in a browser. It uses no network. If you do not trust this
     copy of it, take one from elsewhere: it is the same file in every pack of one version.

What is not in it
  A pack about one event has the events of its approval and its operation, 200 at most, and none
  that others reported. manifest.json says how many that leaves out: about.left_out, and words;
  with about.left_out_at_least there can be more. Where words say "Only events of the person who
  made the pack", those of others are not counted either.

What is in it
  manifest.json manifest.note   what belongs to it, signed
  log/checkpoint                the signed tree that all proofs lead to
  log/key-history               how a log that changed its name came to its keys, if it did: with
                                it a former key is enough, and what was lost is told
  log/time-token                when someone else had seen that tree (RFC 3161), if there is one
  log/vkey                      the log's key AS THE PACK ITSELF CLAIMS: proves nothing alone
  events/N.entry                the exact bytes of entry N of the log
  events/N.openings.json        the values behind its commitments, as far as they may be shown
  events/N.tlog-proof           that it is in the tree (C2SP tlog-proof)
  evidence/                     signed tokens and passkey assertions, by SHA-256
  issuer/                       key sets and discovery documents AS THE PORTAL SAW THEM
  passkeys.json                 passkeys AS THE PORTAL ENROLLED THEM
  verify.html                   the checks in a browser, without a network

Tokens are put into a pack only once they have expired and open nothing. One that is still valid,
or that is not for whoever made the pack, is left out: manifest.json lists it under "withheld", and
the pack then does not prove who acted or approved. Tokens name people: keep the pack as you keep
personal data.
"""
