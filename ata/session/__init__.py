"""Signing in and staying signed in: device grant, session file, how strong the sign-in is."""
