"""What the ledger costs beside the same rows without it, and how fast it is checked."""
