"""How fast events leave as a file."""
