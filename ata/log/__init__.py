"""Follow a log as it grows, and cosign its checkpoints as a witness."""
