"""An invented month in the life of one DefenseClaw host, the same for any generation."""
