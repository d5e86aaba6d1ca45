"""Senders: audit rows pushed to receivers, and lost as each generation loses them."""
