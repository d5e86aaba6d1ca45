"""The single checks of a verification, each of one kind of row."""
