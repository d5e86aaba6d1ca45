"""An invented month in the life of one DefenseClaw host, told the same way for any generation."""
