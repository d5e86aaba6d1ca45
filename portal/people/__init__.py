"""A person's page: what acts for them, what they decided, what waits, and their offboarding."""
