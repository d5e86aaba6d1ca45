"""What follows from a revocation: the remote steps, and what waits for whom."""
