"""Holds no secrets: inventory, consent, broker, scope watch, revocation."""
