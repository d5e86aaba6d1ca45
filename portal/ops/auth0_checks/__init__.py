"""`check_auth0`: what a tenant must be set to for this portal, and what it is set to. Read only."""
