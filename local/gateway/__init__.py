"""Stand-in for a DefenseClaw gateway of three generations, for tests and development only."""
