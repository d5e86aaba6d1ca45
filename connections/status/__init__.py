"""How an account stands, what is known of it, and what depends on it."""
