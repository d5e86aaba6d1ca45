"""Grants, tokens and signing keys on top of allauth's engine."""
