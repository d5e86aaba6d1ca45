"""The OAuth and OpenID endpoints at Auth0's own paths."""
