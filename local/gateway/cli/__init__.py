"""The command line `defenseclaw` of a stand-in home."""
