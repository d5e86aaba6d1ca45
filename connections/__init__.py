"""HOLDS NO SECRETS: inventory, consent, broker, scope watch, revocation."""
