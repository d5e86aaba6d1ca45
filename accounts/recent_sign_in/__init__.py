"""Acts that need a sign-in minutes old, with a second factor."""
