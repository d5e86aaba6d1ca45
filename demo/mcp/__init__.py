"""A small Model Context Protocol server over a provider's API, on the standard library."""
