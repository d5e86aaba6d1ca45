"""Who is signed in: OIDC sign-in, roles, sessions, sign-out."""
