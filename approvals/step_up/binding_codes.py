"""Binding messages: short codes shown on both screens.

Auth0 takes at most 64 characters, alphanumerics and `+-_.,:#`.
"""

from __future__ import annotations

import secrets


def new_code() -> str:
    """Six random digits as `42-17-08`; about 20 bits, valid for one ask only."""
    digits = f"{secrets.randbelow(1_000_000):06d}"
    return f"{digits[:2]}-{digits[2:4]}-{digits[4:]}"
