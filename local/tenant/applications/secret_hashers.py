"""Hashing of client secrets."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class RandomSecretHasher(PBKDF2PasswordHasher):
    """One iteration: client secrets are 256 random bits, which more iterations make no harder."""

    algorithm = "pbkdf2_sha256_random"
    iterations = 1
