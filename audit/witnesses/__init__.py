"""Witnesses (C2SP tlog-witness): others who cosign that the log only ever grew.

Checkpoints are sent to every configured witness, cosignatures that verify are kept, and a witness
that has seen another history stops the signing. Which witnesses count is in the policy of
the verifier; `LEDGER_POLICY_FILE` is the portal's own.
"""

from audit.witnesses.configuration import Configuration, Target, configured
from audit.witnesses.pushing import loop, push_due
from audit.witnesses.quorum import Standing, standings, witnessed_checkpoint, witnessed_size

__all__ = [
    "Configuration",
    "Standing",
    "Target",
    "configured",
    "loop",
    "push_due",
    "standings",
    "witnessed_checkpoint",
    "witnessed_size",
]
