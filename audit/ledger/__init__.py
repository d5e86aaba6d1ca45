"""Proves, in pure Python: the evidence ledger without Django, network or clock.

Everything a third party needs to check the portal's claims lives here, so that the portal and
the offline verifier run the very same code. Formats: RFC 8785 entries, an RFC 6962 tree, and the
C2SP texts (signed-note, tlog-checkpoint, tlog-tiles, tlog-proof, tlog-cosignature, tlog-policy).
"""
