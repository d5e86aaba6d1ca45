"""Pages of connected accounts: mine, one, everybody's, and the way to connect another."""
