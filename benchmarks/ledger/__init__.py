"""What the ledger costs compared with the same rows without it, and how fast it is checked."""
