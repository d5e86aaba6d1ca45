"""A person's subject in the alphabet that DefenseClaw keeps.

DefenseClaw v8 stores an identity only if it matches ``[A-Za-z0-9][A-Za-z0-9._:/-]*``; a subject
such as ``auth0|65f0…`` would silently vanish from its configuration and policy rows
(``internal/audit/control_plane_v8.go``). ``operator:`` also fills its ``principal_ref``.
"""

from __future__ import annotations

import re

_KEPT = re.compile(r"[^A-Za-z0-9._:/-]")


def actor_ref(sub: str) -> str:
    """`operator:auth0/65f0…` for `auth0|65f0…`; `cli:auth0-ata` where nobody acted."""
    if not sub:
        return "cli:auth0-ata"
    return "operator:" + _KEPT.sub("_", sub.replace("|", "/"))[:190]
